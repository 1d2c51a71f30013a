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

  /** These externrefs for the functions of an instance with this quota; undefined for one without a limit of its own. */
  within(quota) {
    return quota === undefined ? this : new LimitedExternrefs(this, quota, this.#store)
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

  /** Drops the values of numbers that a retainer holds. */
  dropRetained(numbers) {
    const { values } = this
    for (let at = 0; at < numbers.length; at++) values[numbers[at]] = undefined
  }

  /**
   * The values of these numbers, for a retainer. Those with an index, which counts from 1, are in its present array, `retained`.
   */
  retain(retained, numbers, indices) {
    const { values } = this
    const array = []
    for (let at = 0; at < numbers.length; at++) {
      array.push(indices[at] === 0 ? values[numbers[at]] : retained[indices[at] - 1])
    }
    return array
  }

  /** Takes the values of these numbers back from the array of a retainer. */
  take(retained, numbers, indices) {
    const { values } = this
    for (let at = 0; at < numbers.length; at++) values[numbers[at]] = retained[indices[at]]
  }

  /** Asks native code, and keeps the value in the array until the next sweep. */
  #read(number) {
    return (this.values[number] = this.#store().readExternref(number))
  }
}

/** The externrefs of a store, for the functions of an instance that limits them. */
class LimitedExternrefs {
  /** No number is free, so that `reserve` is called for all arguments. */
  free = [0]

  /** The key of the instance's quota. */
  quota

  #all
  #store

  constructor(all, quota, store) {
    this.#all = all
    this.quota = quota
    this.#store = store
  }

  /** The externref of a value, which counts for the instance. */
  add(value) {
    const number = this.#all.add(value)
    if (number !== NULL && number !== UNDEFINED) this.#store().chargeExternref(number, this.quota)
    return number
  }

  /** Checks the limits for `values`, and sweeps before. */
  reserve(...values) {
    const count = values.filter(isValue).length
    if (count > 0) this.#store().reserveExternrefs(count, this.quota)
  }

  /** The value of an externref. */
  get(number) {
    return this.#all.get(number)
  }
}

module.exports = { Externrefs }
