'use strict'

const { isMainThread } = require('node:worker_threads')
const { buildError, isNative, isTrap, nameFile, rangeError, stackTraceLimit, translate } = require('./errors')
const { NOTHING, endsNothing, inFinalizer } = require('./internal/late')
const { mapOf } = require('./internal/map')
const { platformError } = require('./node/platform')
const { sharedHost, sharedMaker } = require('./node/shared-memory')

const addon = loadAddon()

/** The generated loader, or an error that says what to install. */
function loadAddon() {
  try {
    return require('../native.cjs')
  } catch (cause) {
    // The permission model does not let the loader be read: Node's own words name the file.
    throw cause.code === 'ERR_ACCESS_DENIED' ? cause : platformError(cause)
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
 * Of each WebAssembly function, where the native side has it, and the retainer that keeps alive what may be reached through it
 * (src/napi/gc/retainers.rs).
 */
const functions = new WeakMap()

const createShared = sharedMaker(addon.hasRoom)

const map = mapOf({
  functionType: addon.functionType,
  addressOf: (fn) => functions.get(fn)?.address,
  mapCalls: addon.mapCalls(),
})

const newStore = translated((host, stackSize) => new addon.NativeStore(host, stackSize))

/**
 * What the native side asks of JavaScript, so that errors and conversions are those of this realm. Whoever has anything
 * of a store holds the store, and the native side has these functions: they hold it weakly.
 */
function host(store) {
  const weak = new WeakRef(store)
  return {
    store,
    error: buildError,
    stackTraceLimit,
    toBigInt64: (value) => BigInt.asIntN(64, value),
    toNumber: (value) => +value,
    toList: (value) => [...value],
    listOf: (...values) => values,
    toException: (value) => NativeStore.exceptions.toList(weak.deref(), value),
    inFinalizer,
    fromException: (list) => NativeStore.exceptions.fromList(weak.deref(), list),
    know: (fn, address, retainer) => void functions.set(fn, { address, retainer }),
    map,
    ...sharedHost(addon.hasRoom),
  }
}

/** The kinds of objects whose uses do nothing after `close({ lateCalls: 'ignore' })`. */
const SILENT_KINDS = new Set(['memory', 'table', 'global'])

/**
 * A native store. It has every method of the addon's class (`native.d.ts`), among them `keep` and `find`, which know
 * the one JavaScript object that stands for each of its ids.
 */
class NativeStore {
  /** What `exception.js` knows of exceptions; it is above this file. */
  static exceptions

  /** How `memory.js`, which is above this file too, lets go of the buffer of a Memory. */
  static forgetBuffer

  #addon

  /** Whether its user has closed it. */
  closed = false

  static {
    // A dead Memory that is still held somewhere holds no buffer: that would keep the bytes mapped (src/napi/memory/backing.rs).
    for (const name of ['close', 'closeInstance']) {
      this.prototype[name] = translated(function (...args) {
        for (const { memory, byteLength } of this.#addon[name](...args)) NativeStore.forgetBuffer(memory, byteLength)
      })
    }
    for (const [name, nothing] of Object.entries(NOTHING)) {
      const [kind] = /^[a-z]+/.exec(name)
      this.prototype[name] = function (...args) {
        try {
          return this.#addon[name](...args)
        } catch (thrown) {
          const error = translate(thrown)
          if (!endsNothing(error) && !this.#isSilent(error, kind, args[0])) throw error
          return nothing()
        }
      }
    }
    for (const name of Object.getOwnPropertyNames(addon.NativeStore.prototype)) {
      if (name in this.prototype) continue
      this.prototype[name] = translated(function (...args) {
        return this.#addon[name](...args)
      })
    }
  }

  constructor(stackSize) {
    this.#addon = newStore(host(this), stackSize)
    // Instead of methods of the addon's class, which take longer than what they do.
    Object.assign(this, this.#addon.direct())
  }

  /** Whether an error says that something is closed, and its user wants it to do nothing from then on. */
  #isSilent(error, kind, id) {
    return error?.code === 'ERR_RELINK_CLOSED' && SILENT_KINDS.has(kind) && this.#addon.isSilent(kind, id)
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
      throw isNative(error) || isNewTrap(error) ? nameFile(translate(error), file) : error
    }
  }
}

/** A trap of the start function is made into an error while WebAssembly runs, and needs no translation. */
const isNewTrap = (error) => isTrap(error) && !('file' in error)

/** A copy of bytes whose number a user chooses. */
function copyOf(bytes) {
  if (addon.hasRoom(bytes.byteLength)) return bytes.slice()
  throw rangeError(
    `there is no room for a copy of the module, which has ${bytes.byteLength} bytes`,
    'ERR_RELINK_MEMORY',
  )
}

// A worker may be terminated while it compiles.
const compileHere = translated(addon.compileSync)
const compileSync = (bytes, compiler, selection, cache, reserve) =>
  compileHere(bytes, compiler, selection, cache, reserve, !isMainThread)
const validate = translated(addon.validate)

const functionNames = translated(addon.functionNames)
const inspectModule = translated(addon.inspectModule)
const rewriteModule = translated(addon.rewriteModule)

const cacheClear = translated(addon.cacheClear)
const cacheList = translated(addon.cacheList)

/** Compiles bytes that came from `file`, if from any, through `cache`, if through any. */
const compileAsync = (bytes, compiler, slots, file, cache, reserve) =>
  about(file, () => addon.compileAsync(bytes, compiler, slots, cache, reserve))

/** The same of a file; null if it cannot be read. */
const compileFile = (file, compiler, slots, cache, reserve) =>
  about(file, () => addon.compileFile(file, compiler, slots, cache, reserve))

/** The names of the functions in bytes that came from `file`, if from any. */
const functionNamesAsync = (bytes, file) => about(file, () => addon.functionNamesAsync(bytes))

/** The contents of the custom sections of a module that have a name. */
const customSections = translated((module, name) => module.customSections(name))

/** What a task of the addon gives, throwing errors of this realm that name the file. It may fail to start, too. */
async function about(file, start) {
  try {
    return await start()
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
  copyOf,
  createShared,
  customSections,
  defaultReserve: addon.defaultReserve,
  functionNames,
  functionNamesAsync,
  inspectModule,
  rewriteModule,
  validate,
}
