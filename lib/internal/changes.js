'use strict'

const { endsNothing } = require('./late')
const { Record } = require('./link-record')

/**
 * Changes of slots of one store that were made together, in columns, since there may be many: what it takes to undo
 * each. The native side keeps none of them: it holds what an undo would put back as long as their undo root is alive.
 */
class Changes {
  /** What holds what may come back; it is handed over with each use, or V8 could see that no one looks at it */
  #undoRoot
  #record

  constructor(store, implementations, slots) {
    this.store = store
    this.implementations = implementations
    this.slots = slots
  }

  /** Makes those that are wanted, or none. */
  make(record, merged) {
    this.#undoRoot = this.store.relink(record.numbers, merged, Changes.#next)
    this.#record = record
    Changes.#next += record.count
  }

  /** Makes the one that there is, which is refused in words of its own. */
  makeAlone(address, slot, merged) {
    const { store } = this
    this.#undoRoot = store.link(address, slot, merged, Changes.#next++)
    this.#record = Record.at(store.linkScratch)
  }

  /** The id of the next link: no two have the same. */
  static #next = 1

  /** What the slot held before a change. */
  previous(index) {
    const record = this.#record
    return this.store.previous(record.slot(index), record.undoRoot, index, this.#undoRoot)
  }

  /** Takes one back. */
  undo(index) {
    this.#record.writeTo(this.store.linkScratch, index)
    try {
      this.store.undo(index, this.#undoRoot)
    } catch (error) {
      if (!endsNothing(error)) throw error
    }
    this.#record.end(index)
  }

  /** Takes all back, the last one first, or none of them. */
  undoAll() {
    const record = this.#record
    if (record === undefined) return
    try {
      this.store.undoAll(record.numbers, this.#undoRoot)
    } catch (error) {
      if (!endsNothing(error)) throw error
    }
    for (let index = 0; index < record.count; index++) record.end(index)
  }
}

module.exports = { Changes }
