// Global variables.

import type { WasmFunction } from './function'
import type { StoreOptions } from './options'

/** The types of globals, and of the values that exceptions carry: see {@link Global} and {@link Tag}. */
export type GlobalType = 'i32' | 'i64' | 'f32' | 'f64' | 'anyfunc' | 'externref'
type ValueOf<T extends GlobalType> = T extends 'i64'
  ? bigint
  : T extends 'anyfunc'
    ? WasmFunction | null
    : T extends 'externref'
      ? unknown
      : number

/** A global to make: see {@link Global}. */
export interface GlobalDescriptor<T extends GlobalType = GlobalType> {
  value: T
  mutable?: boolean | undefined
}

/**
 * A global variable.
 *
 * ```js
 * const rate = new Global({ value: 'f64', mutable: true }, 0.07)
 * rate.value = 0.08
 * ```
 */
export class Global<T extends GlobalType = any> {
  #private
  /**
   * Default for `value`: zero, null for a function, undefined for an `externref`.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: a wrong descriptor, option or `value`;
   * `ERR_RELINK_UNSUPPORTED`: a global of type `v128`. JavaScript's own, without a code, if a number cannot be converted
   * @throws {LinkError} `ERR_RELINK_STORE`, `ERR_RELINK_CLOSED`: `value` is a function of another store or of a closed
   * instance
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the store is closed
   */
  constructor(descriptor: GlobalDescriptor<T>, value?: ValueOf<T>, options?: StoreOptions)
  /**
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the global's instance, or its store, is closed
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: it is set but immutable, or to a value of another type;
   * `ERR_RELINK_UNSUPPORTED`: it holds a `v128` or an exception reference
   * @throws {LinkError} as the constructor, for the same values; `ERR_RELINK_COMPILER`: a function that cannot be shared with
   * code of the compiler that uses the global
   */
  value: ValueOf<T>
  /** The same as {@link value}; throws as reading that does. */
  valueOf(): ValueOf<T>
}
