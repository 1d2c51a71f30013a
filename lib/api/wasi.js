'use strict'

// The class WASI, of the shape of Node's own.

const { findMemory } = require('./memory')
const { MODULES, System, run } = require('../internal/wasi-functions')
const { wrongType } = require('../options/arguments')
const { isObject, toSystem, toVersion } = require('../options/wasi-options')

/** The system interface of a guest: see docs/wasi.md. */
class WASI {
  #system
  #version
  #memory
  #instance

  constructor(options = {}) {
    if (!isObject(options)) throw wrongType('an object', 'options', options)
    this.#version = toVersion(options)
    this.#system = new System(toSystem(options))
    this.wasiImport = this.#system.functions(this.#version, () => {
      if (this.#memory !== undefined) return this.#memory
      throw stateError('ERR_WASI_NOT_STARTED', 'wasi.start() has not been called')
    })
  }

  /** Ties an instance to this object, whose functions then work on its memory when JavaScript calls them. */
  finalizeBindings(instance, { memory = instance?.exports?.memory } = {}) {
    if (this.#instance !== undefined) throw stateError('ERR_WASI_ALREADY_STARTED', 'WASI instance has already started')
    if (!isObject(instance)) throw wrongType('an object', 'instance', instance)
    if (!isObject(instance.exports)) throw wrongType('an object', 'instance.exports', instance.exports)
    if (!isMemory(memory)) throw wrongType('a WebAssembly.Memory', 'instance.exports.memory', memory)
    this.#memory = memory
    this.#instance = instance
  }

  /** Runs a command: calls `_start`, and returns its exit code. */
  start(instance) {
    this.finalizeBindings(instance)
    const { _start, _initialize } = instance.exports
    checkFunction('_start', _start)
    checkUndefined('_initialize', _initialize)
    return run(_start)
  }

  /** Initializes a reactor: calls `_initialize`, if there is one. */
  initialize(instance) {
    this.finalizeBindings(instance)
    const { _start, _initialize } = instance.exports
    checkUndefined('_start', _start)
    if (_initialize === undefined) return
    checkFunction('_initialize', _initialize)
    _initialize()
  }

  getImportObject() {
    return { [MODULES[this.#version]]: this.wasiImport }
  }
}

/** Whether a value is a Memory: of this package, or Node's own. */
const isMemory = (value) =>
  findMemory(value) !== undefined ||
  (isObject(value) && Object.prototype.toString.call(value) === '[object WebAssembly.Memory]')

function stateError(code, message) {
  return Object.assign(new Error(message), { code })
}

function checkFunction(name, value) {
  if (typeof value !== 'function') throw wrongType('a function', `instance.exports.${name}`, value)
}

function checkUndefined(name, value) {
  if (value !== undefined) throw wrongType('undefined', `instance.exports.${name}`, value)
}

module.exports = { WASI, stateError }
