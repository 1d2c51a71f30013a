// Splits: slots whose calls go to several implementations.

import type { Implementation } from './function'
import type { Link, LinkOptions } from './link'
import type { Suspending } from './promising'
import type { Slot } from './slot'

/** A slot whose calls are split between implementations: see {@link split}. */
export class Split<N extends string = string> {
  #private
  private constructor()
  readonly slot: Slot
  /** The link that holds the slot. */
  readonly link: Link
  /** The weights by name; undefined for a split with `choose`. */
  readonly weights: { readonly [Name in N]: number } | undefined
  /** Number of calls of each implementation so far. */
  readonly calls: { [Name in N]: number }
  /**
   * Changes the weights, from the next call on. An implementation that is left out gets no calls.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: an unknown name, or a split with `choose`
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: a weight that is negative or not finite, or none above 0
   */
  set(weights: { readonly [Name in N]?: number }): void
  /**
   * Ends the split: links one of the implementations in its place. To return to what was there before the split instead, use
   * {@link undo}.
   *
   * @throws {LinkError} `ERR_RELINK_ORDER`: the split was undone, or the slot linked again; otherwise as {@link link}
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE`: an unknown name
   */
  end(name: N, options?: LinkOptions): Link
  /** Undoes the link of the split; throws as {@link Link.undo} does. */
  undo(): void
  /** {@link undo}, for `using`. */
  [Symbol.dispose](): void
}

/** Options of {@link split}: either `weights` or `choose`. */
export interface SplitOptions<P extends unknown[] = any, N extends string = string> extends LinkOptions {
  /**
   * The share of each implementation: numbers in any unit, at least 0. The choice is made in WebAssembly, in a fixed order that
   * spreads the calls evenly: of 100 calls at 5 percent, 5.
   */
  weights?: { readonly [Name in N]?: number } | undefined
  /** Chooses for each call, by name, in JavaScript. It gets the arguments of the call. */
  choose?: ((...parameters: P) => N) | undefined
}

/**
 * Splits the calls of a slot between implementations, by weight or by a function.
 *
 * ```js
 * const canary = split(slot, { stable: slot.current, next: v2.exports.discount }, { weights: { stable: 95, next: 5 } })
 * canary.set({ stable: 50, next: 50 })
 * canary.end('next')
 * ```
 *
 * @throws {LinkError} `ERR_RELINK_REFUSED`: an implementation that {@link link} would refuse
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: other arguments, unknown names, or not one of `weights` and
 * `choose`
 * @throws {RangeError} `ERR_OUT_OF_RANGE`: weights as in {@link Split.set}, or not 2 to 16 implementations
 */
export function split<P extends unknown[], R, const N extends string>(
  slot: Slot<P, R>,
  implementations: { readonly [Name in N]: NoInfer<Implementation<P, R> | Suspending<P, R>> | null },
  options: SplitOptions<NoInfer<P>, NoInfer<N>>,
): Split<N>
