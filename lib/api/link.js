'use strict'

// The class Link, and `link`.

const dispose = require('../node/dispose')
const { above } = require('../internal/above')
const { wrongType } = require('../options/arguments')
const { toLinkOptions } = require('../options/commit-options')
const { Changes } = require('../internal/changes')
const { drained } = require('../internal/drained')
const { channels } = require('../internal/events')
const { noteAdapter } = require('../internal/function-record')
const { Brand, onlyInternal } = require('../internal/handle')
const { ownerOf } = require('../internal/owners')
const { noteUse } = require('../internal/promised')
const { inspectable } = require('../node/inspect')
const { suspendingFunction } = require('./promising')
const { functionIn, slotBrand, slotOf } = require('./slot')
const { coreFor } = require('../typed/core-for')
const { findTyped } = require('../typed/functions')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

let brand

/** A change of a slot. */
class Link {
  /** The changes that were made together with it, and its index among them */
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
    const core = link.#changes.previous(link.#index)
    const { store, id, details } = slotBrand.get(link.slot)
    return details.typed === undefined || core === null ? core : functionIn(details.typed, core, store, id)
  }

  get commit() {
    return above.commitOf(brand.get(this).#changes)
  }

  async drained() {
    const link = brand.get(this)
    await drained(link.#changes.store, { functions: link.#changes.replaced([link.#index]) })
  }

  undo() {
    const link = brand.get(this)
    undoOne(link.#changes, link.#index)
  }

  [dispose]() {
    try {
      this.undo()
    } catch (error) {
      if (!isOver(error)) throw error
    }
  }
}

/** Whether an error means that there is nothing left to undo. */
const isOver = ({ code }) => code === 'ERR_RELINK_UNDONE' || code === 'ERR_RELINK_CLOSED'

/** Makes every call of the slot run the implementation. */
function link(implementation, slot, options = undefined) {
  checkImplementation(implementation, () => 'implementation')
  const handle = toSlot(slot, () => 'slot')
  const permissions = toLinkOptions(options)
  const { store } = handle
  const { about } = permissions
  store.commits.refuseInHook('link', handle.details.name)
  if (store.hasPrevious && ownerOf(implementation)?.previous?.has(handle.details.name)) {
    return above.linkWithPrevious(implementation, slot, permissions)
  }
  const target = permissions.callSite ? callSiteSlot(handle, implementation, permissions.type) : slot
  const { id, details } = target === slot ? handle : slotBrand.get(target)
  const changes = new Changes(store, [implementation], [target])
  if (about !== undefined) {
    store.commits.begin()
    changes.more.about = about
  }
  const core = coreFor(store, implementation, id, details, permissions)
  const address = store.addressOf(core)
  changes.makeOne(address === 0 ? adapterAddress(store, core, id, permissions) : address, id, permissions.allowed)
  const made = new Link(changes, 0)
  if (channels.link.hasSubscribers) above.publish('link', changes, { link: made })
  return made
}

/** Undoes one change of a commit. */
function undoOne(changes, index) {
  const { store, slots } = changes
  store.commits.refuseInHook('undo', slots[index].name)
  if (!changes.undo(index) || !channels.undo.hasSubscribers) return
  above.publish('undo', changes, { reason: 'undo', undone: [slots[index].name] })
}

/** The slot that takes a function by the type of a call site, in place of a slot of another type: its table entry alone. */
const callSiteSlot = ({ store, id }, implementation, type) =>
  slotOf(store, store.callSiteSlot(id, store.addressOf(findTyped(implementation)?.raw ?? implementation), type))

/** The adapters of JavaScript functions: by function, store, and type. */
const adapters = new WeakMap()

/** The address of the adapter of a JavaScript function for a slot. The function keeps its adapters alive. */
function adapterAddress(store, implementation, slot, { allowed, type }) {
  const stores = remember(adapters, implementation, () => new WeakMap())
  const types = remember(stores, store, () => new Map())
  const target = store.find('slot', slot)
  noteUse(implementation, target?.name)
  const fn = suspendingFunction(implementation)
  const suspends = fn !== undefined || (target !== undefined && slotBrand.get(target).details.suspend)
  const key = `${store.slotType(slot, allowed, type)} ${suspends}`
  const make = () => makeAdapter(store, implementation, fn ?? implementation, { slot, allowed, suspends, type })
  return store.addressOf(remember(types, key, make))
}

/** The adapter of a JavaScript function, `fn`: the implementation, or the function of that `Suspending`. */
function makeAdapter(store, implementation, fn, { slot, allowed, suspends, type }) {
  const adapter = store.adapt(fn, slot, allowed, suspends, type)
  noteAdapter(adapter, implementation)
  return adapter
}

function remember(map, key, make) {
  if (!map.has(key)) map.set(key, make())
  return map.get(key)
}

/** Throws if an argument is not a function. `argument` returns its name. */
function checkImplementation(value, argument) {
  if (typeof value === 'function' || suspendingFunction(value) !== undefined) return
  const hint = slotBrand.find(value)
    ? 'the slot is the second argument; to link what it holds, give `slot.current`'
    : ''
  throw wrongType('a function', argument(), value, hint)
}

/** The handle of an argument that must be a Slot. `argument` returns its name. */
function toSlot(value, argument) {
  const handle = slotBrand.find(value)
  if (handle !== undefined) return handle
  const hint =
    value === undefined ? 'for an unknown name, `instance.slot(name)` throws an error with the nearest names' : ''
  throw wrongType('a Slot', argument(), value, hint)
}

module.exports = { Link, adapterAddress, callSiteSlot, checkImplementation, isOver, link, toSlot }
