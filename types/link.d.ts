// Links: changes of slots that can be undone.

import type { FunctionType, Implementation, WasmFunction } from './function'
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

/** Changes of slots that were made together: see {@link relink}. */
export class Relink {
  #private
  private constructor()
  /** The link of each change, in order. */
  readonly links: readonly Link[]
  /** Undoes all links, the last one first, or none; throws as {@link Link.undo} does. */
  undo(): void
  /** {@link undo}, for `using`. Skips links that were undone already. */
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
  implementation: NoInfer<Implementation<P, R>>,
  slot: Slot<P, R>,
  options?: LinkOptions,
): Link<P, R>

/** Options of linking. For an example, see `docs/what-can-be-relinked.md`. */
export interface LinkOptions {
  /**
   * Link a slot even if the compiler merged several functions into its function: all of them change. Default: such a
   * slot is refused with `ERR_RELINK_MERGED`.
   */
  merged?: boolean | undefined
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

/** One change for {@link relink}. */
export type Change<P extends unknown[] = any, R = any> = readonly [
  implementation: Implementation<P, R>,
  slot: Slot<P, R>,
]

/**
 * Makes many changes, or none: all are checked before the first is made.
 *
 * ```ts
 * relink([
 *   [update.exports.discount, plugin.slots['pricing::discount']],
 *   [update.exports.tax, plugin.slots['pricing::tax']],
 * ])
 * ```
 *
 * @throws {LinkError} `ERR_RELINK_REFUSED`: `refusals` lists every change that cannot be made, with the reason
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: no iterable; `ERR_INVALID_ARG_VALUE`: an unknown option
 * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the store is closed
 */
export function relink<const C extends Iterable<Change>>(changes: C & CheckedChanges<C>, options?: LinkOptions): Relink

/** Checks each change of an array by its own types, so that a wrong pair is an error where it stands. */
type CheckedChanges<C> = C extends readonly unknown[]
  ? {
      readonly [Index in keyof C]: C[Index] extends readonly [unknown, Slot<infer P, infer R>] ? Change<P, R> : Change
    }
  : unknown
