'use strict'

const { toBytes, toCompiler, toOptions } = require('./arguments')
const { fromNative } = require('./module')
const native = require('./native')

/** Compiles on another thread. The bytes are copied first, so that the caller may use them again at once. */
async function compile(bytes, options = undefined) {
  return compileWith(toCompiler(toOptions(options, ['compiler'])), bytes)
}

/** `compile` for bytes that came from `file`, if from any. */
async function compileWith(compiler, bytes, file = undefined) {
  return fromNative(await native.compileAsync(toBytes(bytes), compiler, file), file)
}

/** Whether `compile` would take the bytes. Compiles nothing. */
function validate(bytes, options = undefined) {
  const compiler = toCompiler(toOptions(options, ['compiler']))
  return native.validate(toBytes(bytes), compiler)
}

module.exports = { compile, compileWith, validate }
