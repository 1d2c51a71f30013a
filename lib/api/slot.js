'use strict'

// The class Slot.

const { Brand, Handle, onlyInternal } = require('../internal/handle')
const { formatType, inspectable } = require('../node/inspect')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

let brand

/** A place in a module where an implementation can be changed. */
class Slot {
  #handle

  static {
    brand = new Brand('a Slot', (value) => (#handle in value ? value.#handle : undefined))
    webidl(this)
    inspectable(this, {
      name: (slot) => slot.name,
      kind: (slot) => slot.kind,
      type: (slot) => formatType(slot.type),
      linked: (slot) => slot.linked,
    })
  }

  constructor(handle) {
    if (!(handle instanceof Handle)) throw onlyInternal('Slot', 'instance.slot(name)')
    this.#handle = handle
    handle.keep('slot', this)
    uncloneable(this)
  }

  get name() {
    return brand.get(this).details.name
  }

  get kind() {
    return brand.get(this).details.kind
  }

  get type() {
    return brand.get(this).details.type
  }

  get callTypes() {
    const { store, id } = brand.get(this)
    return store.slotCallTypes(id).map(toType)
  }

  get current() {
    const { store, id } = brand.get(this)
    return store.slotCurrent(id)
  }

  get original() {
    const { store, id } = brand.get(this)
    return store.slotOriginal(id)
  }

  get linked() {
    const { store, id } = brand.get(this)
    return store.slotLinked(id)
  }

  reset() {
    const { store, id } = brand.get(this)
    store.slotReset(id)
  }
}

/** The type of a slot for users: frozen, since all descriptors of the slot share it. */
const toType = ({ parameters, results }) =>
  Object.freeze({ parameters: Object.freeze([...parameters]), results: Object.freeze([...results]) })

/** The wrapper of a native slot. */
function slotOf(store, info) {
  const { id, name, kind, type } = info
  return store.find('slot', id) ?? new Slot(new Handle(store, id, { name, kind, type: type && toType(type) }))
}

module.exports = { Slot, slotOf, toType, slotBrand: brand }
