'use strict'

/** How many names a message lists: a module may have any number of functions. */
const LISTED = 10

/** The first names of a list for a message, and how many more there are. */
function listed(names) {
  const first = names.slice(0, LISTED).map((name) => `"${name}"`)
  const more = names.length - first.length
  return more > 0 ? `${first.join(', ')} and ${more} more` : first.join(', ')
}

module.exports = { LISTED, listed }
