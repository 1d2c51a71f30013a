'use strict'

const { LinkError } = require('../errors')
const { bare, isNumbered, namesOf, withoutNumber } = require('./function-names')
const { LISTED, listed } = require('./format-list')
const { NameIndex } = require('./name-index')
const { nearest } = require('./nearest')

/** How many `::` segments a name has. */
const depth = (name) => name.split('::').length

/** The last `count` segments of a Rust path. */
const tail = (name, count) => name.split('::').slice(-count).join('::')

/** The index of each list of slots: a module has one list. */
const indexes = new WeakMap()

function indexOf(slots) {
  if (!indexes.has(slots)) indexes.set(slots, new NameIndex(slots))
  return indexes.get(slots)
}

/**
 * The position of the one slot that `wanted` means. A stable name comes before other names, and these before ends of
 * names; among equals, a declared slot comes before others, and `a::b` before `a::b#2`, which it shadows.
 */
function findSlot(slots, wanted, others) {
  const index = indexOf(slots)
  const exact = index.named(wanted)
  if (exact !== undefined) return exact
  for (const find of [() => index.aliased(wanted), () => index.meant(wanted)]) {
    const matches = best(slots, find())
    if (matches.length === 1) return matches[0]
    if (matches.length > 1) throw ambiguous(slots, matches, wanted)
  }
  throw unknown(slots, wanted, others())
}

/** The positions of the slots that a name rather means than others that it fits. */
function best(slots, positions) {
  const declared = positions.filter((position) => slots[position].kind === 'declared')
  if (declared.length > 0) return declared
  const names = new Set(positions.map((position) => slots[position].name))
  return positions.filter((position) => {
    const { name } = slots[position]
    return !isNumbered(name) || !names.has(withoutNumber(name))
  })
}

/** `others` are the functions that are no slots, and what was asked for and is not there. */
function unknown(slots, wanted, others) {
  // An index of them all would be asked but once.
  const perhaps = others.filter((other) => namesOf(other).some((name) => name.includes(wanted)))
  const there = new NameIndex(perhaps).meant(wanted).map((position) => perhaps[position])
  if (there.length > 0) return noSlots(wanted, there)
  const index = /^func\[(\d+)\]$/.exec(wanted)?.[1]
  if (index !== undefined) return noFunction(slots, others, wanted, index)
  const known = [...slots, ...others.filter(({ whyNot }) => !['not-found', 'original'].includes(whyNot.reason))]
  const names = known.map(({ name }) => name)
  // A short name is compared with the ends of the long ones: what is left out is not misspelt.
  const near = nearest(wanted, names, { key: (name) => tail(bare(name), depth(wanted)) })
  const all = slots.map(({ name }) => name)
  const candidates = near.length > 0 ? near : all.slice(0, LISTED)
  const advice = near.length > 0 ? `nearest: ${listed(near)}` : overview(all, candidates)
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
  return new LinkError(`${listed(alike)} ${are}: ${whyNot.message}`, {
    code: 'ERR_RELINK_UNKNOWN_SLOT',
    details: { slot: wanted, candidates: [], reason: whyNot.reason },
  })
}

/** A function index that the module does not have. */
function noFunction(slots, others, wanted, index) {
  const indices = [...slots, ...others].map(({ functionIndex }) => functionIndex).filter((each) => each !== undefined)
  const has = indices.length === 0 ? 'no functions' : `functions 0 to ${indices.reduce((a, b) => Math.max(a, b))}`
  return new LinkError(`no function has the index ${index}: the module has ${has}`, {
    code: 'ERR_RELINK_UNKNOWN_SLOT',
    details: { slot: wanted, candidates: [] },
  })
}

/** What there is, where no name is near. */
function overview(names, first) {
  if (names.length === 0) {
    return "the module has no slots, or was compiled with slots: 'none'; `table.slot(index)` is the way to its tables"
  }
  const which = names.length > first.length ? `the first ${first.length} of ${names.length} are` : 'there is'
  const inlined = 'a function that was inlined has none (docs/what-can-be-relinked.md)'
  return `none has a similar name, and ${inlined}; ${which} ${listed(first)}`
}

function ambiguous(slots, matches, wanted) {
  const candidates = matches.map((position) => slots[position].name)
  return new LinkError(`"${wanted}" may be any of ${listed(candidates)}: take one of these names`, {
    code: 'ERR_RELINK_AMBIGUOUS_SLOT',
    details: { slot: wanted, candidates },
  })
}

module.exports = { findSlot }
