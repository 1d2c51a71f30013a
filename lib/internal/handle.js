'use strict'

const { wrongType } = require('../options/arguments')
const { typeError } = require('../errors')

/**
 * Where the native side of an object lives: its store, and its id there. Users never see one, so a
 * constructor that is given one knows that this package called it.
 */
class Handle {
  constructor(store, id, details) {
    this.store = store
    this.id = id
    this.details = details
  }

  /** Makes `object` the one that stands for the native side, and holds what may be reached through it. */
  keep(kind, object) {
    this.retainer = this.store.keep(kind, this.id, object)
  }
}

/**
 * How the files of this package reach into each other's objects, and no one else can: the class hands its
 * brand a function that reads its private field.
 */
class Brand {
  #what
  #read

  /** `what` as in "expected a Memory"; `read(object)` gives the private field, undefined if there is none. */
  constructor(what, read) {
    this.#what = what
    this.#read = read
  }

  /** What is private in `value`, or undefined for anything that is not of this class. */
  find(value) {
    const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function'
    return isObject ? this.#read(value) : undefined
  }

  /** What is private in `value`. Throws a TypeError that names the argument if it is not of this class. */
  get(value, argument = 'this') {
    const found = this.find(value)
    if (found === undefined) throw wrongType(this.#what, argument, value)
    return found
  }
}

/**
 * What a constructor throws that is not for users. It knows that this package called it by an argument of a class that
 * users never see.
 */
const onlyInternal = (name, maker) =>
  typeError(`${name} has no public constructor: ${maker} makes one`, 'ERR_ILLEGAL_CONSTRUCTOR')

module.exports = { Handle, Brand, onlyInternal }
