'use strict'

// Changes of slots.

const { isIgnored } = require('./late')
const { LinkRecord } = require('./link-record')

/**
 * Changes of slots of one store that were made together, in columns, since there may be many. The native side keeps none of
 * them, only the functions that an undo would put back, while their undo root is alive.
 */
class Changes {
  /** Keeps the previous functions alive. Each native call gets it, so V8 cannot collect it earlier */
  #undoRoot
  #record

  constructor(store, implementations, slots) {
    this.store = store
    this.implementations = implementations
    this.slots = slots
  }

  /** Makes all changes of the request, or none. `unconverted` are changes whose arguments cannot be converted, as JSON. */
  make(request, allowed, unconverted) {
    this.#undoRoot = this.store.relink(request.numbers, allowed, Changes.#next, unconverted)
    this.#record = request
    Changes.#next += this.slots.length
  }

  /** Makes a single change, whose refusal is not wrapped in `ERR_RELINK_REFUSED`. */
  makeOne(address, slot, allowed) {
    const { store } = this
    this.#undoRoot = store.link(address, slot, allowed, Changes.#next++)
    this.#record = LinkRecord.from(store.linkScratch)
  }

  /** The id of the next link. Ids are unique in this thread. */
  static #next = 1

  /** The function that the slot held before a change. */
  previous(index) {
    this.#record.copyTo(this.store.linkScratch, index)
    return this.store.previous(index, this.#undoRoot)
  }

  /** Undoes one change. */
  undo(index) {
    const scratch = this.store.linkScratch
    this.#record.copyTo(scratch, index)
    try {
      this.store.undo(index, this.#undoRoot)
    } catch (error) {
      if (isIgnored(error)) return
      throw error
    }
    this.#record.copyFrom(scratch, index)
  }

  /** Undoes all changes, the last one first, or none. */
  undoAll() {
    // An empty list of changes has no store.
    if (this.#record === undefined) return
    try {
      this.store.undoAll(this.#record.numbers, this.#undoRoot)
    } catch (error) {
      if (!isIgnored(error)) throw error
    }
  }
}

module.exports = { Changes }
