'use strict'

// Waiting for calls that run.

// Node's own timers, whatever a test has put on `globalThis`.
const { setImmediate, setTimeout } = require('node:timers/promises')

/** Number of turns of the event loop after which the next look waits for a timer. */
const TURNS = 100

/** Milliseconds between two looks then. */
const INTERVAL = 5

/**
 * Waits until no call into WebAssembly of the store is running. Calls that have begun before a commit may still run the functions
 * that it has replaced; every later call runs the new ones. So when all calls have ended once, none of the old ones runs.
 * With `ref: false`, the wait does not keep the process alive.
 */
async function drained(store, { ref = true } = {}) {
  for (let turn = 0; !store.closed && store.activeCalls() > 0; turn++) {
    await (turn < TURNS ? setImmediate(undefined, { ref }) : setTimeout(INTERVAL, undefined, { ref }))
  }
}

module.exports = { drained }
