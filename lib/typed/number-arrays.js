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

/** Reads a property that every typed array has, of any realm, whatever properties it has of its own. */
const reader = (name) =>
  Function.prototype.call.bind(Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name).get)

/** The name of a typed array's class; undefined for any other value. */
const arrayName = reader(Symbol.toStringTag)

/** The number of elements of a typed array: 0 if its buffer is detached. */
const lengthOf = reader('length')

/** The buffer of a typed array. */
const bufferOf = reader('buffer')

module.exports = { ARRAYS, arrayName, bufferOf, lengthOf }
