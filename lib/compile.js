'use strict'

const { toBytes, toCompiler, toOptions } = require('./arguments')
const { compileAsync } = require('./module')
const native = require('./native')
const { toSelection } = require('./slot-selection')

/** What options say about compiling, checked. */
function toCompiling(options) {
  return { compiler: toCompiler(options), selection: toSelection(options) }
}

/** Compiles on another thread. The bytes are copied first, so that the caller may use them again at once. */
async function compile(bytes, options = undefined) {
  return compileWith(toCompiling(toOptions(options, ['compiler', 'slots'])), bytes)
}

/** `compile` for bytes that came from `file`, if from any. */
function compileWith({ compiler, selection }, bytes, file = undefined) {
  return compileAsync(bytes, compiler, selection, file)
}

/** Whether `compile` would take the bytes. Compiles nothing. */
function validate(bytes, options = undefined) {
  const { compiler } = toCompiling(toOptions(options, ['compiler', 'slots']))
  return native.validate(toBytes(bytes), compiler)
}

module.exports = { compile, compileWith, toCompiling, validate }
