'use strict'

// Functions that files of `lib/api` provide to the files below them.

const above = {
  /** The `Relink` of changes */
  commitOf: undefined,
  /** `link` for an implementation whose instance imports what it replaces */
  linkWithPrevious: undefined,
  /** The manifest of a `Store`'s present state */
  manifestOf: undefined,
  /** Notes the entries of tables that were emptied with a `Relink`: `[implementation, slot]` of each */
  noteEmptied: undefined,
  /** The wrapper of a native slot */
  slotOf: undefined,
  /** The `Store` of a native store; undefined if it has none */
  storeOf: undefined,
  /** The result of the trial of a `Relink`, as a promise; undefined without one. `settled` would keep the process alive */
  trialOf: undefined,
  /** Publishes an event about changes: its channel, the changes, and further properties of the message */
  publish: undefined,
}

module.exports = { above }
