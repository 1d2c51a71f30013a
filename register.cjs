'use strict'

// `node --require wasm-relink/register` replaces the global `WebAssembly` with this package's.
const { WebAssembly: value } = require('.')

Object.defineProperty(globalThis, 'WebAssembly', { value, writable: true, configurable: true })
