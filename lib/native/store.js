'use strict'

// The native store, with errors of this realm.

const { isNative, isTrap, nameFile, translate } = require('../errors')
const { addressOf, libFunctions } = require('../internal/lib-functions')
const { Commits } = require('../internal/commits')
const { LATE_USES, isIgnored } = require('../internal/late')
const { LivingInstances } = require('../internal/living')
const { addon, translated } = require('../node/addon')
const { createShared } = require('../node/shared-memory')
const { allLimits, amounts } = require('../options/resource-limits')
const { checkInterruption } = require('./interruption')

/** The methods of the addon's store that are called as they are. */
const METHODS = [
  'activeCalls',
  'activeIn',
  'adapt',
  'attachTierUp',
  'callSiteSlot',
  'collect',
  'convert',
  'find',
  'functionFacts',
  'globalCreate',
  'globalType',
  'hasMemory',
  'instanceSlot',
  'interruptToken',
  'keep',
  'linkedSlots',
  'memoryCreate',
  'memoryOf',
  'memoryShared',
  'recycle',
  'recycleTrapped',
  'slotCallTypes',
  'slotType',
  'splitModule',
  'stats',
  'tableCreate',
  'tableSlot',
  'tagCreate',
  'tagParameters',
]

/**
 * A native store: the addon's class (`native.d.ts`), with errors of this realm. `keep` and `find` map each of its ids to the
 * one JavaScript object for it.
 */
class NativeStore {
  /** The conversions of exceptions, which `exception.js`, above this file, provides */
  static exceptions

  /** Drops the buffer of a Memory; `memory.js`, above this file, provides it */
  static forgetBuffer

  #addon

  /** Whether the user has closed it */
  closed = false

  /** Its instances */
  living = new LivingInstances()

  /** Whether it has had an instance that may be recycled */
  hasRecyclers = false

  static {
    // The buffer of a closed Memory would keep its bytes mapped (src/napi/memory/backing.rs).
    for (const name of ['close', 'closeInstance']) {
      this.prototype[name] = translated(function (...args) {
        for (const { memory, byteLength } of this.#addon[name](...args)) NativeStore.forgetBuffer(memory, byteLength)
      })
    }
    for (const name of Object.keys(LATE_USES)) {
      this.prototype[name] ??= function (...args) {
        try {
          return this.#addon[name](...args)
        } catch (thrown) {
          return this.#late(name, thrown, args[0])
        }
      }
    }
    for (const name of METHODS) {
      this.prototype[name] = translated(function (...args) {
        return this.#addon[name](...args)
      })
    }
  }

  /** Whether an instance exports hooks that commits run */
  hasGuestHooks = false

  /** Whether an instance has imports of `relink:previous` */
  hasPrevious = false

  /** The limits that it was given */
  limits

  /** The newest commits */
  commits

  constructor(stackSize, timeout, limits = {}, historyLimit = undefined) {
    if (timeout !== undefined) checkInterruption('options.timeout')
    this.limits = limits
    this.commits = new Commits(historyLimit)
    this.#addon = newStore(
      libFunctions(this, () => NativeStore.exceptions),
      stackSize,
      timeout,
      amounts(allLimits(limits)),
    )
    // `link`, `relink`, `readEntry` and so on: faster than methods of a napi-rs class.
    Object.assign(this, this.#addon.rawCallbacks())
  }

  tableGet(table, index) {
    try {
      return this.readEntry(table, index)
    } catch (thrown) {
      return this.#late('tableGet', thrown, table)
    }
  }

  tableSet(table, index, value) {
    try {
      this.writeEntry(table, index, value)
    } catch (thrown) {
      this.#late('tableSet', thrown, table)
    }
  }

  globalGet(global) {
    try {
      return this.readGlobal(global)
    } catch (thrown) {
      return this.#late('globalGet', thrown, global)
    }
  }

  /** The result of a method that has thrown, if the use of an object that is closed is ignored; otherwise throws the error. */
  #late(name, thrown, id) {
    const { kind, result } = LATE_USES[name]
    const error = translate(thrown)
    if (!isIgnored(error) && !this.#isSilent(error, kind, id)) throw error
    return result()
  }

  /** Whether an error means that an object is closed whose later uses do nothing, by the option `lateCalls`. */
  #isSilent(error, kind, id) {
    return error?.code === 'ERR_RELINK_CLOSED' && kind !== undefined && this.#addon.isSilent(kind, id)
  }

  /** The native address of a WebAssembly function of any store; 0 for any other value. Valid while the function is alive. */
  addressOf(value) {
    // Another copy of this package may have made the function: the native side finds it.
    return addressOf(value) ?? this.findFunction(value)
  }

  isWasmFunction(value) {
    return this.addressOf(value) !== 0
  }

  /**
   * Makes an instance of a module. `file` is the module's file, if it has one. `forSmallMemories` returns the same module for
   * small memories, if there is one: it is used if the system refuses full memories. `timeout` is that of
   * each call, in milliseconds; `limits` are those of the instance, as amounts. `recyclable` says whether it may be recycled.
   */
  instantiate(code, imports, { file, timeout, limits, recyclable, forSmallMemories }) {
    if (timeout !== undefined) checkInterruption('options.timeout')
    try {
      const shared = code.sharedMemories().map(createShared)
      return this.#addon.instantiate(code, imports, shared, timeout, limits, recyclable)
    } catch (error) {
      // The start function may have called an import that threw: the user's own error comes out unchanged.
      if (!isNative(error) && !isNewTrap(error)) throw error
      const refusal = nameFile(translate(error), file)
      // Only for an error of this call. The error of another instantiation, which the start function made, has been translated
      // already.
      const small = isNative(error) && refusal.reserve === 'full' ? forSmallMemories?.() : undefined
      if (small === undefined) throw refusal
      return this.instantiate(small, imports, { file, timeout, limits, recyclable })
    }
  }
}

/** Whether an error is a trap of the start function. Traps are built while WebAssembly runs, and need no translation. */
const isNewTrap = (error) => isTrap(error) && !('file' in error)

const newStore = translated((host, ...options) => new addon.NativeStore(host, ...options))

module.exports = { NativeStore }
