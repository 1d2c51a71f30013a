'use strict'

/** Where the numbers of a link are in a record, and how many there are (src/napi/record.rs). */
const SLOT = 0
const ID = 1
const FUNCTION = 3
const WIDTH = 5

/** Where the first link is in a record; the id of its keeper is before that. */
const HEAD = 1

/** The id of a link that has been undone. */
const UNDONE = 0

/**
 * Changes of slots of one store that were made together, in columns, since there may be many: what it takes to undo
 * each. The native side has nothing of them: it holds what may come back as long as their keeper is there.
 */
class Changes {
  /** What holds what may come back; it is handed over with each use, or V8 could see that no one looks at it */
  #keeper
  /** The record of the links */
  #record

  constructor(store, implementations, slots, ids) {
    this.store = store
    this.implementations = implementations
    this.slots = slots
    /** Those of the slots */
    this.ids = ids
  }

  /** Makes them, or none. `addresses` are those of the implementations, as WebAssembly functions. */
  make(addresses, merged) {
    const count = this.ids.length
    const record = new Float64Array(HEAD + WIDTH * count)
    for (let index = 0; index < count; index++) {
      record[HEAD + WIDTH * index + SLOT] = this.ids[index]
      record[HEAD + WIDTH * index + FUNCTION] = addresses[index]
    }
    this.#keeper = this.store.relink(record, merged, Changes.#next)
    this.#record = record
    Changes.#next += count
  }

  /** Makes the one that there is, which is refused in words of its own. */
  makeAlone(address, merged) {
    const { store } = this
    this.#keeper = store.link(address, this.ids[0], merged, Changes.#next++)
    const { desk } = store
    this.#record = [desk[0], desk[1], desk[2], desk[3], desk[4], desk[5]]
  }

  /** The id of the next link: no two have the same. */
  static #next = 1

  /** What the slot held before a change. */
  previous(index) {
    return this.store.previous(this.ids[index], this.#record[0], index, this.#keeper)
  }

  /** Takes one back. */
  undo(index) {
    const { desk } = this.store
    const start = HEAD + index * WIDTH
    desk[0] = this.#record[0]
    for (let number = 0; number < WIDTH; number++) desk[HEAD + number] = this.#record[start + number]
    this.store.undo(index, this.#keeper)
    this.#record[start + ID] = UNDONE
  }

  /** Takes all back, the last one first, or none of them. */
  undoAll() {
    if (this.ids.length === 0) return
    this.store.undoAll(this.#record, this.#keeper)
    for (let start = HEAD; start < this.#record.length; start += WIDTH) this.#record[start + ID] = UNDONE
  }
}

module.exports = { Changes }
