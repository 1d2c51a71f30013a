'use strict'

// Slots by name.

const { LinkError } = require('../errors')
const { isOfAbi } = require('./abi-exports')
const { baseName, isNumbered, namesOf, withoutNumber } = require('./function-names')
const { LISTED, formatList } = require('./format-list')
const { NameIndex } = require('./name-index')
const { nearest } = require('./nearest')

/** Number of `::` segments of a name. */
const depth = (name) => name.split('::').length

/** The last `count` segments of a Rust path. */
const tail = (name, count) => name.split('::').slice(-count).join('::')

/** The name index of each list of slots: a module has one list. */
const indexes = new WeakMap()

function indexOf(slots) {
  if (!indexes.has(slots)) indexes.set(slots, new NameIndex(slots))
  return indexes.get(slots)
}

/**
 * The position of the only slot that `wanted` means. Stable names take precedence over aliases, and these over suffixes. Among
 * equals, declared slots take precedence, and `a::b` over `a::b#2`. `others` returns the functions that are not slots.
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

/** The positions of the matching slots with the highest precedence. */
function best(slots, positions) {
  const declared = positions.filter((position) => slots[position].kind === 'declared')
  if (declared.length > 0) return declared
  const names = new Set(positions.map((position) => slots[position].name))
  return positions.filter((position) => {
    const { name } = slots[position]
    return !isNumbered(name) || !names.has(withoutNumber(name))
  })
}

/** The error for an unknown name. `others` are the functions that are not slots, and the patterns without a function. */
function unknown(slots, wanted, others) {
  // An index of all would be used only once, so filter first.
  const perhaps = others.filter((other) => namesOf(other).some((name) => name.includes(wanted)))
  const there = new NameIndex(perhaps).meant(wanted).map((position) => perhaps[position])
  if (there.length > 0) return noSlots(wanted, there)
  const index = /^func\[(\d+)\]$/.exec(wanted)?.[1]
  if (index !== undefined) return noFunction(slots, others, wanted, index)
  const known = [...slots, ...others.filter(({ whyNot }) => !['not-found', 'original'].includes(whyNot.reason))]
  const names = known.map(({ name }) => name).filter((name) => !isOfAbi(name))
  // Compare a short name with the last segments of long ones: an omitted path is not a misspelling.
  const near = nearest(wanted, names, { key: (name) => tail(baseName(name), depth(wanted)) })
  const all = slots.map(({ name }) => name)
  const candidates = near.length > 0 ? near : all.slice(0, LISTED)
  const advice = near.length > 0 ? `nearest: ${formatList(near)}` : overview(all, candidates)
  return new LinkError(`no slot is called "${wanted}"; ${advice}`, {
    code: 'ERR_RELINK_UNKNOWN_SLOT',
    details: { slot: wanted, candidates },
  })
}

/** The error for functions that are not slots, or a pattern without a function. The first one's reason is for all. */
function noSlots(wanted, there) {
  const [{ whyNot }] = there
  const isMissing = whyNot.reason === 'not-found'
  const alike = (isMissing ? there.slice(0, 1) : there.filter((other) => other.whyNot.reason === whyNot.reason)).map(
    ({ name }) => name,
  )
  const are = alike.length === 1 ? 'is not a slot' : 'are not slots'
  return new LinkError(`${formatList(alike)} ${are}: ${whyNot.message}`, {
    code: 'ERR_RELINK_UNKNOWN_SLOT',
    details: { slot: wanted, candidates: [], reason: whyNot.reason },
  })
}

/** The error for an index that no function of the module has. */
function noFunction(slots, others, wanted, index) {
  const indices = [...slots, ...others].map(({ functionIndex }) => functionIndex).filter((each) => each !== undefined)
  const has = indices.length === 0 ? 'no functions' : `functions 0 to ${indices.reduce((a, b) => Math.max(a, b))}`
  return new LinkError(`no function has the index ${index}: the module has ${has}`, {
    code: 'ERR_RELINK_UNKNOWN_SLOT',
    details: { slot: wanted, candidates: [] },
  })
}

/** The advice if no slot has a similar name. */
function overview(names, first) {
  if (names.length === 0) {
    return "the module has no slots, or was compiled with slots: 'none'; for an entry of a table, use `table.slot(index)`"
  }
  const which = names.length > first.length ? `the first ${first.length} of ${names.length} are` : 'there is'
  const inlined = 'an inlined function has no slot (docs/what-can-be-relinked.md)'
  return `none has a similar name, and ${inlined}; ${which} ${formatList(first)}`
}

function ambiguous(slots, matches, wanted) {
  const candidates = matches.map((position) => slots[position].name)
  return new LinkError(`"${wanted}" may mean ${formatList(candidates)}: use one of these names`, {
    code: 'ERR_RELINK_AMBIGUOUS_SLOT',
    details: { slot: wanted, candidates },
  })
}

module.exports = { findSlot }
