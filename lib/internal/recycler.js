'use strict'

// Recycling of instances after traps.

const { performance } = require('node:perf_hooks')
const { nextTick } = require('node:process')
const { rangeError } = require('../errors')
const { channels } = require('./events')

/**
 * Recycles one instance, at most so often in so long. The instance's retainer holds it, so it lives as long as a function of the
 * instance (src/napi/gc/retainers.rs).
 */
class Recycler {
  /** When the instance was recycled, in milliseconds: the last `most` times */
  #times = []
  #count = 0

  /** `onReplaced` is called when the memories have been replaced, and `onRecycle`, of the user, afterwards. */
  constructor(store, id, { instance, limits, onReplaced, onRecycle }) {
    this.store = store
    this.id = id
    this.instance = instance
    this.limits = limits
    this.onReplaced = onReplaced
    this.onRecycle = onRecycle
  }

  /** Recycles the instance after `error`, or says why it stays as it is. */
  recycle(error) {
    let failure
    try {
      this.#checkLimit()
      // Closed meanwhile: nothing is left to recycle.
      if (!this.store.recycle(this.id)) return
      this.onReplaced()
      this.#count++
    } catch (thrown) {
      failure = thrown
    }
    const recycled = failure === undefined
    // One error may have ended calls of several instances.
    error.recycled = error.recycled !== false && recycled
    const { instance } = this
    tell({ instance, error, recycled, count: this.#count, ...(recycled ? undefined : { failure }) }, this.onRecycle)
  }

  /** Throws if the instance was recycled too often. */
  #checkLimit() {
    const { most, within } = this.limits
    const now = performance.now()
    this.#times = this.#times.filter((time) => now - time < within)
    if (this.#times.length < most) return void this.#times.push(now)
    throw rangeError(
      `the limit \`onTrap.recycle.most\` of the instance is ${most} times within ${within} ms: it stays as the trap left it`,
      'ERR_RELINK_LIMIT',
      { limit: 'recycle', value: most, asked: most + 1 },
    )
  }
}

/**
 * Tells that an instance was recycled, or was to be: the one place of the event. An error that `onRecycle` throws is uncaught: the
 * caller of WebAssembly gets the error of the trap.
 */
function tell(event, onRecycle) {
  channels.recycle.publish(event)
  try {
    onRecycle?.(event)
  } catch (thrown) {
    nextTick(() => {
      throw thrown
    })
  }
}

/** The property of a retainer that has the Recycler of its instance. */
const RECYCLER = Symbol('recycler')

/** Makes `retainer` hold the Recycler of its instance. */
function holdRecycler(retainer, recycler) {
  retainer[RECYCLER] = recycler
}

/** Recycles the instance of a retainer, for the native side. */
const recycle = (retainer, error) => retainer[RECYCLER]?.recycle(error)

module.exports = { Recycler, holdRecycler, recycle }
