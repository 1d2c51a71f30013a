'use strict'

// The slots of one instance for which another instance has a function.

const { isOfAbi } = require('../names/abi-exports')
const { formatType } = require('../node/inspect')

/**
 * The changes by which the functions of `next` replace those of `previous`: `matches` are the slots of `previous` for which
 * `next` declares or exports a function of the same name and type, `skipped` the declared and exported ones for which it does not.
 */
function matchingSlots(previous, next) {
  const own = slotsByName(next)
  const { typed } = previous.state
  const matches = []
  const skipped = []
  for (const { name, kind, type } of previous.state.compiled.slots) {
    if (isOfAbi(name)) continue
    if (kind === 'function' && typed?.isExport(name)) {
      skipped.push(ofOwnMemory(name))
      continue
    }
    const found = candidate(next, own, name)
    const isPublic = kind === 'declared' || (kind === 'function' && typeof previous.state.exports[name] === 'function')
    if (found === undefined) {
      if (isPublic) skipped.push(missing(name, type))
    } else if (found.type !== undefined && formatType(found.type) !== formatType(type)) {
      skipped.push(different(name, type, found.type))
    } else {
      matches.push({ name, implementation: found.implementation })
    }
  }
  return { matches, skipped }
}

const slotsByName = ({ state }) => new Map(state.compiled.slots.map((slot) => [slot.name, slot]))

/** The function that an instance declares or exports under this name. */
function candidate({ instance, state }, slots, name) {
  const slot = slots.get(name)
  const isExported = typeof state.exports[name] === 'function'
  // A module without slots: the native side compares the types.
  if (slot === undefined) return isExported ? { implementation: () => state.exports[name] } : undefined
  if (slot.kind === 'declared' || (slot.kind === 'function' && isExported)) {
    return { type: slot.type, implementation: () => instance.slot(name).original }
  }
  return undefined
}

const missing = (slot, type) =>
  Object.freeze({
    slot,
    code: 'ERR_RELINK_UNKNOWN_SLOT',
    expected: formatType(type),
    message: `the new instance neither declares nor exports a function "${slot}"`,
  })

/** The core function of a typed export takes addresses of its own memory. */
const ofOwnMemory = (slot) =>
  Object.freeze({
    slot,
    code: 'ERR_RELINK_ABI',
    message: `"${slot}" is a typed export, which another memory cannot serve: declare a slot for what is to change`,
  })

function different(slot, type, other) {
  const [expected, actual] = [formatType(type), formatType(other)]
  const message = `slot "${slot}" takes a function of type ${expected}, got ${actual}`
  return Object.freeze({ slot, code: 'ERR_RELINK_SIGNATURE', expected, actual, message })
}

module.exports = { matchingSlots }
