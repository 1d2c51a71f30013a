'use strict'

// Those of Node, whatever stands on `globalThis` while tests run.
const { setTimeout } = require('node:timers')

/** How often it is looked whether the code is there, in milliseconds. */
const OFTEN = 3

/** Those that are awaited: nothing else may hold them. */
const awaited = new Set()

/**
 * What lets better code of one module take over from that of its instances, when it is there. The module and its instances hold
 * it; once it is collected, the native module goes and its tier-up stops compiling.
 */
class Tiers {
  /** The native module */
  #native
  /** The code that takes over, once it is there */
  #tierUp
  /** What the instances need for it; those that nobody has any more have gone */
  #waiting = new Set()
  #timer
  /** How many wait for it, so that the process may not end */
  #awaited = 0
  #done
  /** Resolves when it is known whether there is better code, and the instances run it if there is */
  done = new Promise((resolve) => {
    this.#done = resolve
  })

  constructor(native) {
    this.#native = native
    // Never at once: what is made in this turn starts with the code that is there.
    this.#lookLater()
  }

  /** Lets an instance, with the imports that it got, run the better code as soon as that is there. */
  add(state, imports) {
    const instance = { state, imports }
    // Of the state nothing but what the instance holds itself.
    state.tier = instance
    if (this.#native === undefined) this.#attachTierUp(instance)
    else this.#waiting.add(new WeakRef(instance))
  }

  /** The same as `done`, for someone who waits: until then the process does not end. */
  async wait() {
    this.#awaited++
    this.#timer?.ref()
    awaited.add(this)
    await this.done
    this.#awaited--
    awaited.delete(this)
  }

  #lookLater() {
    const tiers = new WeakRef(this)
    this.#timer = setTimeout(() => tiers.deref()?.#look(), OFTEN)
    // A process that has nothing else to do ends.
    if (this.#awaited === 0) this.#timer.unref()
  }

  #look() {
    if (!this.#native.tierUpIsDone()) return this.#lookLater()
    this.#tierUp = this.#native.tierUp()
    this.#native = this.#timer = undefined
    for (const waiting of this.#waiting) {
      const instance = waiting.deref()
      if (instance !== undefined) this.#attachTierUp(instance)
    }
    this.#waiting.clear()
    this.#done()
  }

  #attachTierUp({ state, imports }) {
    const { store, id } = state
    state.tier = undefined
    if (!this.#tierUp || state.closed || store.closed) return
    if (store.attachTierUp(id, this.#tierUp, imports)) state.compiler = this.#tierUp.compiler()
  }
}

module.exports = { Tiers }
