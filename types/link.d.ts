// Links: changes of slots that can be undone.

import type { FunctionType, Implementation, WasmFunction } from './function'
import type { Suspending } from './promising'
import type { Relink } from './relink'
import type { Slot } from './slot'

/** A change of a slot: see {@link link}. */
export class Link<P extends unknown[] = any, R = any> {
  #private
  private constructor()
  readonly slot: Slot<P, R>
  /** The function that was given to {@link link}. */
  readonly implementation: Implementation<P, R>
  /**
   * The function that the slot held before; null if the table entry was empty.
   *
   * @throws {LinkError} `ERR_RELINK_CLOSED`: the slot's instance is closed
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the store is closed
   */
  readonly previous: WasmFunction<P, R> | null
  /** Resolves at a moment at which no call is inside the function that this link has replaced. See {@link Relink.drained}. */
  drained(): Promise<void>
  /** The commit that the link belongs to: its id, label and time. */
  readonly commit: Relink
  /**
   * Puts the previous function back.
   *
   * @throws {LinkError} `ERR_RELINK_UNDONE`: the link was undone already; `ERR_RELINK_ORDER`: the slot was linked again later,
   * and that link must be undone first; `ERR_RELINK_CHANGED`: the table entry was written later; `ERR_RELINK_CYCLE`:
   * the previous function now calls the slot; `ERR_RELINK_CLOSED`: the slot's instance is closed
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the store is closed
   */
  undo(): void
  /**
   * {@link undo}, for `using`. Does nothing if the link was undone already, or its instance is closed; throws as
   * {@link undo} does if the slot was linked again later.
   */
  [Symbol.dispose](): void
}

/**
 * Makes every call of `slot` run `implementation`, from the next call on: calls from JavaScript, from
 * other modules, and from inside the module, even while it is on the stack.
 *
 * The implementation is an exported WebAssembly function of an instance of the same store (an export, a slot's
 * `original` or `current`, a table entry), or any JavaScript function. A JavaScript function is called as an import is: its
 * arguments and result are converted, and an error that it throws comes out unchanged. Functions of Node's own WebAssembly
 * count as JavaScript functions: their types are not checked.
 *
 * These are checked before anything changes: both are open and of one store; the WebAssembly types are equal; if both
 * functions are declared `#[relinkable]`, the Rust types are equal.
 *
 * ```ts
 * const change = link(update.exports.discount, plugin.slots['pricing::discount'])
 * change.undo()
 * ```
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: the arguments are not a function and a Slot; `ERR_INVALID_ARG_VALUE`: an unknown
 * option; `ERR_RELINK_UNSUPPORTED`: a JavaScript function for a slot whose type JavaScript cannot pass
 * @throws {LinkError} `ERR_RELINK_SIGNATURE` or `ERR_RELINK_ABI` (with `expected` and `actual`),
 * `ERR_RELINK_STORE`, `ERR_RELINK_CLOSED`, `ERR_RELINK_COMPILER`, `ERR_RELINK_CYCLE`, `ERR_RELINK_MERGED`; all but
 * `ERR_RELINK_COMPILER` with the `slot`'s name
 * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the store is closed
 */
export function link<P extends unknown[], R>(
  implementation: NoInfer<Implementation<P, R> | Suspending<P, R>>,
  slot: Slot<P, R>,
  options?: LinkOptions,
): Link<P, R>

/**
 * Links an implementation that calls what it replaces. `make` gets the function that the slot holds, and returns the
 * implementation: for logging, caching, or a choice between both.
 *
 * ```js
 * wrap(plugin.slot('discount'), (previous) => (...args) => {
 *   const result = previous(...args)
 *   console.log('discount', args, result)
 *   return result
 * })
 * ```
 *
 * @throws {LinkError} as {@link link}; `ERR_RELINK_NO_PREVIOUS`: the table entry is null; `ERR_RELINK_CHANGED`: `make` has linked
 * the slot
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: `make` is not a function, or does not return one
 */
export function wrap<P extends unknown[], R>(
  slot: Slot<P, R>,
  make: (previous: WasmFunction<P, R>) => NoInfer<Implementation<P, R>>,
  options?: LinkOptions,
): Link<P, R>

/** Options of linking. For an example, see `docs/what-can-be-relinked.md`. */
export interface LinkOptions {
  /**
   * Link a slot even if the compiler merged several functions into its function: all of them change. Default: such a
   * slot is refused with `ERR_RELINK_MERGED`.
   */
  merged?: boolean | undefined
  /** A name for the change, for the history: at most 1,000 characters. */
  label?: string | undefined
  /** Who makes the change, for the history: at most 1,000 characters. */
  by?: string | undefined
  /**
   * Link a function whose type is not the slot's, but that of a call site: of a call through the slot's table entry.
   * `'call-site'` takes the type of the implementation, and for a JavaScript function the only possible one; a function type names
   * it. Only the entry changes: direct calls, and the slot of the function that stood there, stay as they are. The link's `slot`
   * is then that of the entry alone: `table[3]`. An empty entry needs no option.
   *
   * ```js
   * link(table.get(return_50), table.slot(replace_me), { type: 'call-site' })
   * ```
   */
  type?: 'call-site' | Partial<FunctionType> | undefined
  /**
   * Link a function of a module with another memory although the declared Rust types have pointers, since the function
   * only passes them on. Default: refused with `ERR_RELINK_ABI`.
   */
  pointers?: boolean | undefined
}
