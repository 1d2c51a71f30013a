'use strict'

// The instances of a store that are alive.

/** Number of instances before the first search for collected ones. */
const FIRST = 64

/** The instance of each exported function. While the function is alive, so is the wrapper of its instance. */
const owners = new WeakMap()

/**
 * The ids of a store's instances, in the order in which they were made. Not their wrappers, also not by a `WeakRef`: that would
 * keep each alive until the running job ends, and a loop may make any number of instances.
 */
class LivingInstances {
  #ids = new Set()
  #limit = FIRST

  /** Adds an instance with its exports. A function that another instance exports belongs to that one. */
  add(store, id, instance, exports) {
    for (const { kind, value } of exports) {
      if (kind === 'function' && !owners.has(value)) owners.set(value, instance)
    }
    this.#ids.add(id)
    if (this.#ids.size > this.#limit) this.#limit = Math.max(FIRST, 2 * this.list(store).length)
  }

  /** The instances that are not collected. */
  list(store) {
    const found = []
    for (const id of this.#ids) {
      const instance = store.find('instance', id)
      // Of a wrapper that V8 has collected, the native side knows at once or later: null or undefined.
      if (instance === undefined || instance === null) this.#ids.delete(id)
      else found.push(instance)
    }
    return found
  }
}

/** The instance that exports a function; undefined for any other value. */
const ownerOf = (fn) => owners.get(fn)

module.exports = { LivingInstances, ownerOf }
