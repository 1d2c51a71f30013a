'use strict'

// The WASI of an instance that was made with the option `wasi`.

const { MODULES, System, run } = require('./wasi-functions')

/** The system of one instance, which closes it. */
class WasiGuest {
  #system
  #exports
  #hasStarted = false

  constructor(options) {
    this.#system = new System(options)
  }

  /** The user's imports, and the functions of WASI where the user gives none. */
  imports(declared, imports) {
    const names = MODULES.filter((name) => declared.some(({ module }) => module === name))
    // JavaScript calls these functions only by a slot's `original`, which has the instance's memory.
    const memory = () => this.#exports.memory
    const modules = names.map((name) => {
      const functions = this.#system.functions(MODULES.indexOf(name), memory)
      return [name, { ...functions, ...imports?.[name] }]
    })
    return { ...imports, ...Object.fromEntries(modules) }
  }

  /** Initializes a reactor: calls `_initialize`, if there is one. */
  initialize(exports) {
    this.#exports = exports
    if (typeof exports._start !== 'function' && typeof exports._initialize === 'function') exports._initialize()
  }

  /** Whether the instance is a command that has not been started. */
  get state() {
    if (typeof this.#exports._start !== 'function') return 'reactor'
    return this.#hasStarted ? 'started' : 'command'
  }

  /** Runs the command, and returns its exit code. */
  start() {
    this.#hasStarted = true
    return run(this.#exports._start)
  }

  /** Closes what the guest had open. */
  close() {
    this.#system.close()
  }
}

module.exports = { WasiGuest }
