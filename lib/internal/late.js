'use strict'

const { executionAsyncId, executionAsyncResource, triggerAsyncId } = require('node:async_hooks')

/** What `executionAsyncResource` gives where no resource is entered, as in promise reactions: one object for good. */
let nowhere

/** The last one that was taken for that of a finalizer, and whether its task is over. */
let taken
let over

// Runs before any turn of the event loop, and so before any finalizer. Where someone follows promises (`async_hooks`),
// reactions have ids of their own.
void Promise.resolve().then(learn)

function learn() {
  if (executionAsyncId() === 0) nowhere = executionAsyncResource()
}

/**
 * Whether this stands in a callback of a FinalizationRegistry, of whatever realm: what is thrown there ends the process, since
 * no user's code stands above. V8 runs these callbacks in a task, which Node enters as an asynchronous resource without an
 * id: an object without properties, new for each task. (An AsyncLocalStorage that is used there adds a symbol on Node 20.) Two
 * more things run JavaScript in such a task, and are taken for finalizers: imports that Node's own `WebAssembly.instantiate`
 * reads and calls, and expressions that a debugger evaluates.
 */
function inFinalizer() {
  if (executionAsyncId() !== 0 || triggerAsyncId() !== 0) return false
  const resource = executionAsyncResource()
  if (resource === nowhere || !isEmptyObject(resource)) return false
  if (resource !== taken) {
    taken = resource
    over = false
    void Promise.resolve().then(() => (over = true))
  } else if (over) {
    // It has outlived its task, so it was not a task's.
    nowhere = resource
  }
  return resource !== nowhere
}

/** Whether it is a plain object, of whatever realm, without properties that have names. */
function isEmptyObject(value) {
  const prototype = Object.getPrototypeOf(value)
  if (prototype === null || Object.getPrototypeOf(prototype) !== null) return false
  return Reflect.ownKeys(value).every((key) => typeof key === 'symbol')
}

/** What stands in a table that is closed. */
function nothing() {}

/** What uses of something closed give, by the method of the native store, where they do nothing. */
const NOTHING = {
  __proto__: null,
  memoryBuffer: () => null,
  memoryGrow: () => 0,
  tableGet: () => nothing,
  tableSet: () => undefined,
  tableGrow: () => 0,
  tableLength: () => 0,
  // Every value may stand in one of these.
  tableElement: () => 'externref',
  globalGet: () => 0,
  globalSet: () => undefined,
  slotCurrent: () => nothing,
  slotOriginal: () => nothing,
  slotLinked: () => false,
  slotReset: () => undefined,
  previous: () => null,
}

/** Whether an error says that something is closed, where nobody could catch it. */
const endsNothing = (error) => error?.code === 'ERR_RELINK_CLOSED' && inFinalizer()

module.exports = { NOTHING, endsNothing, inFinalizer }
