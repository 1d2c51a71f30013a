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
  return isTaken(bytes, dialects.own.compiling(options))
}

function isTaken(bytes, { compiler, selection }) {
  // Patterns add slots to those that there are by default, and are never refused.
  const { kind } = selection
  return native.validate(toBytes(bytes), compiler, { kind: kind === 'more' ? 'default' : kind })
}

/** Those of `WebAssembly`. */
const standard = {
  async compile(bytes, options = undefined) {
    return compileAsync(Module, bytes, dialects.standard.compiling(options))
  },
  validate(bytes, options = undefined) {
    return isTaken(bytes, dialects.standard.compiling(options))
  },
}

module.exports = { compile, standard, validate }
