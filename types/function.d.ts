// Functions: their types, and what a slot takes.

/**
 * The value types of WebAssembly: `i32`, `f32` and `f64` are a `number` in JavaScript, `i64` is a `bigint`. See
 * {@link FunctionType}.
 */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref'

/**
 * A function's type, as in {@link Slot.type}.
 *
 * ```js
 * // (i64, i32) -> i64
 * const type = { parameters: ['i64', 'i32'], results: ['i64'] }
 * ```
 */
export interface FunctionType {
  readonly parameters: readonly ValueType[]
  readonly results: readonly ValueType[]
}

/** The key of a property for the type checker only. */
export declare const signature: unique symbol
/** The types of a function, by name: TypeScript's error names the one that does not fit. */
export interface Signature<P, R> {
  parameters: P
  result: R
}

/**
 * An exported WebAssembly function.
 *
 * `P` is the tuple of the parameters and `R` the result, in JavaScript's types: `number` for `i32`, `f32` and `f64`, `bigint`
 * for `i64`, `void` for no result, and an array for several. Each WebAssembly function is one JavaScript function: compare them
 * with `===`. The `name` of a function is its index in the module.
 *
 * ```ts
 * const total: WasmFunction<[cents: bigint], bigint> = plugin.exports.total
 * total(1000n)
 * ```
 *
 * If an import throws, the call throws the same object.
 *
 * @throws {RuntimeError} `ERR_RELINK_TRAP`; `ERR_RELINK_TIMEOUT`; `ERR_RELINK_INTERRUPTED`; `ERR_RELINK_CLOSED`: the function's
 * instance is closed
 * @throws {TypeError} `ERR_RELINK_UNSUPPORTED`: the function's type has a `v128` or an exception reference
 */
export interface WasmFunction<in out P extends unknown[] = any, in out R = any> {
  (...parameters: P): R
  /** For the type checker only: this property does not exist. It comes first, so that a mismatch is reported by the types. */
  readonly [signature]: Signature<P, R>
  readonly name: string
  readonly length: number
  /**
   * Calls the function once for each row of the columns. All calls take one transition from JavaScript to WebAssembly, so each
   * costs a few nanoseconds. The arguments are one typed array for each parameter, all of the same length. The result is one
   * typed array; an array of typed arrays for several results; undefined for none.
   *
   * ```js
   * const sums = add.map(Int32Array.of(1, 2, 3), Int32Array.of(10, 20, 30)) // Int32Array [11, 22, 33]
   * add.map(sums, sums, { into: sums }) // Int32Array [22, 44, 66]
   * ```
   *
   * `i32` takes an `Int32Array` or a `Uint32Array`, `i64` a `BigInt64Array` or a `BigUint64Array`, `f32` a `Float32Array`, `f64`
   * a `Float64Array`. Without `into`, results go into a new array of the first of these classes.
   *
   * If a call throws, the calls after it are not made. The effects of the calls before it remain, and `into` may hold the
   * results of some of them.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: an array of another class; `ERR_INVALID_ARG_VALUE`: too many or too few arrays,
   * or an array that was detached during the call; `ERR_RELINK_UNSUPPORTED`: a type that no typed array holds
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: arrays of different lengths, or an `into` that is too short;
   * `ERR_RELINK_MEMORY`: no room for the generated code
   */
  map(...columns: [...Columns<P>, options?: { into?: Mapped<R> | undefined }]): Mapped<R>
}

/** A typed array of values of a type. */
type Column<T> = 0 extends 1 & T
  ? AnyColumn
  : [T] extends [bigint]
    ? BigInt64Array | BigUint64Array
    : [T] extends [number]
      ? Int32Array | Uint32Array | Float32Array | Float64Array
      : never
type AnyColumn = Int32Array | Uint32Array | Float32Array | Float64Array | BigInt64Array | BigUint64Array
type Columns<P extends unknown[]> = { [Index in keyof P]: Column<P[Index]> }
/** The result of {@link WasmFunction.map}. */
type Mapped<R> = 0 extends 1 & R ? any : [R] extends [void] ? undefined : R extends unknown[] ? Columns<R> : Column<R>

/**
 * A function that a slot takes: an exported WebAssembly function of exactly the slot's type, or a JavaScript function.
 *
 * A JavaScript function gets the slot's arguments in JavaScript's types. Its result is converted as the result of an import: it
 * returns a `number` for `i32`, `f32` and `f64`, a `bigint` for `i64`. For an example, see {@link link}.
 */
export type Implementation<P extends unknown[] = any, R = any> = HostFunction<P, R> | WasmFunction<P, R>
/** A JavaScript function. It is first in the union: TypeScript's error compares a function with the first member that is one. */
interface HostFunction<P extends unknown[], R> {
  (...parameters: P): R
  readonly [signature]?: undefined
}
