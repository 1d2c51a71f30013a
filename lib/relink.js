'use strict'

const dispose = require('./dispose')
const { wrongType } = require('./arguments')
const { LinkError } = require('./errors')
const { Brand, Handle, onlyInternal } = require('./handle')
const { inspectable } = require('./inspect')
const { checkImplementation, isOver, linkOf, toMerged, toSlot, toWasmFunction, undoAll } = require('./link')
const { uncloneable } = require('./uncloneable')
const { webidl } = require('./webidl')

let brand

/** Changes that were made together, and the way back. */
class Relink {
  #handle

  static {
    brand = new Brand('a Relink', (value) => (#handle in value ? value.#handle : undefined))
    webidl(this)
    inspectable(this, { links: (all) => all.links })
  }

  constructor(handle) {
    this.#handle = onlyInternal(handle, 'Relink', 'relink(changes)')
    uncloneable(this)
  }

  get links() {
    return brand.get(this).details.links
  }

  undo() {
    undoAll(brand.get(this).details.links)
  }

  [dispose]() {
    try {
      this.undo()
    } catch (error) {
      if (!isOver(error)) throw error
      // Some were undone one by one; what still stands goes now.
      for (const link of this.links.toReversed()) link[dispose]()
    }
  }
}

/** Makes many changes, or none. */
function relink(changes, options = undefined) {
  if (typeof changes?.[Symbol.iterator] !== 'function' || typeof changes === 'string') {
    throw wrongType('an iterable of [implementation, slot]', 'changes', changes)
  }
  const merged = toMerged(options)
  const { fit, refusals } = adaptAll(check(changes), merged)
  const store = fit[0]?.store
  if (refusals.length > 0) throw refused([...refusals, ...rehearse(store, fit, merged)])
  // Without a change there is no store to ask, and nothing to undo.
  const made = store === undefined ? [] : store.relink(...columns(fit), merged)
  const links = made.map((result, index) => linkOf(store, fit[index].slot, fit[index].implementation, result))
  return new Relink(new Handle(store, undefined, { links: Object.freeze(links) }))
}

/** Parts the changes that the native side can judge from those that are none. */
function check(changes) {
  const fit = []
  const refusals = []
  let index = 0
  for (const change of changes) {
    // Reading runs the user's code, and what that throws is the user's: it comes out as it is.
    const pair = Array.isArray(change) && change.length === 2 ? [...change] : undefined
    try {
      if (pair === undefined) throw wrongType('an array [implementation, slot]', `changes[${index}]`, change)
      fit.push({ index, ...toChange(pair, index, fit[0]?.store) })
    } catch ({ code, message, slot }) {
      refusals.push({ index, code, message, ...(slot !== undefined && { slot }) })
    }
    index++
  }
  return { fit, refusals }
}

/** Makes the JavaScript functions among the changes WebAssembly functions, where the slots take any. */
function adaptAll({ fit: given, refusals }, merged) {
  const fit = []
  for (const change of given) {
    const { store, implementation, id, index, slot } = change
    try {
      fit.push({ ...change, adapted: toWasmFunction(store, implementation, id, merged) })
    } catch (error) {
      if (!error?.code?.startsWith?.('ERR_')) throw error
      const { code, message, expected, actual } = error
      const types = expected === undefined ? {} : { expected, actual }
      refusals.push({ index, slot: slot.name, code, message, ...types })
    }
  }
  return { fit, refusals }
}

function toChange([implementation, slot], index, store) {
  checkImplementation(implementation, `changes[${index}][0]`)
  const handle = toSlot(slot, `changes[${index}][1]`)
  if (store !== undefined && handle.store !== store) {
    const { name } = handle.details
    throw new LinkError(`slot "${name}" belongs to another store than the slots before it`, {
      code: 'ERR_RELINK_STORE',
      details: { slot: name },
    })
  }
  return { implementation, slot, id: handle.id, store: handle.store }
}

/** The changes as the native side takes them: the implementations, and the slots. */
function columns(fit) {
  return [fit.map(({ adapted }) => adapted), fit.map(({ id }) => id)]
}

/**
 * What the native side has against the changes that fit: a refusal names everything that is wrong, so that
 * it takes one attempt to find it out.
 */
function rehearse(store, fit, merged) {
  if (store === undefined) return []
  try {
    store.checkChanges(...columns(fit), merged)
    return []
  } catch (error) {
    if (error.code !== 'ERR_RELINK_REFUSED') throw error
    return error.refusals.map((refusal) => ({ ...refusal, index: fit[refusal.index].index }))
  }
}

function refused(refusals) {
  const ordered = refusals.toSorted((a, b) => a.index - b.index)
  const list = ordered.map(({ index, message }) => `[${index}] ${message}`).join('; ')
  return new LinkError(`${ordered.length} of the changes cannot be made, so none was made: ${list}`, {
    code: 'ERR_RELINK_REFUSED',
    details: { refusals: ordered },
  })
}

module.exports = { Relink, relink }
