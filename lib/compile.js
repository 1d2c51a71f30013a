'use strict'

const { toBytes, toCompiler, toOptions } = require('./arguments')
const { fromNative } = require('./module')
const native = require('./native')

/** Compiles on another thread. The bytes are copied first, so that the caller may use them again at once. */
async function compile(bytes, options = undefined) {
  const compiler = toCompiler(toOptions(options, ['compiler']))
  return fromNative(await native.compileAsync(toBytes(bytes), compiler))
}

/** Whether `compile` would take the bytes. Compiles nothing. */
function validate(bytes, options = undefined) {
  const compiler = toCompiler(toOptions(options, ['compiler']))
  return native.validate(toBytes(bytes), compiler)
}

module.exports = { compile, validate }
