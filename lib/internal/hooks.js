'use strict'

// The hooks that have led to the code that runs.

const { AsyncLocalStorage } = require('node:async_hooks')

/** The hook that has led to the code that runs, also after an `await`: its owner, whether it runs still, and the hook around it. */
const inHook = new AsyncLocalStorage()

/** Number of hooks of this thread that are running, or wait for their promise. */
let hooks = 0

/** Runs a hook of an owner: until it returns, or until the promise that it returns is settled. */
function runHook(owner, run) {
  const hook = { owner, isRunning: true, outer: inHook.getStore() }
  hooks++
  let answer
  try {
    answer = inHook.run(hook, run)
  } finally {
    if (typeof answer?.then !== 'function') end(hook)
  }
  return typeof answer?.then === 'function' ? Promise.resolve(answer).finally(() => end(hook)) : answer
}

/** Ends a hook. While there is none, Node need not track promises. */
function end(hook) {
  hook.isRunning = false
  if (--hooks === 0) inHook.disable()
}

/** Tells if a hook of this owner, which has not ended, has led to the code that runs. */
function isInHook(owner) {
  if (hooks === 0) return false
  let hook = inHook.getStore()
  while (hook !== undefined && !(hook.owner === owner && hook.isRunning)) hook = hook.outer
  return hook !== undefined
}

module.exports = { isInHook, runHook }
