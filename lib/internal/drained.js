'use strict'

// Waiting for calls that run.

// Node's own timers, whatever a test has put on `globalThis`.
const { setImmediate, setTimeout } = require('node:timers/promises')

/** Number of turns of the event loop after which the next look waits for a timer. */
const TURNS = 100

/** Milliseconds between two looks then. */
const INTERVAL = 5

/**
 * Waits until no call is inside the functions; without functions, until no call into WebAssembly of the store is running. Calls
 * that have begun before a commit may still run the functions that it has replaced; every later call runs the new ones.
 * With `ref: false`, the wait does not keep the process alive.
 */
async function drained(store, { ref = true, functions = undefined } = {}) {
  for (let turn = 0; !store.closed && isActive(store, functions); turn++) {
    await (turn < TURNS ? setImmediate(undefined, { ref }) : setTimeout(INTERVAL, undefined, { ref }))
  }
}

/** Whether a call runs: in one of the functions, or in any. */
function isActive(store, functions) {
  if (store.activeCalls() === 0) return false
  return functions?.every((fn) => activeIn(store, fn) === 0) !== true
}

/** Number of calls inside a function. If its instance is closed, the stacks cannot be searched: all calls of the store count. */
function activeIn(store, fn) {
  try {
    return store.activeIn(store.addressOf(fn))
  } catch (error) {
    if (error?.code !== 'ERR_RELINK_CLOSED') throw error
    return store.closed ? 0 : store.activeCalls()
  }
}

module.exports = { activeIn, drained }
