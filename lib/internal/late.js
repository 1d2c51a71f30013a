'use strict'

// Late uses: uses of closed objects.

const { executionAsyncId, executionAsyncResource, triggerAsyncId } = require('node:async_hooks')

/**
 * The resource that `executionAsyncResource` returns outside of all resources, as in promise reactions: always the same object.
 */
let noResource

/** The last resource that `inFinalizer` took for a finalizer's, and whether its task is over. */
let lastResource
let isOver

// Runs before the first turn of the event loop, and so before any finalizer. If `async_hooks` track promises, reactions have
// ids of their own.
void Promise.resolve().then(learn)

function learn() {
  if (executionAsyncId() === 0) noResource = executionAsyncResource()
}

/**
 * Whether a callback of a FinalizationRegistry, of any realm, is running: an error that is thrown there ends the process, since
 * no user code can catch it. V8 runs these callbacks in a task, which Node enters as an asynchronous resource without an
 * id: an object without properties, new for each task. (An AsyncLocalStorage that is used there adds a symbol on Node 20.)
 *
 * This is wrong in three cases. Two other kinds of code run in such a task and count as finalizers: imports that Node's own
 * `WebAssembly.instantiate` reads and calls, and expressions that a debugger evaluates. A function that
 * `AsyncResource.bind` has bound enters a resource of its own, and does not count, even if a finalizer calls it.
 */
function inFinalizer() {
  if (executionAsyncId() !== 0 || triggerAsyncId() !== 0) return false
  const resource = executionAsyncResource()
  if (resource === noResource || !isEmptyObject(resource)) return false
  if (resource !== lastResource) {
    lastResource = resource
    isOver = false
    void Promise.resolve().then(() => (isOver = true))
  } else if (isOver) {
    // The resource has outlived its task, so it was not the resource of a task.
    noResource = resource
  }
  return resource !== noResource
}

/** Whether a value is a plain object, of any realm, without named properties. */
function isEmptyObject(value) {
  const prototype = Object.getPrototypeOf(value)
  if (prototype === null || Object.getPrototypeOf(prototype) !== null) return false
  return Reflect.ownKeys(value).every((key) => typeof key === 'symbol')
}

/** The function that an ignored read returns. */
function nothing() {}

/**
 * The methods of the native store whose late uses may be ignored: the result then, and the kind of the object in the first
 * argument if `close({ lateCalls: 'ignore' })` applies to it.
 */
const LATE_USES = {
  __proto__: null,
  memoryBuffer: { kind: 'memory', result: () => null },
  memoryGrow: { kind: 'memory', result: () => 0 },
  tableGet: { kind: 'table', result: () => nothing },
  tableSet: { kind: 'table', result: () => undefined },
  tableGrow: { kind: 'table', result: () => 0 },
  tableLength: { kind: 'table', result: () => 0 },
  // A table of externrefs takes every value.
  tableElement: { kind: 'table', result: () => 'externref' },
  globalGet: { kind: 'global', result: () => 0 },
  globalSet: { kind: 'global', result: () => undefined },
  slotCurrent: { result: () => nothing },
  slotOriginal: { result: () => nothing },
  slotLinked: { result: () => false },
  slotReset: { result: () => undefined },
  previous: { result: () => null },
}

/** Whether an error means that something is closed, in a finalizer, where nobody can catch it. */
const isIgnored = (error) => error?.code === 'ERR_RELINK_CLOSED' && inFinalizer()

module.exports = { LATE_USES, inFinalizer, isIgnored }
