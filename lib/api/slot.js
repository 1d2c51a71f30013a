'use strict'

// The class Slot.

const { above } = require('../internal/above')
const { channels } = require('../internal/events')
const { Brand, Handle, onlyInternal } = require('../internal/handle')
const { activeOf, historyOf } = require('../internal/history-entries')
const { formatType, inspectable } = require('../node/inspect')
const { functionOf } = require('../typed/adapters')
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
    const { store, id, details } = brand.get(this)
    const core = store.slotCurrent(id)
    return details.typed === undefined ? core : functionIn(details.typed, core, store, id)
  }

  get original() {
    const { store, id, details } = brand.get(this)
    const core = store.slotOriginal(id)
    return details.typed === undefined ? core : (details.typed.original ?? core)
  }

  get linked() {
    const { store, id } = brand.get(this)
    return store.slotLinked(id)
  }

  get active() {
    const { store, id } = brand.get(this)
    return activeOf(store, this, [store.slotCurrent(id), store.slotOriginal(id)])
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

/** The function for the user that a typed slot holds, by the core function. */
function functionIn(typed, core, store, id) {
  if (core === store.slotOriginal(id)) return typed.original ?? core
  return functionOf(core)
}

/** The wrapper of a native slot. `instance` is what its instance knows: none for a table entry. The slot does not keep it alive. */
function slotOf(store, info, instance = undefined) {
  const typed = instance?.typed
  const { id, name, kind, type, suspend } = info
  // The instance of a typed export, whose core function takes addresses in its memory.
  const exporter = kind === 'function' && typed?.isExport(name) ? typed : undefined
  const own = () => ({
    name,
    kind,
    type: type && toType(type),
    suspend,
    instance: instance && new WeakRef(instance),
    typed: typed?.slot(name, kind),
    exporter,
  })
  const make = () => new Handle(store, id, own())
  return store.find('slot', id) ?? new Slot(make())
}

above.slotOf = slotOf

module.exports = { Slot, functionIn, slotOf, toType, slotBrand: brand }
