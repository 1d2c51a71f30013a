'use strict'

// Tier-up of the instances of a module.

// Node's own timer, whatever a test has put on `globalThis`.
const { setTimeout } = require('node:timers')

const { channels } = require('./events')

/** Interval at which the compile is checked, in milliseconds. */
const INTERVAL = 3

/** The tier-ups whose `done` is awaited. This set keeps them alive. */
const awaited = new Set()

/**
 * Waits for the optimized code of a module, and tiers its instances up to it. Only the module, its instances and `awaited` hold
 * it: once it is collected, the native module goes, and its tier-up stops compiling.
 */
class TierUpQueue {
  /** The native module; undefined once its tier-up is done */
  #native
  /** The native module to tier up to; null if it could not be compiled */
  #tierUp
  /** Weak references to the pending instances, each with its imports */
  #pending = new Set()
  #timer
  /** Number of callers that await `done`: the process must not end before */
  #awaited = 0
  #done
  /** Resolves when the tier-up has been done or has failed */
  done = new Promise((resolve) => {
    this.#done = resolve
  })

  constructor(native) {
    this.#native = native
    // Not in this turn of the event loop: instances that are made in it start with the present code.
    this.#schedule()
  }

  /** Tiers an instance up when the code is ready. `imports` are the instance's. */
  add(state, imports) {
    const instance = { state, imports }
    // Only the state holds it strongly, so a collected instance leaves the queue.
    state.tierUp = instance
    if (this.#native === undefined) this.#attach(instance)
    else this.#pending.add(new WeakRef(instance))
  }

  /** Waits for `done`. The process does not end before. */
  async wait() {
    this.#awaited++
    this.#timer?.ref()
    awaited.add(this)
    await this.done
    this.#awaited--
    awaited.delete(this)
  }

  #schedule() {
    const queue = new WeakRef(this)
    this.#timer = setTimeout(() => queue.deref()?.#check(), INTERVAL)
    // A process with nothing else to do may end.
    if (this.#awaited === 0) this.#timer.unref()
  }

  #check() {
    if (!this.#native.tierUpIsDone()) return this.#schedule()
    this.#tierUp = this.#native.tierUp()
    this.#native = this.#timer = undefined
    for (const pending of this.#pending) {
      const instance = pending.deref()
      if (instance !== undefined) this.#attach(instance)
    }
    this.#pending.clear()
    this.#done()
  }

  #attach({ state, imports }) {
    const { store, id } = state
    state.tierUp = undefined
    if (!this.#tierUp || state.closed || store.closed) return
    if (!store.attachTierUp(id, this.#tierUp, imports)) return
    state.compiler = this.#tierUp.compiler()
    if (!channels['tier-up'].hasSubscribers) return
    const { file } = state.compiled
    const instance = store.find('instance', id)
    channels['tier-up'].publish({ instance, file, hash: this.#tierUp.hash(), compiler: state.compiler })
  }
}

module.exports = { TierUpQueue }
