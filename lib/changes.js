'use strict'

/** As many functions are handed over one by one. */
const MOST = 1000

/**
 * Changes of slots of one store that were made together, in columns, since there may be many: what each is known by on
 * the native side, and what it was. As long as one of their Links is there, all of them may be undone: the native side
 * holds what they put back as long as this object is there.
 */
class Changes {
  /** What each slot held before */
  previous
  /** The id of the first change; the others follow */
  first

  constructor(store, implementations, slots, ids) {
    this.store = store
    this.implementations = implementations
    this.slots = slots
    /** Those of the slots */
    this.ids = ids
  }

  /** Makes them, or none. `functions` are the implementations as the native side takes them; says whether it does. */
  make(functions, merged) {
    this.first = Changes.#count
    // Arguments are quicker to get at than what is in an array, but they stand on the stack.
    const given = functions.length > MOST ? [functions] : functions
    this.previous = this.store.relink(Uint32Array.from(this.ids), merged, this.first, this, ...given)
    Changes.#count += this.ids.length
    return this.previous !== undefined
  }

  /** Makes the one that there is, which is refused in words of its own. */
  makeAlone(implementation, merged) {
    this.first = Changes.#count++
    const previous = this.store.link(implementation, this.ids[0], merged, this.first, this)
    this.previous = [previous]
    return previous !== undefined
  }

  /** How many have been made: no two have the same id. */
  static #count = 0

  /** Takes one back. */
  undo(index) {
    this.store.undo(this.first + index, this.ids[index])
  }

  /** Takes all back, the last one first, or none of them. */
  undoAll() {
    if (this.ids.length === 0) return
    this.store.undoAll(this.first, Uint32Array.from(this.ids))
  }
}

module.exports = { Changes }
