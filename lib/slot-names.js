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
  const there = others.filter((other) => means(namesOf(other), wanted))
  if (there.length > 0) return noSlots(wanted, there)
  const known = [...slots, ...others.filter(({ whyNot }) => !['not-found', 'original'].includes(whyNot.reason))]
  const names = known.map(({ name }) => name)
  // A short name is compared with the ends of the long ones: what is left out is not misspelt.
  const near = nearest(wanted, names, { key: (name) => tail(bare(name), depth(wanted)) })
  const all = slots.map(({ name }) => name)
  const candidates = near.length > 0 ? near : all.slice(0, LISTED)
  const advice = near.length > 0 ? `nearest: ${quoted(near)}` : overview(all, candidates)
  return new LinkError(`no slot is called "${wanted}"; ${advice}`, {
    code: 'ERR_RELINK_UNKNOWN_SLOT',
    details: { slot: wanted, candidates },
  })
}

/** Functions that are there but are no slots, all for the reason of the first; or a name that was asked for in vain. */
function noSlots(wanted, there) {
  const [{ whyNot }] = there
  const vain = whyNot.reason === 'not-found'
  const alike = (vain ? there.slice(0, 1) : there.filter((other) => other.whyNot.reason === whyNot.reason)).map(
    ({ name }) => name,
  )
  const are = alike.length === 1 ? 'is no slot' : 'are no slots'
  return new LinkError(`${quoted(alike)} ${are}: ${whyNot.message}`, {
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
  const inlined = 'a function that was inlined has none (docs/what-can-be-relinked.md)'
  return `none has a similar name, and ${inlined}; ${which} ${quoted(listed)}`
}

function ambiguous(matches, wanted) {
  const candidates = matches.map(({ name }) => name)
  return new LinkError(`"${wanted}" may be any of ${quoted(candidates)}: take one of these names`, {
    code: 'ERR_RELINK_AMBIGUOUS_SLOT',
    details: { slot: wanted, candidates },
  })
}

const quoted = (names) => names.map((name) => `"${name}"`).join(', ')

module.exports = { findSlot, means }
