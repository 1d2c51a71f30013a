'use strict'

const { LinkError } = require('./errors')
const { nearest } = require('./nearest')

/** How many `::` segments a name has. */
const depth = (name) => name.split('::').length

/** The last `count` segments of a Rust path. */
const tail = (name, count) => name.split('::').slice(-count).join('::')

/** A name without what tells it from others of its kind: its number, and the types of a generic function. */
const bare = (name) => name.replace(/#\d+$/, '').replace(/::<.*>$/, '')

/** Whether `wanted` is a name, or the end of one: cut at `::`, or of an import at the dot. */
function isEnd(name, wanted) {
  return name === wanted || name.endsWith(`::${wanted}`) || name.endsWith(`.${wanted}`)
}

/** Whether `wanted` means the function with these names. */
const means = (names, wanted) => names.some((name) => isEnd(name, wanted) || isEnd(bare(name), wanted))

/** Whether a name has a number that tells it from others. */
const isNumbered = (name) => /#\d+$/.test(name)

/**
 * The position of the one slot that `wanted` means. A stable name comes before other names, and these before ends of
 * names; among equals, a declared slot comes before others, and `a::b` before `a::b#2`, which it shadows.
 */
function findSlot(slots, wanted, others) {
  const exact = slots.findIndex(({ name }) => name === wanted)
  if (exact >= 0) return exact
  for (const fits of [({ aliases }) => aliases.includes(wanted), (slot) => means(namesOf(slot), wanted)]) {
    const matches = best(slots.filter(fits))
    if (matches.length === 1) return slots.indexOf(matches[0])
    if (matches.length > 1) throw ambiguous(matches, wanted)
  }
  throw unknown(slots, wanted, others())
}

/** All names of a slot, the stable one first. */
const namesOf = ({ name, aliases }) => [name, ...aliases]

/** The slots that a name rather means than others that it fits. */
function best(matches) {
  const declared = matches.filter(({ kind }) => kind === 'declared')
  if (declared.length > 0) return declared
  const names = new Set(matches.map(({ name }) => name))
  return matches.filter(({ name }) => !isNumbered(name) || !names.has(name.replace(/#\d+$/, '')))
}

/** How many names a message lists where none is near to what was wanted. */
const LISTED = 10

/** `others` are the functions that are no slots, and what was asked for and is not there. */
function unknown(slots, wanted, others) {
  const other = others.find((each) => means(namesOf(each), wanted))
  if (other) return noSlot(wanted, other)
  const names = slots.map(({ name }) => name)
  // A short name is compared with the ends of the long ones: what is left out is not misspelt.
  const near = nearest(wanted, names, { key: (name) => tail(bare(name), depth(wanted)) })
  const candidates = near.length > 0 ? near : names.slice(0, LISTED)
  const advice = near.length > 0 ? `nearest: ${quoted(near)}` : overview(names, candidates)
  return new LinkError(`no slot is called "${wanted}"; ${advice}`, {
    code: 'ERR_RELINK_UNKNOWN_SLOT',
    details: { slot: wanted, candidates },
  })
}

/** A function that is there, or was asked for, but is no slot. */
function noSlot(wanted, { name, whyNot }) {
  return new LinkError(`"${name}" is no slot: ${whyNot.message}`, {
    code: 'ERR_RELINK_UNKNOWN_SLOT',
    details: { slot: wanted, candidates: [], reason: whyNot.reason },
  })
}

/** What there is, where no name is near. */
function overview(names, listed) {
  if (names.length === 0) {
    return "the module has no slots, or was compiled with slots: 'none'; `table.slot(index)` is the way to its tables"
  }
  const which = names.length > listed.length ? `the first ${listed.length} of ${names.length} are` : 'there is'
  return `none has a similar name; ${which} ${quoted(listed)}`
}

function ambiguous(matches, wanted) {
  const candidates = matches.map(({ name }) => name)
  return new LinkError(`"${wanted}" may be any of ${quoted(candidates)}: say more of the path`, {
    code: 'ERR_RELINK_AMBIGUOUS_SLOT',
    details: { slot: wanted, candidates },
  })
}

const quoted = (names) => names.map((name) => `"${name}"`).join(', ')

module.exports = { findSlot, means }
