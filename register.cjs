'use strict'

// `node --require wasm-relink/register` replaces the global `WebAssembly` and `node:wasi` with this package's.
const { syncBuiltinESMExports } = require('node:module')
const { inspect } = require('node:util')
const { register } = require('./lib/api/register')
const { WASI } = require('./wasi')

register()

/** The `process` that Node itself uses. Under jest, the global one is a copy in another realm. */
function nodeProcess() {
  try {
    return inspect.constructor('return process')()
  } catch {
    // --disallow-code-generation-from-strings
    return process
  }
}

/** Node's own module of WASI; undefined in a build without it. On Node 20, loading it warns that it is experimental. */
function nodeWasi() {
  const process = nodeProcess()
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return require('node:wasi')
  } catch {
    return undefined
  } finally {
    process.emitWarning = emitWarning
  }
}

const wasi = nodeWasi()
if (wasi !== undefined) {
  wasi.WASI = WASI
  syncBuiltinESMExports()
}

module.exports = { register }
