'use strict'

// The class Slot.

const { channels } = require('../internal/events')
const { Brand, Handle, onlyInternal } = require('../internal/handle')
const { historyOf } = require('../internal/history-entries')
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

  get history() {
    const { store } = brand.get(this)
    store.commits.begin()
    return historyOf(store, this)
  }

  reset() {
    const { store, id, details } = brand.get(this)
    store.commits.refuseInHook('reset', details.name)
    store.slotReset(id)
    store.commits.noteReset(this)
    if (channels.undo.hasSubscribers) channels.undo.publish({ reason: 'reset', undone: [details.name], slot: this })
  }
}

/** The type of a slot for users: frozen, since all descriptors of the slot share it. */
const toType = ({ parameters, results }) =>
  Object.freeze({ parameters: Object.freeze([...parameters]), results: Object.freeze([...results]) })

/** The wrapper of a native slot. */
function slotOf(store, info) {
  const { id, name, kind } = info
  return store.find('slot', id) ?? new Slot(new Handle(store, id, { name, kind, type: toType(info) }))
}

module.exports = { Slot, slotOf, toType, slotBrand: brand }
