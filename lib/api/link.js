'use strict'

const dispose = require('../node/dispose')
const { toOptions, wrongType } = require('../options/arguments')
const { Changes } = require('../internal/changes')
const { Brand, onlyInternal } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { slotBrand } = require('./slot')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

let brand

/** One change of a slot, and the way back. */
class Link {
  /** The changes that it was made with, and its position among them */
  #changes
  #index

  static {
    brand = new Brand('a Link', (value) => (#changes in value ? value : undefined))
    webidl(this)
    inspectable(this, {
      slot: (change) => change.slot.name,
      implementation: (change) => change.implementation,
      previous: (change) => change.previous,
    })
  }

  constructor(changes, index) {
    if (!(changes instanceof Changes)) throw onlyInternal('Link', 'link(implementation, slot)')
    this.#changes = changes
    this.#index = index
    uncloneable(this)
  }

  get slot() {
    const link = brand.get(this)
    return link.#changes.slots[link.#index]
  }

  get implementation() {
    const link = brand.get(this)
    return link.#changes.implementations[link.#index]
  }

  get previous() {
    const link = brand.get(this)
    return link.#changes.previous(link.#index)
  }

  undo() {
    const link = brand.get(this)
    link.#changes.undo(link.#index)
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
  checkImplementation(implementation, () => 'implementation')
  const { store, id } = toSlot(slot, () => 'slot')
  const merged = options !== undefined && toMerged(options)
  const changes = new Changes(store, [implementation], [slot])
  const address = store.addressOf(implementation)
  changes.makeAlone(address === 0 ? store.addressOf(adapt(store, implementation, id, merged)) : address, id, merged)
  return new Link(changes, 0)
}

/** Whether a slot may be linked that is one function for several. */
const toMerged = (options) => Boolean(toOptions(options, ['merged']).merged)

/** The WebAssembly functions that stand for JavaScript ones: by function, store, and type. */
const adapted = new WeakMap()

/** A WebAssembly function that converts and calls a JavaScript one: the same as long as that is there. */
function adapt(store, implementation, slot, merged) {
  const stores = remember(adapted, implementation, () => new WeakMap())
  const types = remember(stores, store, () => new Map())
  return remember(types, store.slotType(slot), () => store.adapt(implementation, slot, merged))
}

function remember(map, key, make) {
  if (!map.has(key)) map.set(key, make())
  return map.get(key)
}

/** Throws if the argument is not even a function. `argument` gives its name. */
function checkImplementation(value, argument) {
  if (typeof value === 'function') return
  const hint = slotBrand.find(value) ? 'a slot comes second, and `slot.current` is its implementation' : ''
  throw wrongType('a function', argument(), value, hint)
}

/** The handle of an argument that must be a Slot. `argument` gives its name. */
function toSlot(value, argument) {
  const handle = slotBrand.find(value)
  if (handle !== undefined) return handle
  const hint = value === undefined ? 'instance.slot(name) names the nearest for a name that is not there' : ''
  throw wrongType('a Slot', argument(), value, hint)
}

module.exports = { Link, adapt, isOver, link, checkImplementation, toMerged, toSlot }
