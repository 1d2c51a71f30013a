'use strict'

// The instances of a store that are alive.

/** Number of instances before the first search for collected ones. */
const FIRST = 64

/** The instance of each exported function. While the function is alive, so is the wrapper of its instance. */
const owners = new WeakMap()

/** The wrappers of a store's instances, held weakly, in the order in which they were made. */
class LivingInstances {
  #references = new Set()
  #limit = FIRST

  /** Adds an instance with its exports. A function that another instance exports belongs to that one. */
  add(instance, exports) {
    for (const { kind, value } of exports) {
      if (kind === 'function' && !owners.has(value)) owners.set(value, instance)
    }
    this.#references.add(new WeakRef(instance))
    if (this.#references.size > this.#limit) this.#limit = Math.max(FIRST, 2 * this.list().length)
  }

  /** The instances that are not collected. */
  list() {
    const found = []
    for (const reference of this.#references) {
      const instance = reference.deref()
      if (instance === undefined) this.#references.delete(reference)
      else found.push(instance)
    }
    return found
  }
}

/** The instance that exports a function; undefined for any other value. */
const ownerOf = (fn) => owners.get(fn)

module.exports = { LivingInstances, ownerOf }
