'use strict'

// The functions that the native side calls.

const { above } = require('./above')
const { publishLater } = require('./events')
const { buildError, stackTraceLimit } = require('../errors')
const { Externrefs } = require('./externrefs')
const { inFinalizer } = require('./late')
const { mapOf } = require('./map')
const { refusePromise } = require('./promised')
const { addon, translated } = require('../node/addon')
const { recycle } = require('./recycler')
const { sharedValues } = require('./shared-values')
const { shared } = require('../node/shared-memory')

/** For each WebAssembly function, its native address, and the retainer that it keeps alive (src/napi/gc/retainers.rs). */
const functions = new WeakMap()

const map = mapOf({
  functionType: addon.functionType,
  addressOf: (fn) => addressOf(fn),
  mapCalls: addon.mapCalls(),
  refuseColumn: translated(addon.refuseColumn),
})

const values = sharedValues((buffer) => addon.sharedValues(buffer))

/**
 * The functions that the native side calls. They are in JavaScript so that errors and objects belong to this realm. The native
 * side owns these functions, and they hold the store weakly; every object of a store holds it strongly. `exceptions` returns
 * the conversions of exceptions.
 */
function libFunctions(store, exceptions) {
  const weak = new WeakRef(store)
  const externrefs = new Externrefs(() => weak.deref())
  const thunks = new WeakMap()
  return {
    store,
    error: buildError,
    stackTraceLimit,
    // `fn` is the imported function that returned the value, if one did.
    toBigInt64: (value, fn) => BigInt.asIntN(64, notPromised(value, fn)),
    toNumber: (value, fn) => +notPromised(value, fn),
    toList: (value, fn) => [...notPromised(value, fn, 'several values')],
    listOf: (...values) => values,
    toException: (value) => exceptions().toList(weak.deref(), value),
    recycle,
    collected: (instances, milliseconds) =>
      publishLater('collect', () => ({ store: above.storeOf(weak.deref()), instances, duration: milliseconds })),
    look() {},
    inFinalizer,
    fromException: (list) => exceptions().fromList(weak.deref(), list),
    addType: values?.addType,
    makeFunction(index, type, name, address, retainer, quota) {
      const fn = values.functionAt(index, type, externrefs.within(quota))
      if (fn === undefined) return undefined
      Object.defineProperties(fn, {
        name: { __proto__: null, value: name, configurable: true },
        map: { __proto__: null, value: map, configurable: true, writable: true },
      })
      functions.set(fn, { address, retainer })
      return fn
    },
    importThunk: (fn, parameters, results, quota) =>
      values.thunkOf(thunks, externrefs.within(quota), fn, parameters, results),
    externrefs,
    dropExternrefs: (from) => externrefs.drop(from),
    dropRetained: (numbers) => externrefs.dropRetained(numbers),
    retainExternrefs: (...lists) => externrefs.retain(...lists),
    returnExternrefs: (...lists) => externrefs.take(...lists),
    sharedValues: values?.values,
    registerFunction: (fn, address, retainer) => void functions.set(fn, { address, retainer }),
    map,
    ...shared,
  }
}

/** Lets a function stand for a WebAssembly function wherever the address of one is needed. */
const standFor = (fn, core) => void functions.set(fn, functions.get(core))

/** A value that a function returned, which is no promise: it is to become a number, or what `due` says. */
function notPromised(value, fn, due = undefined) {
  if (fn !== undefined) refusePromise(value, fn, due)
  return value
}

/** The native address of a WebAssembly function that this copy of the package has made; undefined for any other value. */
const addressOf = (value) => functions.get(value)?.address

/** The retainer that a WebAssembly function keeps alive; undefined for any other value. */
const retainerOf = (value) => functions.get(value)?.retainer

module.exports = { addressOf, libFunctions, retainerOf, standFor }
