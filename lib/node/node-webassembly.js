'use strict'

/**
 * Node's own WebAssembly, as it was when the package was loaded, whatever stands on `globalThis.WebAssembly` later. Undefined
 * where Node runs without it: under `--jitless` and `--no-expose-wasm`.
 */
const node = globalThis.WebAssembly

module.exports = { node }
