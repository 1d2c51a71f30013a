'use strict'

// Trials: commits that take themselves back.

// Node's own timers, whatever a test has put on `globalThis`.
const { clearTimeout, setTimeout } = require('node:timers')
const { performance } = require('node:perf_hooks')

/** The running trials of each store. The counting functions in the slots hold them. */
const running = new WeakMap()

/** Ends the trials of a store whose slots are all closed. */
function endClosed(store) {
  for (const reference of running.get(store) ?? []) reference.deref()?.noticeClosed()
}

function isClosed(slot) {
  try {
    return slot.linked === undefined
  } catch (error) {
    return error.code === 'ERR_RELINK_CLOSED'
  }
}

/**
 * A commit on trial. Its slots hold JavaScript functions that count and time the calls of the implementations. At a good end, the
 * implementations take their place; at a bad one, the commit is undone.
 */
class Trial {
  #limits
  #calls = 0
  #traps = 0
  #total = 0
  #timer
  #settle
  #exchange
  #changes
  #reference = new WeakRef(this)
  /** Whether it has ended: from then on, the functions only pass calls on */
  #isOver = false
  /** The result; see `TrialResult` in types/trial.d.ts */
  settled = new Promise((resolve) => (this.#settle = resolve))

  constructor(limits) {
    this.#limits = limits
  }

  /** A function that calls the implementation, and counts. */
  counting(implementation) {
    return (...args) => {
      if (this.#isOver) return implementation(...args)
      const start = performance.now()
      let failed = true
      try {
        const result = implementation(...args)
        failed = false
        return result
      } finally {
        this.#note(performance.now() - start, failed)
      }
    }
  }

  /**
   * Begins, when the changes were made. `exchange` puts the implementations in the place of the counting functions, and may throw.
   * `report` gets the result.
   */
  begin(changes, exchange, report) {
    this.#changes = changes
    this.#exchange = exchange
    void this.settled.then(report)
    const { store } = changes
    if (!running.has(store)) running.set(store, new Set())
    running.get(store).add(this.#reference)
    const { time } = this.#limits
    if (time === undefined) return
    this.#timer = setTimeout(() => this.#decide('time'), time)
    // A process with nothing else to do may end, unless someone awaits the result.
    this.#timer.unref()
  }

  /** Keeps the process alive until the end. */
  hold() {
    this.#timer?.ref()
  }

  /** Notices that changes of the commit have ended. */
  notice() {
    if (!this.#isOver && this.#changes?.isUndone) this.#end('undone', 'undo')
  }

  /** Ends the trial if no call can decide it any more: all slots are closed. */
  noticeClosed() {
    if (!this.#isOver && this.#changes.slots.every(isClosed)) this.#end('undone', 'closed')
  }

  #note(duration, failed) {
    if (this.#isOver) return
    this.#calls++
    this.#total += duration
    if (failed) this.#traps++
    const { calls, maxTraps, maxMean } = this.#limits
    if (this.#traps > maxTraps) return this.#revert('traps')
    // Even if the calls to come took no time, the mean would be too high.
    if (maxMean !== undefined && calls !== undefined && this.#total > maxMean * calls) return this.#revert('mean')
    if (this.#calls === calls) this.#decide('calls')
  }

  #decide(reason) {
    const { maxMean } = this.#limits
    if (maxMean !== undefined && this.#total > maxMean * this.#calls) return this.#revert('mean')
    try {
      this.#isOver = true
      this.#exchange()
    } catch (error) {
      if (this.#changes.isUndone) return this.#end('undone', 'closed', error)
      // The slots were linked again, or something was closed: the functions stay, and pass calls on.
    }
    this.#end('kept', reason)
  }

  #revert(reason) {
    this.#isOver = true
    try {
      this.#changes.undoAll()
      this.#end('undone', reason)
    } catch (error) {
      this.#end('blocked', reason, error)
    }
  }

  #end(outcome, reason, error = undefined) {
    this.#isOver = true
    clearTimeout(this.#timer)
    running.get(this.#changes.store).delete(this.#reference)
    const mean = this.#calls === 0 ? 0 : this.#total / this.#calls
    this.#settle(
      Object.freeze({ outcome, reason, calls: this.#calls, traps: this.#traps, mean, ...(error && { error }) }),
    )
  }
}

module.exports = { Trial, endClosed }
