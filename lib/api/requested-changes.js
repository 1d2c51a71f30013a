'use strict'

// The arguments of `relink`, converted for the native side.

const { wrongType } = require('../options/arguments')
const { Changes } = require('../internal/changes')
const { adapterAddress, callSiteSlot, checkImplementation, toSlot } = require('./link')
const { coreFor } = require('../typed/core-for')
const records = require('../internal/link-record')
const { refuseChanges, refuseStoreOfSlot } = require('../native/refusals')
const { ownerOf } = require('../internal/owners')
const { taken } = require('../internal/previous-imports')
const { slotBrand, slotOf } = require('./slot')

/**
 * The changes of a `relink`, in columns. The native side decides which are refused; it also gets the changes whose arguments
 * cannot be converted.
 */
class RequestedChanges {
  #permissions
  #count
  /** The changes whose arguments cannot be converted, with the properties of the error */
  #unconverted = []
  /** The request for the native side. A change that cannot be converted has no address in it */
  #record
  /** Cache of the last implementation and its address, 0 for a JavaScript function: many slots often get the same one */
  #last
  #address
  store
  /** The name of the first slot */
  firstName
  implementations = []
  slots = []

  constructor(count, permissions) {
    this.#count = count
    this.#permissions = permissions
  }

  /** Number of changes that the user has asked for: those of imports that stand for previous functions come after them. */
  get count() {
    return this.#count
  }

  /** Converts a pair, or notes why it cannot be converted. */
  addPair(change, index) {
    // Reading the change runs the user's code, whose errors come out unchanged.
    const isPair = Array.isArray(change) && change.length === 2
    const [implementation, slot] = isPair ? change : []
    this.implementations.push(implementation)
    this.slots.push(slot)
    let name
    try {
      if (!isPair) throw wrongType('an array [implementation, slot]', `changes[${index}]`, change)
      checkImplementation(implementation, () => `changes[${index}][0]`)
      const handle = toSlot(slot, () => `changes[${index}][1]`)
      name = handle.details.name
      this.#request(handle, implementation, index)
    } catch (error) {
      this.#refuse(index, name, error)
    }
  }

  /** Converts the change of the slot that an instance has under this name. */
  addNamed(name, implementation, instance, index) {
    this.implementations.push(implementation)
    try {
      checkImplementation(implementation, () => `changes[${JSON.stringify(name)}]`)
      const slot = instance.slot(name)
      this.slots[index] = slot
      this.#request(
        toSlot(slot, () => 'slot'),
        implementation,
        index,
      )
    } catch (error) {
      this.#refuse(index, name, error)
    }
  }

  /**
   * Requests that the implementation's import of the previous function holds it, if it has such an import. The slots of the request
   * come first, so that the positions of refusals are those of the user's changes.
   */
  addPrevious() {
    if (!this.store?.hasPrevious || this.#unconverted.length > 0) return
    const count = this.slots.length
    const added = []
    for (let index = 0; index < count; index++) {
      const { details } = slotBrand.get(this.slots[index])
      const owner = ownerOf(this.implementations[index])
      const position = owner?.previous?.get(details.name)
      const previous = position === undefined ? null : this.slots[index].current
      if (previous === null) continue
      const slot = slotOf(this.store, this.store.instanceSlot(owner.id, position))
      const isTaken = (slot.linked && slot.current !== previous) || added.some((each) => each.slot === slot)
      if (isTaken) this.#refuse(index, details.name, taken(details.name))
      else added.push({ slot, previous })
    }
    if (added.length === 0) return
    const record = records.requestOf(count + added.length)
    record.set(this.#record.subarray(0, 2 * count))
    this.#record = record
    for (const { slot, previous } of added) {
      records.request(record, this.slots.length, slotBrand.get(slot).id, this.store.addressOf(previous))
      this.slots.push(slot)
      this.implementations.push(previous)
    }
  }

  /** Notes why a change cannot be converted. */
  #refuse(index, slot, error) {
    if (!error?.code?.startsWith?.('ERR_')) throw error
    const { code, message, expected, actual } = error
    this.#unconverted.push({ index, code, message, slot, expected, actual })
  }

  /** Requests a change of a slot. All slots must be of the store of the first one. */
  #request(handle, implementation, index) {
    const { store } = handle
    if (this.store === undefined) {
      this.store = store
      this.firstName = handle.details.name
      this.#record = records.requestOf(this.#count)
    } else if (this.store !== store) {
      refuseStoreOfSlot(handle.details.name)
    }
    const { id, details } = this.#permissions.callSite ? this.#entryOf(handle, implementation, index) : handle
    const core = coreFor(store, implementation, id, details, this.#permissions)
    records.request(this.#record, index, id, this.#addressOf(core, id))
  }

  /** The slot that takes an implementation by the type of a call site. */
  #entryOf(handle, implementation, index) {
    const slot = callSiteSlot(handle, implementation, this.#permissions.type)
    this.slots[index] = slot
    return slotBrand.get(slot)
  }

  #addressOf(implementation, slot) {
    if (implementation !== this.#last) {
      this.#last = implementation
      this.#address = this.store.addressOf(implementation)
    }
    return this.#address === 0 ? adapterAddress(this.store, implementation, slot, this.#permissions) : this.#address
  }

  #makeOnTrial(about, trial, report) {
    // The types of the implementations are checked here: a function of JavaScript has none.
    this.check()
    const counting = new RequestedChanges(this.slots.length, this.#permissions)
    this.slots.forEach((slot, index) => {
      const implementation = this.implementations[index]
      counting.addPair([index < this.#count ? trial.counting(implementation) : implementation, slot], index)
    })
    const changes = counting.make(about)
    changes.implementations = this.implementations
    changes.more.trial = trial
    trial.begin(
      changes,
      () => changes.exchange(this.#record, this.#permissions.allowed),
      (result) => report(changes, result),
    )
    return changes
  }

  get #refusals() {
    return this.#unconverted.length > 0 ? JSON.stringify(this.#unconverted) : undefined
  }

  /** Throws what `make` would throw, and makes none of the changes. */
  check() {
    if (this.store !== undefined) this.store.checkChanges(this.#record, this.#permissions.allowed, this.#refusals)
    else if (this.#refusals !== undefined) refuseChanges(this.#refusals)
  }

  /** Makes the changes, or none; with a trial, by functions that count for it. `report` gets the trial's result. */
  make(about, trial = undefined, report = undefined) {
    if (trial !== undefined && this.store !== undefined) return this.#makeOnTrial(about, trial, report)
    const changes = new Changes(this.store, this.implementations, this.slots)
    if (about !== undefined) changes.more.about = about
    if (this.store !== undefined) changes.make(this.#record, this.#permissions.allowed, this.#refusals)
    else if (this.#refusals !== undefined) refuseChanges(this.#refusals)
    return changes
  }
}

module.exports = { RequestedChanges }
