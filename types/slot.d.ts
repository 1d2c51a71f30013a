// Slots: places in a module where an implementation can be changed.

import type { FunctionType, Signature, WasmFunction, signature } from './function'
import type { SlotCommit } from './history'
import type { SlotKind } from './module'

/**
 * A place in a module where an implementation can be changed. {@link Instance.slot} and {@link Table.slot} return slots, and
 * {@link link} changes them.
 *
 * ```js
 * const slot = plugin.slot('discount')
 * slot.linked // false
 * slot.current === slot.original // true
 * ```
 *
 * All but `name`, `kind` and `type` throw a {@link LinkError} `ERR_RELINK_CLOSED` if the slot's instance is closed, and a
 * {@link RuntimeError} with this code if the store is.
 */
export class Slot<in out P extends unknown[] = any, in out R = any> {
  #private
  private constructor()
  /** {@link SlotDescriptor.name}, or `table[3]` for a table entry. */
  readonly name: string
  readonly kind: SlotKind
  /** The type that an implementation must have. At run time, undefined for an empty table entry, as `original` is null. */
  readonly type: FunctionType
  /**
   * The types by which code calls through the table entry: with {@link LinkOptions.type}, the entry takes functions of these types
   * as well. Empty for a slot without an entry in an exported or imported table.
   */
  readonly callTypes: readonly FunctionType[]
  /** The function that runs now; null for an empty table entry. */
  readonly current: WasmFunction<P, R> | null
  /** The function that the slot held first: the module's own, or the one given for an import. */
  readonly original: WasmFunction<P, R>
  /** Whether the slot has active links. */
  readonly linked: boolean
  /**
   * The functions that the slot holds or has held, the current one first, each with the number of calls that are inside it now.
   * Earlier ones than `current` and `original` are those of the active links in {@link Store.history}. Looks at the stacks when it is
   * read; see `docs/relinking.md` for what counts.
   */
  readonly active: readonly ActiveImplementation[]
  /** The commits in the store's history that changed this slot, the oldest first. */
  readonly history: readonly SlotCommit[]
  /**
   * Puts the original back, in every entry that links have written. All active links of the slot end, as if undone.
   *
   * @throws {LinkError} `ERR_RELINK_CYCLE`: the original is another slot's import, which now calls this slot
   */
  reset(): void
  /** For the type checker only: this property does not exist. */
  private readonly [signature]: Signature<P, R>
}

/** An entry of {@link Slot.active}. */
export interface ActiveImplementation {
  /** The function; for a JavaScript implementation, the function that was given */
  readonly implementation: Function
  /** Number of calls that are inside it, nested calls and suspended ones each for itself */
  readonly calls: number
}
