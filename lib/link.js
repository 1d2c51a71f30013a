'use strict'

const dispose = require('./dispose')
const { toOptions, wrongType } = require('./arguments')
const { Brand, Handle, onlyInternal } = require('./handle')
const { inspectable } = require('./inspect')
const { slotBrand } = require('./slot')
const { uncloneable } = require('./uncloneable')
const { webidl } = require('./webidl')

let brand

/** One change of a slot, and the way back. */
class Link {
  #handle

  static {
    brand = new Brand('a Link', (value) => (#handle in value ? value.#handle : undefined))
    webidl(this)
    inspectable(this, {
      slot: (change) => change.slot.name,
      implementation: (change) => change.implementation,
      previous: (change) => change.previous,
    })
  }

  constructor(handle) {
    this.#handle = onlyInternal(handle, 'Link', 'link(implementation, slot)')
    handle.keep('link', this)
    uncloneable(this)
  }

  get slot() {
    return brand.get(this).details.slot
  }

  get implementation() {
    return brand.get(this).details.implementation
  }

  get previous() {
    return brand.get(this).details.previous
  }

  undo() {
    undoAll([this])
  }

  [dispose]() {
    try {
      this.undo()
    } catch (error) {
      if (!isOver(error)) throw error
    }
  }
}

/** Whether an error says that there is nothing left to undo. */
const isOver = ({ code }) => code === 'ERR_RELINK_UNDONE' || code === 'ERR_RELINK_CLOSED'

/** Makes every path that leads to the slot run the implementation, from now on. */
function link(implementation, slot, options = undefined) {
  checkImplementation(implementation, 'implementation')
  const { store, id } = toSlot(slot, 'slot')
  const merged = toMerged(options)
  return linkOf(store, slot, implementation, store.link(toWasmFunction(store, implementation, id, merged), id, merged))
}

/** Whether a slot may be linked that is one function for several. */
const toMerged = (options) => Boolean(toOptions(options, ['merged']).merged)

/** The WebAssembly functions that stand for JavaScript ones: by function, store, and type. */
const adapted = new WeakMap()

/** The implementation as a WebAssembly function: itself, or one that converts and calls it. */
function toWasmFunction(store, implementation, slot, merged) {
  if (store.isWasmFunction(implementation)) return implementation
  const stores = remember(adapted, implementation, () => new WeakMap())
  const types = remember(stores, store, () => new Map())
  return remember(types, store.slotType(slot), () => store.adapt(implementation, slot, merged))
}

function remember(map, key, make) {
  if (!map.has(key)) map.set(key, make())
  return map.get(key)
}

/** The Link of a native one. */
function linkOf(store, slot, implementation, { id, previous }) {
  return new Link(new Handle(store, id, { slot, implementation, previous }))
}

/** Takes back links of one store, the last one first, or none of them. */
function undoAll(links) {
  const handles = links.map((standing) => brand.get(standing))
  handles[0]?.store.undo(
    handles.map(({ id }) => id),
    handles.map(({ details }) => slotBrand.get(details.slot).id),
  )
}

/** Throws if the argument is not even a function. */
function checkImplementation(value, argument) {
  if (typeof value === 'function') return
  const hint = slotBrand.find(value) ? 'a slot comes second, and `slot.current` is its implementation' : ''
  throw wrongType('a function', argument, value, hint)
}

/** The handle of an argument that must be a Slot. */
function toSlot(value, argument) {
  const handle = slotBrand.find(value)
  if (handle !== undefined) return handle
  const hint = value === undefined ? 'instance.slot(name) names the nearest for a name that is not there' : ''
  throw wrongType('a Slot', argument, value, hint)
}

module.exports = { Link, isOver, link, linkOf, undoAll, checkImplementation, toMerged, toSlot, toWasmFunction }
