'use strict'

// Lists of names in messages.

/** Number of names that a message lists: a module may have any number of functions. */
const LISTED = 10

/** The first names of a list as text, and the number of the others. */
function formatList(names) {
  const first = names.slice(0, LISTED).map((name) => `"${name}"`)
  const more = names.length - first.length
  return more > 0 ? `${first.join(', ')} and ${more} more` : first.join(', ')
}

module.exports = { LISTED, formatList }
