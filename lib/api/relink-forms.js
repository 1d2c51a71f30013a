'use strict'

// The three forms of `relink`'s arguments.

const { isPlain, wrongType } = require('../options/arguments')
const { toRelinkOptions } = require('../options/commit-options')
const { LinkError } = require('../errors')
const { findInstance } = require('./instance')
const { matchingSlots } = require('../internal/matching-slots')
const { RequestedChanges } = require('./requested-changes')
const { slotBrand } = require('./slot')

/** The changes that the arguments of `relink` ask for, the options, and the slots that two instances do not share. */
function toRequest(changes, rest) {
  if (findInstance(changes) !== undefined) return ofInstances(changes, ...rest)
  if (typeof changes?.[Symbol.iterator] === 'function' && typeof changes !== 'string') return ofPairs(changes, rest[0])
  if (typeof changes === 'object' && changes !== null && findInstance(rest[0]) !== undefined) {
    // An Instance or a Module of Node's own, for example.
    if (!isPlain(changes) && Object.keys(changes).length === 0) {
      throw wrongType('an object of implementations by name, or an Instance,', 'changes', changes)
    }
    return ofNames(changes, ...rest)
  }
  const forms = 'an iterable of [implementation, slot]'
  const hint =
    typeof changes === 'object' && changes !== null && slotBrand.find(changes) === undefined
      ? 'the second argument of `relink({ name: implementation }, instance)` is the instance with these slots'
      : ''
  throw wrongType(forms, 'changes', changes, hint)
}

function ofPairs(changes, options) {
  const known = toRelinkOptions(options)
  const all = [...changes]
  const requested = new RequestedChanges(all.length, known)
  for (let index = 0; index < all.length; index++) requested.addPair(all[index], index)
  requested.addPrevious()
  return { requested, options: known }
}

function ofNames(changes, instance, options = undefined) {
  const known = toRelinkOptions(options)
  const all = Object.entries(changes)
  const requested = new RequestedChanges(all.length, known)
  all.forEach(([name, implementation], index) => requested.addNamed(name, implementation, instance, index))
  requested.addPrevious()
  return { requested, options: known }
}

/** The codes of refusals that only mean that two functions of one name differ. */
const DIFFERENT = new Set(['ERR_RELINK_SIGNATURE', 'ERR_RELINK_ABI', 'ERR_RELINK_MERGED'])

function ofInstances(previous, next, options = undefined) {
  const known = toRelinkOptions(options, ['strict'])
  const [from, to] = [findInstance(previous), findInstance(next)]
  if (to === undefined) throw wrongType('an Instance', 'next', next)
  const found = matchingSlots({ instance: previous, state: from }, { instance: next, state: to })
  const skipped = [...found.skipped]
  const matches = found.matches.map(({ name, implementation }) => ({ name, implementation: implementation() }))
  let requested = requestOf(matches, previous, known)
  try {
    requested.check()
  } catch (error) {
    if (!error?.refusals?.every(({ code }) => DIFFERENT.has(code))) throw error
    const refused = new Set(error.refusals.map(({ index }) => index))
    for (const { index, ...why } of error.refusals) skipped.push(Object.freeze({ ...why, slot: matches[index].name }))
    const kept = matches.filter((_, index) => !refused.has(index))
    requested = requestOf(kept, previous, known)
  }
  if (known.strict && skipped.length > 0) throw notAll(skipped)
  if (requested.slots.length === 0) throw nothing(skipped)
  return { requested, options: known, skipped: Object.freeze(skipped) }
}

function requestOf(matches, instance, permissions) {
  const requested = new RequestedChanges(matches.length, permissions)
  matches.forEach(({ name, implementation }, index) => requested.addNamed(name, implementation, instance, index))
  requested.addPrevious()
  return requested
}

/** The error of `strict`, with each slot that does not match. */
function notAll(skipped) {
  const refusals = skipped.map((each, index) => ({ index, ...each }))
  const list = skipped.slice(0, 10).map(({ message }) => message)
  const more = skipped.length > 10 ? ` and ${skipped.length - 10} more` : ''
  const count = skipped.length === 1 ? 'one slot does' : `${skipped.length} slots do`
  return new LinkError(`${count} not match, so no change was made: ${list.join('; ')}${more}`, {
    code: 'ERR_RELINK_REFUSED',
    details: { refusals },
  })
}

/** The error of two instances without a slot in common: probably a mistake. */
function nothing(skipped) {
  const names = skipped.slice(0, 10).map(({ slot }) => `"${slot}"`)
  const has = names.length === 0 ? 'the first has no declared or exported slots' : `the first has ${names.join(', ')}`
  return new LinkError(`the instances have no slot in common, so no change was made: ${has}`, {
    code: 'ERR_RELINK_REFUSED',
    details: { refusals: skipped.map((each, index) => ({ index, ...each })) },
  })
}

module.exports = { toRequest }
