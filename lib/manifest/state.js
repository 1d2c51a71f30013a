'use strict'

// The modules of a store that have names in a manifest.

/** The state of each native store. */
const states = new WeakMap()

/** The instances that the last manifest has named, and the queue in which manifests are applied. */
class ManifestState {
  /** By name: the instance, its file, the hash of its bytes, and its imports, each with the instance it comes from, if any */
  named = new Map()
  /** The instances that an earlier manifest has named, and the last one does not */
  former = new WeakSet()
  #last = Promise.resolve()

  /** Runs a task when those before it have ended. */
  queue(task) {
    const result = this.#last.then(task)
    this.#last = result.catch(() => {})
    return result
  }

  /** Takes the modules of a manifest that was applied. */
  take(modules) {
    for (const { instance } of this.named.values()) this.former.add(instance)
    this.named = new Map(modules.map((each) => [each.name, each]))
    for (const { instance } of modules) this.former.delete(instance)
  }
}

function stateOf(store) {
  if (!states.has(store)) states.set(store, new ManifestState())
  return states.get(store)
}

module.exports = { stateOf }
