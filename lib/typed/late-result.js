'use strict'

// The result of a typed import that returned a promise.

/**
 * A result that is yet to be written into the guest's memory. Only the call that waits for it writes it, when it goes on: the call may
 * have been refused, or the guest recycled meanwhile, and its memory holds something else then.
 */
class LateResult {
  /** `write` returns the core value. */
  constructor(write) {
    this.write = write
  }
}

module.exports = { LateResult }
