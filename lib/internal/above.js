'use strict'

// Functions that `lib/api/relink.js` provides to the files below it.

const above = {
  /** The `Relink` of changes */
  commitOf: undefined,
  /** `link` for an implementation whose instance imports what it replaces */
  linkWithPrevious: undefined,
  /** Publishes an event about changes: its channel, the changes, and further properties of the message */
  publish: undefined,
}

module.exports = { above }
