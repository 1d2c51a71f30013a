'use strict'

const { toBytes } = require('./arguments')
const dialects = require('./dialect')
const { Module, OwnModule, compileAsync } = require('./module')
const native = require('./native')

/** Compiles on another thread. The bytes are copied first, so that the caller may use them again at once. */
async function compile(bytes, options = undefined) {
  return compileAsync(OwnModule, bytes, dialects.own.compiling(options))
}

/** Whether `compile` would take the bytes. Compiles nothing. */
function validate(bytes, options = undefined) {
  return native.validate(toBytes(bytes), dialects.own.compiling(options).compiler)
}

/** Those of `WebAssembly`. */
const standard = {
  async compile(bytes, options = undefined) {
    return compileAsync(Module, bytes, dialects.standard.compiling(options))
  },
  validate(bytes, options = undefined) {
    return native.validate(toBytes(bytes), dialects.standard.compiling(options).compiler)
  },
}

module.exports = { compile, standard, validate }
