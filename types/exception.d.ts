// Tags, and the exceptions that carry them.

import type { GlobalType } from './global'
import type { StoreOptions } from './options'

/** A kind of exception, by which WebAssembly catches it. For an example, see {@link Exception}. */
export class Tag {
  #private
  /**
   * `parameters` are the types of the values that its exceptions carry.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: a wrong descriptor, type or option
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the store is closed
   */
  constructor(descriptor: { parameters: Iterable<GlobalType> }, options?: StoreOptions)
}

/**
 * An exception that WebAssembly throws and does not catch, or that JavaScript throws for WebAssembly to catch by its tag.
 * It is not an `Error`. WebAssembly catches any other value that JavaScript throws with `catch_all`.
 *
 * ```js
 * const tag = new Tag({ parameters: ['i32'] })
 * const imports = { env: { tag, fail: () => { throw new Exception(tag, [42]) } } }
 * ```
 */
export class Exception {
  #private
  /**
   * `payload` has one value for each parameter of the tag, and the values are converted as for a call. With `traceStack`, the
   * exception has a `stack`.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a Tag, or no iterable; `ERR_INVALID_ARG_VALUE`: too many values, or too
   * few; JavaScript's own, without a code, for a value that cannot be converted
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the tag's instance, or its store, is closed
   */
  constructor(tag: Tag, payload: Iterable<unknown>, options?: { traceStack?: boolean | undefined })
  /**
   * Whether it has this tag.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a Tag
   */
  is(tag: Tag): boolean
  /**
   * The value at `index` of its payload. `tag` must be its own tag.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a Tag; `ERR_INVALID_ARG_VALUE`: it has another tag;
   * `ERR_RELINK_UNSUPPORTED`: a `v128` or an exception reference
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: the payload has no value at `index`
   */
  getArg(tag: Tag, index: number): any
  readonly stack: string | undefined
}
