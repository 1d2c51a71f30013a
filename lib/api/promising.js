'use strict'

// `Suspending` and `promising`: calls that an import may suspend until a promise is settled.

const { formatValue, wrongType } = require('../options/arguments')
const { typeError } = require('../errors')
const { standFor } = require('../internal/lib-functions')
const { checkSuspension, isExportedFunction, promisingCall } = require('../native/promising-call')
const { findTyped } = require('../typed/functions')
const { LateResult } = require('../typed/late-result')
const { webidl } = require('../options/webidl')

let functionOf

/** An import whose calls are suspended while a promise that its function has returned is pending. */
class Suspending {
  #fn

  static {
    functionOf = (value) => (typeof value === 'object' && value !== null && #fn in value ? value.#fn : undefined)
    webidl(this, 'WebAssembly.Suspending')
  }

  constructor(fn) {
    if (typeof fn !== 'function') throw wrongType('a function', 'fn', fn)
    this.#fn = fn
  }
}

/** The function of a Suspending; undefined for any other value. */
const suspendingFunction = (value) => functionOf(value)

/** The core functions of the functions that `promising` has made. */
const cores = new WeakMap()

/** The WebAssembly function that a function of `promising` calls; any other value itself. */
const coreOf = (value) => cores.get(value) ?? value

/** A function that calls an exported function and returns a promise of its result: its suspending imports may suspend it. */
function promising(fn) {
  if (cores.has(fn)) return fn
  if (!isExportedFunction(findTyped(fn)?.raw ?? fn)) throw wrongType('an exported WebAssembly function', 'fn', fn)
  checkSuspension('promising')
  const typed = findTyped(fn)
  const made =
    typed?.fn === fn ? typed.over((core, finish) => call(typed.raw, core, finish)) : (...args) => call(fn, args)
  cores.set(made, fn)
  if (typed?.fn !== fn) standFor(made, fn)
  for (const name of ['name', 'length']) {
    Object.defineProperty(made, name, { __proto__: null, value: fn[name], configurable: true })
  }
  return Object.defineProperty(made, 'map', { __proto__: null, value: refuseMap, configurable: true, writable: true })
}

/** The method `map` of these functions: a batch makes its calls in a loop of wasm, which goes on at once. */
function refuseMap() {
  throw typeError(
    'calls of `map` cannot be suspended: expected `Promise.all` over calls of this function, or `map` of the function that was ' +
      'given to `promising`',
    'ERR_RELINK_UNSUPPORTED',
  )
}

/**
 * Calls an exported function. As for any async function, errors reject the promise. `finish` makes its result of what the function
 * returns, before any other call of the guest runs: the result may lie in memory that the next call writes again.
 */
async function call(fn, args, finish = undefined) {
  // V8 need not keep a local variable that is not read again: after each wait, what was held is read once more.
  const held = { fn, objects: undefined }
  const running = promisingCall(fn, args)
  const step = (progress) =>
    progress.returned && finish !== undefined ? { returned: true, value: finish(progress.value) } : progress
  let progress = step(running.begin())
  while (!progress.returned) {
    held.objects = progress.held
    let goOn
    // Not by `then`, which a promise may have of its own.
    try {
      const value = valueOf(await progress.value, running)
      goOn = () => running.fulfill(value)
    } catch (reason) {
      goOn = () => running.reject(reason)
    }
    held.objects = undefined
    progress = step(goOn())
  }
  return progress.value
}

/** The value of an import's promise. Nothing is written into the memory of a guest whose call cannot go on. */
function valueOf(value, running) {
  if (!(value instanceof LateResult)) return value
  return running.ended ? undefined : value.write()
}

/** The option `suspending`: names of imports, as "module.name". */
function toSuspending({ suspending }) {
  if (suspending === undefined) return undefined
  const names = Array.isArray(suspending) ? suspending : undefined
  const wrong = names?.find((name) => typeof name !== 'string')
  if (names === undefined || wrong !== undefined) {
    throw wrongType('an array of the names of imports, as "module.name"', 'options.suspending', suspending)
  }
  if (names.length > 0) checkSuspension('options.suspending')
  return names
}

/** Refuses names that are no imported functions of a module; `typed` are its typed functions, if it has any. */
function checkSuspending(names, imports, typed) {
  const functions = imports
    .filter(({ kind }) => kind === 'function')
    .flatMap((item) => (typed?.namesOf(item) ?? [item.name]).map((name) => `${item.module}.${name}`))
  const unknown = names.find((name) => !functions.includes(name))
  if (unknown === undefined) return
  const known = functions.length === 0 ? 'none' : functions.join(', ')
  throw wrongType(
    'names of imported functions',
    'options.suspending',
    unknown,
    `the module imports no function ${formatValue(unknown)}; it imports ${known}`,
  )
}

module.exports = { Suspending, checkSuspending, coreOf, promising, suspendingFunction, toSuspending }
