'use strict'

// Node's own WebAssembly.

/**
 * The value of `globalThis.WebAssembly` when the package was loaded, before `register` replaces it.
 * Undefined under `--jitless` and `--no-expose-wasm`.
 */
const node = globalThis.WebAssembly

module.exports = { node }
