'use strict'

// The typed arrays of numbers, by the types of their elements.

/** The typed array for numbers of each type. */
const ARRAYS = {
  __proto__: null,
  s8: Int8Array,
  u8: Uint8Array,
  s16: Int16Array,
  u16: Uint16Array,
  s32: Int32Array,
  u32: Uint32Array,
  s64: BigInt64Array,
  u64: BigUint64Array,
  f32: Float32Array,
  f64: Float64Array,
}

/** The name of a typed array's class, of any realm; undefined for any other value. */
const arrayName = Function.prototype.call.bind(
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get,
)

module.exports = { ARRAYS, arrayName }
