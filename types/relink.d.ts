// Commits: changes of slots that are made together.

import type { Implementation } from './function'
import type { SlotChange } from './history'
import type { Instance } from './instance'
import type { Link, LinkOptions } from './link'
import type { Suspending } from './promising'
import type { Slot } from './slot'
import type { TrialOptions, TrialResult } from './trial'

/**
 * A commit: changes of slots that were made together, by {@link relink} or {@link link}. {@link Store.history} lists them; see
 * `docs/relinking.md`.
 */
export class Relink {
  #private
  private constructor()
  /** Ids increase from commit to commit, and are unique in a thread; they have gaps. */
  readonly id: number
  readonly label: string | undefined
  readonly by: string | undefined
  /** When it was made. */
  readonly time: Date
  /** The change of each slot, as plain data: modules, files and functions. */
  readonly slots: readonly SlotChange[]
  /** After `relink(v1, v2)`: the slots of `v1` for which `v2` has no such function, each with the reason. */
  readonly skipped: readonly Skipped[] | undefined
  /** The result of its trial, when that has ended; undefined without the option `trial`. */
  readonly settled: Promise<TrialResult> | undefined
  /** Whether none of its links is active: all were undone or reset. */
  readonly undone: boolean
  /** The link of each change, in order. */
  readonly links: readonly Link[]
  /**
   * Resolves at a moment at which no call is inside a function that the commit has replaced, also none that is suspended: then the
   * old instance can be closed without harm. If a link was undone, or the instance of a slot or of a replaced function is closed, it
   * waits until no call into WebAssembly of the store is running.
   *
   * ```js
   * await change.drained()
   * previous.close()
   * ```
   */
  drained(): Promise<void>
  /**
   * Undoes all links, the last one first, or none; throws as {@link Link.undo} does. If later commits with labels are in the way, the
   * error's `commits` has their ids.
   */
  undo(): void
  /** {@link undo}, for `using`. Skips links that were undone already. */
  [Symbol.dispose](): void
}

/** A slot that `relink(v1, v2)` has left as it was: see {@link Relink.skipped}. */
export interface Skipped {
  readonly slot: string
  /** The code of the error that linking it would give */
  readonly code: string
  readonly message: string
  readonly expected?: string
  readonly actual?: string
}

/** One change for {@link relink}. */
export type Change<P extends unknown[] = any, R = any> = readonly [
  implementation: Implementation<P, R> | Suspending<P, R>,
  slot: Slot<P, R>,
]

/** Options of {@link relink}. */
export interface RelinkOptions extends LinkOptions {
  /**
   * Runs before anything changes, after everything else was checked. To refuse the commit, it returns a reason or false, or
   * throws: then `relink` throws `ERR_RELINK_VETO`, or what it has thrown. If it returns a promise, so does `relink`. The self-test that
   * a new instance exports (`#[relinkable::self_test]`) runs too, unless this is false.
   */
  check?: ((plan: CommitPlan) => Verdict | Promise<Verdict>) | false | undefined
  /**
   * Moves state from instance to instance, before the first change, after {@link check}. It runs once for each pair of instances
   * of which one's functions replace the other's. If it throws, nothing has changed. If it returns a promise, so does `relink`. Without
   * it, guests with `#[relinkable::hand_over]` and `#[relinkable::take_over]` move their state, unless this is false.
   */
  migrate?: ((previous: Instance, next: Instance) => unknown) | false | undefined
  /**
   * Makes a commit that takes itself back if its implementations trap or throw, or take too long. Until the trial ends, each call
   * of them goes through JavaScript.
   *
   * ```js
   * const change = relink(v1, v2, { trial: { calls: 1000, for: '30s', maxMean: '2ms' } })
   * const { outcome, reason } = await change.settled
   * ```
   */
  trial?: TrialOptions | undefined
}

/** The result of {@link RelinkOptions.check}: undefined or true to agree, false or a reason to refuse. */
export type Verdict = void | boolean | string

/** A commit that is to be made: see {@link RelinkOptions.check}. */
export interface CommitPlan {
  readonly changes: readonly { slot: Slot; before: Function | null; after: Function }[]
  readonly label: string | undefined
  readonly by: string | undefined
}

/** The result of a commit: a promise if a hook may return one. */
type Committed<O> = O extends { check: (...args: any[]) => infer V }
  ? V extends Promise<any>
    ? Promise<Relink>
    : MigratedResult<O>
  : MigratedResult<O>
type MigratedResult<O> = O extends { migrate: (...args: any[]) => infer V }
  ? V extends Promise<any>
    ? Promise<Relink>
    : Relink
  : Relink

/**
 * Makes many changes, or none: all are checked before the first is made. Calls that run finish in the code that they were called
 * in, and every call after the commit runs the new code, so no call sees a mixture of both.
 *
 * ```ts
 * relink([
 *   [update.exports.discount, plugin.slots['pricing::discount']],
 *   [update.exports.tax, plugin.slots['pricing::tax']],
 * ])
 * ```
 *
 * @throws {LinkError} `ERR_RELINK_REFUSED`: `refusals` lists every change that cannot be made, with the reason;
 * `ERR_RELINK_VETO`: `check` refuses; `ERR_RELINK_REENTRANT`: called by a hook of another commit; `ERR_RELINK_CHANGED`: a slot
 * changed while the hooks ran
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: other arguments; `ERR_INVALID_ARG_VALUE`: an unknown option
 * @throws {RangeError} `ERR_OUT_OF_RANGE`: a `label` or `by` that is too long
 * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the store is closed
 */
export function relink<const C extends Iterable<Change>, const O extends RelinkOptions>(
  changes: C & CheckedChanges<C>,
  options?: O,
): Committed<O>
/**
 * Changes the slots of an instance by name: `relink({ discount: update.exports.discount }, plugin)`. Names are those of
 * {@link Instance.slot}.
 *
 * @throws {LinkError} as above; unknown names are among the `refusals`
 */
export function relink<const O extends RelinkOptions>(
  changes: { readonly [slot: string]: Implementation },
  instance: Instance<any, any>,
  options?: O,
): Committed<O>
/**
 * Replaces the functions of `previous` by those of `next`: each slot of `previous` for which `next` declares or exports a function
 * of the same name and type. The other declared and exported slots are listed in {@link Relink.skipped}; `strict` refuses then.
 *
 * ```js
 * relink(v1, v2, { strict: true, label: 'release 2' })
 * ```
 *
 * @throws {LinkError} as above; `ERR_RELINK_REFUSED` too if they have no slot in common
 */
export function relink<const O extends RelinkOptions & { strict?: boolean | undefined }>(
  previous: Instance<any, any>,
  next: Instance<any, any>,
  options?: O,
): Committed<O>

/** Checks each change of an array by its own types, so that a wrong pair is an error where it stands. */
type CheckedChanges<C> = C extends readonly unknown[]
  ? {
      readonly [Index in keyof C]: C[Index] extends readonly [unknown, Slot<infer P, infer R>] ? Change<P, R> : Change
    }
  : unknown
