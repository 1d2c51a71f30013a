'use strict'

const { LinkError } = require('./errors')
const { nearest } = require('./nearest')

/** How many `::` segments a name has. */
const depth = (name) => name.split('::').length

/** The last `count` segments of a Rust path. */
const tail = (name, count) => name.split('::').slice(-count).join('::')

/**
 * The one slot name that `wanted` means: the name itself, or the only one of which it is the end, cut
 * at `::`.
 */
function resolveSlotName(names, wanted) {
  if (names.includes(wanted)) return wanted
  const matches = names.filter((name) => name.endsWith(`::${wanted}`))
  if (matches.length === 1) return matches[0]
  throw matches.length === 0 ? unknown(names, wanted) : ambiguous(matches, wanted)
}

/** How many names a message lists where none is near to what was wanted. */
const LISTED = 10

function unknown(names, wanted) {
  // A short name is compared with the ends of the long ones: what is left out is not misspelt.
  const near = nearest(wanted, names, { key: (name) => tail(name, depth(wanted)) })
  const candidates = near.length > 0 ? near : names.slice(0, LISTED)
  const advice = near.length > 0 ? `nearest: ${quoted(near)}` : overview(names, candidates)
  return new LinkError(`no slot is called "${wanted}"; ${advice}`, {
    code: 'ERR_RELINK_UNKNOWN_SLOT',
    details: { slot: wanted, candidates },
  })
}

/** What there is, where no name is near. */
function overview(names, listed) {
  if (names.length === 0) {
    return 'the module declares no slots (#[relinkable] in Rust does); `table.slot(index)` is the way to the others'
  }
  const which = names.length > listed.length ? `the first ${listed.length} of ${names.length} are` : 'there is'
  return `none has a similar name; ${which} ${quoted(listed)}`
}

function ambiguous(candidates, wanted) {
  return new LinkError(`"${wanted}" may be any of ${quoted(candidates)}: say more of the path`, {
    code: 'ERR_RELINK_AMBIGUOUS_SLOT',
    details: { slot: wanted, candidates },
  })
}

const quoted = (names) => names.map((name) => `"${name}"`).join(', ')

module.exports = { resolveSlotName }
