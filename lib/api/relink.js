'use strict'

// The class Relink, and `relink`.

const dispose = require('../node/dispose')
const { wrongType } = require('../options/arguments')
const { Changes } = require('../internal/changes')
const { Brand, onlyInternal } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { Link, adapterAddress, callSiteSlot, checkImplementation, isOver, toSlot, typedCore } = require('./link')
const { LinkRecord } = require('../internal/link-record')
const native = require('../native')
const { toLinkOptions } = require('../options/link-options')
const { slotBrand } = require('./slot')
const { findTyped } = require('../typed/functions')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

let brand

/** Changes of slots that were made together. */
class Relink {
  #changes
  #links

  static {
    brand = new Brand('a Relink', (value) => (#changes in value ? value : undefined))
    webidl(this)
    inspectable(this, { links: (all) => all.links })
  }

  constructor(changes) {
    if (!(changes instanceof Changes)) throw onlyInternal('Relink', 'relink(changes)')
    this.#changes = changes
    uncloneable(this)
  }

  get links() {
    const all = brand.get(this)
    // Made on demand: most changes are only ever undone together.
    return (all.#links ??= Object.freeze(all.#changes.slots.map((_, index) => new Link(all.#changes, index))))
  }

  undo() {
    brand.get(this).#changes.undoAll()
  }

  [dispose]() {
    try {
      this.undo()
    } catch (error) {
      if (!isOver(error)) throw error
      // Some links were undone one by one: undo the others.
      for (const link of this.links.toReversed()) link[dispose]()
    }
  }
}

/** Makes many changes, or none. */
function relink(changes, options = undefined) {
  if (typeof changes?.[Symbol.iterator] !== 'function' || typeof changes === 'string') {
    throw wrongType('an iterable of [implementation, slot]', 'changes', changes)
  }
  const permissions = toLinkOptions(options)
  const all = [...changes]
  const converted = new ConvertedChanges(all.length, permissions)
  for (let index = 0; index < all.length; index++) converted.add(all[index], index)
  return new Relink(converted.make())
}

/**
 * The arguments of `relink`, converted for the native side, in columns. The native side decides which changes are refused; it
 * also gets the changes whose arguments cannot be converted.
 */
class ConvertedChanges {
  #permissions
  #count
  #store
  #implementations = []
  #slots = []
  /** The changes whose arguments cannot be converted, with the properties of the error */
  #unconverted = []
  /** The request for the native side. A change that cannot be converted has no address in it */
  #request
  /** Cache of the last implementation and its address, 0 for a JavaScript function: many slots often get the same one */
  #last
  #address

  constructor(count, permissions) {
    this.#count = count
    this.#permissions = permissions
  }

  /** Converts a change, or notes why it cannot be converted. */
  add(change, index) {
    // Reading the change runs the user's code, whose errors come out unchanged.
    const isPair = Array.isArray(change) && change.length === 2
    const [implementation, slot] = isPair ? change : []
    this.#implementations.push(implementation)
    this.#slots.push(slot)
    let name
    try {
      if (!isPair) throw wrongType('an array [implementation, slot]', `changes[${index}]`, change)
      checkImplementation(implementation, () => `changes[${index}][0]`)
      const handle = toSlot(slot, () => `changes[${index}][1]`)
      name = handle.details.name
      this.#use(handle.store, name)
      const written = this.#permissions.callSite ? this.#entryOf(handle, implementation, index) : handle
      const { id, details } = written
      const typed = details.typed !== undefined || findTyped(implementation) !== undefined
      const core = typed ? typedCore(handle.store, implementation, id, details, this.#permissions) : implementation
      this.#request.request(index, id, this.#addressOf(core, written))
    } catch (error) {
      if (!error?.code?.startsWith?.('ERR_')) throw error
      const { code, message, expected, actual } = error
      this.#unconverted.push({ index, code, message, slot: name, expected, actual })
    }
  }

  /** All slots must be of the store of the first slot. */
  #use(store, name) {
    if (this.#store === undefined) {
      this.#store = store
      this.#request = LinkRecord.request(this.#count)
    } else if (this.#store !== store) {
      native.refuseStoreOfSlot(name)
    }
  }

  /** The slot that takes an implementation by the type of a call site. */
  #entryOf(handle, implementation, index) {
    const slot = callSiteSlot(handle, implementation, this.#permissions.type)
    this.#slots[index] = slot
    return slotBrand.get(slot)
  }

  #addressOf(implementation, slot) {
    if (implementation !== this.#last) {
      this.#last = implementation
      this.#address = this.#store.addressOf(implementation)
    }
    return this.#address === 0 ? adapterAddress(this.#store, implementation, slot, this.#permissions) : this.#address
  }

  /** Makes the changes, or none. */
  make() {
    const unconverted = this.#unconverted.length > 0 ? JSON.stringify(this.#unconverted) : undefined
    const changes = new Changes(this.#store, this.#implementations, this.#slots)
    if (this.#store !== undefined) changes.make(this.#request, this.#permissions.allowed, unconverted)
    else if (unconverted !== undefined) native.refuseChanges(unconverted)
    return changes
  }
}

module.exports = { Relink, relink }
