'use strict'

// The externrefs of a store: the JavaScript values that WebAssembly holds, by number.

/** The numbers of null and undefined, which are always the same. */
const [NULL, UNDEFINED] = [0, 1]

/** Indices in `free`, and its length without numbers. */
const [COUNT, LAST, HEAD] = [0, 1, 2]

const isValue = (value) => value !== null && value !== undefined

/**
 * Converts values to externrefs and back. Native code (src/napi/convert/externrefs.rs) has the same array and free list. It
 * frees numbers, and moves values that only one instance holds out of the array.
 */
class Externrefs {
  /** The values by number; undefined for those that only native code finds */
  values = [null, undefined]

  /**
   * The count of the free numbers, the externref that `add` made last, and the free numbers. Native code replaces it by a
   * longer one.
   */
  free = new Uint32Array(HEAD)

  #store

  /** `store` returns the store, which the functions that use this keep alive. */
  constructor(store) {
    this.#store = store
  }

  /** The externref of a value. */
  add(value) {
    if (value === null) return NULL
    if (value === undefined) return UNDEFINED
    const { values } = this
    let { free } = this
    if (Object.is(values[free[LAST]], value)) return free[LAST]
    if (free[COUNT] === 0) {
      this.#store().reserveExternrefs(1)
      free = this.free
    }
    const count = free[COUNT] - 1
    const number = free[HEAD + count]
    free[COUNT] = count
    free[LAST] = number
    values[number] = value
    return number
  }

  /**
   * Makes numbers free for `values`, which are about to become arguments. After the first of them has become an externref, no
   * sweep may run, since nothing holds that externref yet.
   */
  reserve(...values) {
    const count = values.filter(isValue).length
    if (this.free[COUNT] < count) this.#store().reserveExternrefs(count)
  }

  /** The value of an externref. */
  get(number) {
    const value = this.values[number]
    return value !== undefined || number === UNDEFINED ? value : this.#read(number)
  }

  /** Drops the values of the free numbers after the first `from` ones. */
  drop(from) {
    const { free, values } = this
    for (let at = HEAD + from; at < HEAD + free[COUNT]; at++) values[free[at]] = undefined
  }

  /** Asks native code, and keeps the value in the array until the next sweep. */
  #read(number) {
    return (this.values[number] = this.#store().readExternref(number))
  }
}

module.exports = { Externrefs }
