// Tables of functions or of other references.

import type { WasmFunction } from './function'
import type { StoreOptions } from './options'
import type { Slot } from './slot'

/** The types of entries: functions, or values of any kind. For an example, see {@link Table}. */
export type TableKind = 'anyfunc' | 'externref'
type EntryOf<K extends TableKind> = K extends 'externref' ? unknown : WasmFunction | null

/** Options of {@link Table.slot}; `docs/what-can-be-relinked.md` has an example. */
export interface TableSlotOptions {
  /** Whether to return the slot of the entry alone, also if the entry belongs to a function's slot. Default: false */
  entry?: boolean | undefined
}

/** A table to make: see {@link Table}. */
export interface TableDescriptor<K extends TableKind = TableKind> {
  element: K
  /** Number of entries at first */
  initial: number
  /** Greatest number of entries */
  maximum?: number | undefined
}

/**
 * A table of functions, or of values of any kind.
 *
 * ```js
 * const callbacks = new Table({ element: 'anyfunc', initial: 10 })
 * callbacks.set(3, plugin.exports.on_event)
 * ```
 */
export class Table<K extends TableKind = 'anyfunc'> {
  #private
  /**
   * `init` is the first value of every entry. Default: null in a table of functions, otherwise undefined.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: a wrong descriptor, option or `init`
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: more than 10,000,000 entries, or a maximum below `initial`;
   * `ERR_RELINK_MEMORY`: no room
   * @throws {LinkError} `ERR_RELINK_STORE`, `ERR_RELINK_CLOSED`: `init` is of another store or of a closed instance
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the store is closed
   */
  constructor(descriptor: TableDescriptor<K>, init?: EntryOf<K>, options?: StoreOptions)
  /** @throws {RuntimeError} `ERR_RELINK_CLOSED`: the table's instance, or its store, is closed */
  readonly length: number
  /**
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE`: `index` is no integer of 32 bits
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: beyond the table's end
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the table's instance, or its store, is closed
   */
  get(index: number): EntryOf<K>
  /**
   * Writes an entry, without a check of the function's type. `link(implementation, table.slot(index))` checks it, and can be
   * undone. Default for `value`: as for `init` in the constructor.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: neither an exported WebAssembly function nor null, in a table of functions;
   * `ERR_INVALID_ARG_VALUE`: `index` is no integer of 32 bits
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: beyond the table's end
   * @throws {LinkError} `ERR_RELINK_STORE`, `ERR_RELINK_CLOSED`: the function is of another store or of a closed instance;
   * `ERR_RELINK_COMPILER`: it cannot be shared with code of the compiler that uses the table
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the table's instance, or its store, is closed
   */
  set(index: number, value?: EntryOf<K>): void
  /**
   * Adds `delta` entries that hold `value`, and returns the former length.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: beyond the table's maximum, or 10,000,000 entries; `ERR_RELINK_MEMORY`: no room
   * @throws {TypeError | LinkError | RuntimeError} for the same `value` as {@link set}, and for a `delta` that is no integer
   * of 32 bits
   */
  grow(delta: number, value?: EntryOf<K>): number
  /**
   * The entry at `index` as a slot: the index is `replace_me as usize` in Rust. If the module that defines the table put one of
   * its own functions there, this is that function's slot, and linking it changes direct calls too. Any other entry (of an
   * imported table, or one that was written later) is a slot of its own, for calls through the table.
   *
   * An empty entry is a slot too: it takes a function of a type by which some code calls through the table.
   *
   * ```js
   * link(update.exports.handler, plugin.exports.__indirect_function_table.slot(3))
   * ```
   *
   * With `{ entry: true }`, this is the slot of the entry alone, also if it belongs to a function's slot.
   *
   * @throws {TypeError} `ERR_RELINK_UNSUPPORTED`: a table of externrefs; `ERR_INVALID_ARG_VALUE`: `index` is no integer of
   * 32 bits
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: beyond the table's end
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the table's instance, or its store, is closed
   */
  slot<P extends unknown[] = any, R = any>(index: number, options?: TableSlotOptions): Slot<P, R>
}
