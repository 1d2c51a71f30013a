'use strict'

const { isMainThread } = require('node:worker_threads')
const { RuntimeError, buildError, isNative, nameFile, translate } = require('./errors')
const { mapOf } = require('./map')
const { platformError } = require('./platform')
const { createShared, shared } = require('./shared-memory')

const addon = loadAddon()

/** The generated loader, or an error that says what to install. */
function loadAddon() {
  try {
    return require('../native.cjs')
  } catch (cause) {
    throw platformError(cause)
  }
}

/** `call`, throwing errors of this realm instead of the native ones. */
function translated(call) {
  return function (...args) {
    try {
      return call.apply(this, args)
    } catch (error) {
      throw translate(error)
    }
  }
}

/**
 * Of each WebAssembly function, where the native side has it, and the cell that keeps alive what may be reached through it
 * (src/napi/cells.rs).
 */
const functions = new WeakMap()

const map = mapOf({
  functionType: addon.functionType,
  addressOf: (fn) => functions.get(fn)?.address,
  mapCalls: addon.mapCalls(),
})

/**
 * What the native side asks of JavaScript, so that errors and conversions are those of this realm. Whoever has anything
 * of a store holds the store, and the native side has these functions: they hold it weakly.
 */
function host(store) {
  const weak = new WeakRef(store)
  return {
    store,
    error: buildError,
    toBigInt64: (value) => BigInt.asIntN(64, value),
    toNumber: (value) => +value,
    toList: (value) => [...value],
    listOf: (...values) => values,
    toException: (value) => NativeStore.exceptions.toList(weak.deref(), value),
    fromException: (list) => NativeStore.exceptions.fromList(weak.deref(), list),
    know: (fn, address, cell) => void functions.set(fn, { address, cell }),
    map,
    transfers: 'transfer' in ArrayBuffer.prototype,
    ...shared,
  }
}

/**
 * A native store. It has every method of the addon's class (`native.d.ts`), among them `keep` and `find`, which know
 * the one JavaScript object that stands for each of its ids.
 */
class NativeStore {
  /** What `exception.js` knows of exceptions; it is above this file. */
  static exceptions

  #addon = new addon.NativeStore(host(this))

  /** Whether its user has closed it. */
  closed = false

  static {
    for (const name of Object.getOwnPropertyNames(addon.NativeStore.prototype)) {
      if (name in this.prototype) continue
      this.prototype[name] = translated(function (...args) {
        return this.#addon[name](...args)
      })
    }
  }

  constructor() {
    // Instead of methods of the addon's class, which take longer than what they do.
    Object.assign(this, this.#addon.direct())
  }

  /**
   * Where the native side has a WebAssembly function, of whatever store; 0 for anything else. Good as long as the function is
   * there.
   */
  addressOf(value) {
    // One that another copy of this package has made is not known here.
    return functions.get(value)?.address ?? this.findFunction(value)
  }

  isWasmFunction(value) {
    return this.addressOf(value) !== 0
  }

  /** Makes an instance of a module that came from `file`, if from any. */
  instantiate(code, imports, file) {
    try {
      return this.#addon.instantiate(code, imports, code.sharedMemories().map(createShared))
    } catch (error) {
      // An error of the user's own, thrown by an import that the start function called, comes out as it is.
      throw isNative(error) || isTrap(error) ? nameFile(translate(error), file) : error
    }
  }
}

/** A trap of the start function is made into an error while WebAssembly runs, and needs no translation. */
const isTrap = (error) => error instanceof RuntimeError && error.code === 'ERR_RELINK_TRAP' && !('file' in error)

// A worker may be terminated while it compiles.
const compileHere = translated(addon.compileSync)
const compileSync = (bytes, compiler, selection, cache) => compileHere(bytes, compiler, selection, cache, !isMainThread)
const validate = translated(addon.validate)

const functionNames = translated(addon.functionNames)
const inspectModule = translated(addon.inspectModule)
const rewriteModule = translated(addon.rewriteModule)

const cacheClear = translated(addon.cacheClear)
const cacheList = translated(addon.cacheList)

/** Compiles bytes that came from `file`, if from any, through `cache`, if through any. */
const compileAsync = (bytes, compiler, slots, file, cache) =>
  about(file, addon.compileAsync(bytes, compiler, slots, cache))

/** The same of a file; null if it cannot be read. */
const compileFile = (file, compiler, slots, cache) => about(file, addon.compileFile(file, compiler, slots, cache))

/** The names of the functions in bytes that came from `file`, if from any. */
const functionNamesAsync = (bytes, file) => about(file, addon.functionNamesAsync(bytes))

/** What a task of the addon gives, throwing errors of this realm that name the file. */
async function about(file, task) {
  try {
    return await task
  } catch (error) {
    throw nameFile(translate(error), file)
  }
}

module.exports = {
  NativeStore,
  cacheClear,
  cacheList,
  compileAsync,
  compileFile,
  compileSync,
  functionNames,
  functionNamesAsync,
  inspectModule,
  rewriteModule,
  validate,
}
