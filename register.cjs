'use strict'

// `node --require wasm-relink/register` replaces the global `WebAssembly` with this package's.
const { register } = require('./lib/api/register')

register()

module.exports = { register }
