'use strict'

// Handles, and brands for private fields.

const { wrongType } = require('../options/arguments')
const { typeError } = require('../errors')

/**
 * The native side of an object: its store, and its id there. Users never get a Handle, so a constructor with one as its
 * argument was called by this package.
 */
class Handle {
  constructor(store, id, details) {
    this.store = store
    this.id = id
    this.details = details
  }

  /** Makes `object` the wrapper of the native object, and keeps alive what the native object needs. */
  keep(kind, object) {
    this.retainer = this.store.keep(kind, this.id, object)
  }
}

/**
 * Access to the private field of a class for the other files of this package, but not for users: the class gives its brand a
 * function that reads the field.
 */
class Brand {
  #noun
  #read

  /** `noun` names the class in messages, like "a Memory". `read(object)` returns the private field, or undefined. */
  constructor(noun, read) {
    this.#noun = noun
    this.#read = read
  }

  /** The private field of `value`; undefined for a value that is not of this class. */
  find(value) {
    const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function'
    return isObject ? this.#read(value) : undefined
  }

  /** The private field of `value`. Throws a TypeError that names the argument for any other value. */
  get(value, argument = 'this') {
    const found = this.find(value)
    if (found === undefined) throw wrongType(this.#noun, argument, value)
    return found
  }
}

/** The error of a constructor that only this package may call. */
const onlyInternal = (name, maker) =>
  typeError(`${name} has no public constructor: use \`${maker}\``, 'ERR_ILLEGAL_CONSTRUCTOR')

module.exports = { Handle, Brand, onlyInternal }
