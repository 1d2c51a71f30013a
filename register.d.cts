// `wasm-relink/register`: the global `WebAssembly`.

import type { SlotSelection, WebAssembly } from './index.js'

/** Options of {@link register}; `docs/webassembly-api.md` has an example. */
export interface RegisterOptions {
  /**
   * Which functions of the modules that the global `WebAssembly` compiles are slots, unless the option `slots` says so for a module.
   * `'default'` are the declared, imported, exported and address-taken ones. Default: the environment variable
   * `WASM_RELINK_SLOTS`, which is one of the words or patterns that commas separate; without it `'none'`.
   */
  slots?: SlotSelection | 'default' | undefined
}

/**
 * Replaces the global `WebAssembly` with this package's. Loading `wasm-relink/register` calls it once, without options; a later call
 * changes the slots of modules that are compiled from then on.
 *
 * ```js
 * const { register } = require('wasm-relink/register')
 * register({ slots: 'default' })
 * ```
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: an unknown option or value
 */
export function register(options?: RegisterOptions): typeof WebAssembly
