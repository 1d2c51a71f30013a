'use strict'

// The JavaScript functions of a system of WASI, and what instances import in their place.

const { BaseRuntimeError, rangeError } = require('../errors')
const { addon, translated } = require('../node/addon')

/** The modules that guests import, by the number that the native side has for them. */
const MODULES = ['wasi_unstable', 'wasi_snapshot_preview1']

/** The functions of each module, once they are asked for. */
const known = []

const functionsOf = (number) => (known[number] ??= addon.wasiFunctions(number))

/** The errno of arguments that a function does not take. */
const INVAL = 28

const isInteger = (value) => typeof value === 'bigint' || Number.isInteger(value)

/** For each function, how to make the import in its place. */
const functions = new WeakMap()

/** The system of each import, which so keeps the system's host alive (`src/napi/wasi/host.rs`). */
const systems = new WeakMap()

/** What an instance imports in the place of a function of WASI: wasm then calls it without JavaScript. */
const wasiImport = (fn) => functions.get(fn)?.()

const construct = translated((options, stdin, host) => new addon.NativeWasi(options, stdin, host))
const call = translated((native, ...args) => native.call(...args))

/** A system of WASI: the native one, with errors of this realm. */
class System {
  #native
  /** The function that answers the native side, which holds it weakly */
  host
  #imports = new Map()
  #users = 0

  constructor({ stdin, host, ...options }) {
    this.#native = construct(options, stdin, host)
    this.host = host
  }

  /** The functions of a module, as an object. `memory` returns the Memory on which calls from JavaScript work. */
  functions(number, memory) {
    return Object.fromEntries(functionsOf(number).map((each, index) => [each.name, this.#wrap(number, index, memory)]))
  }

  #wrap(number, index, memory) {
    const { name, parameters } = functionsOf(number)[index]
    const wrapper = {
      [name]: (...args) => {
        const { buffer } = memory()
        // As in Node. A missing descriptor is not descriptor 0.
        if (args.length !== parameters.length || !args.every(isInteger)) return name === 'proc_exit' ? undefined : INVAL
        const shared =
          !(buffer instanceof ArrayBuffer) && Object.prototype.toString.call(buffer) !== '[object ArrayBuffer]'
        const values = parameters.map((type, at) =>
          type === 'i64' ? BigInt.asIntN(64, BigInt(args[at])) : Number(args[at]) | 0,
        )
        const errno = call(this.#native, number, index, new Uint8Array(buffer), shared, values)
        return name === 'proc_exit' ? undefined : errno
      },
    }[name]
    Object.defineProperty(wrapper, 'length', { value: parameters.length, configurable: true })
    functions.set(wrapper, () => this.#import(number, index))
    return wrapper
  }

  #import(number, index) {
    const key = number * 100 + index
    if (!this.#imports.has(key)) {
      const made = this.#native.import(number, index)
      systems.set(made, this)
      this.#imports.set(key, made)
    }
    return this.#imports.get(key)
  }

  /** Notes that one more instance uses the system. */
  retain() {
    this.#users++
  }

  /** Notes that an instance is closed. With the last one, the files that the guest has opened are closed. */
  release() {
    this.#users--
    if (this.#users === 0) this.#native.closeOpened()
  }

  /** Closes all descriptors: later calls fail with `BADF`. */
  close() {
    this.#native.close()
  }
}

/** The systems of WASI among the imports of an instance; undefined for none. */
function systemsIn(given) {
  let found
  for (const item of given) {
    const system = typeof item === 'object' ? systems.get(item) : undefined
    if (system !== undefined) (found ??= new Set()).add(system)
  }
  return found
}

/** The exit code in the error of a guest that has called `proc_exit`; undefined for any other value. */
function exitCodeOf(error) {
  const isExit = error instanceof BaseRuntimeError && error.code === 'ERR_RELINK_WASI_EXIT'
  return isExit ? error.exitCode : undefined
}

/** Calls `_start`, and returns the exit code. */
function run(start) {
  try {
    start()
    return 0
  } catch (error) {
    const code = exitCodeOf(error)
    if (code === undefined) throw error
    return code
  }
}

/** Checks the random bytes that the host has made. */
function toRandomBytes(length, fill) {
  if (length > 2 ** 31) throw rangeError(`expected at most ${2 ** 31} random bytes, got ${length}`)
  const bytes = new Uint8Array(length)
  if (length > 0) fill(bytes)
  return bytes
}

module.exports = { MODULES, System, run, systemsIn, toRandomBytes, wasiImport }
