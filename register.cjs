'use strict'

// node --require wasm-relink/register: `WebAssembly` is that of this package.
const { WebAssembly: value } = require('.')

Object.defineProperty(globalThis, 'WebAssembly', { value, writable: true, configurable: true })
