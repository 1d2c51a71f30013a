'use strict'

// The conversion of lists of fixed length.

const { checkElement, loadElement, storeElement } = require('./lists')
const { Misfit, kindOf } = require('./misfit')
const { ARRAYS, arrayName } = require('./number-arrays')
const { Conversion } = require('./scalars')

/** A list of fixed length, in place: an array, or a typed array of numbers. */
class FixedList extends Conversion {
  constructor(type, element) {
    super(type)
    this.element = element
    this.length = type.length
    this.Array = ARRAYS[type.element.kind]
    this.allocates = element.allocates
    this.atomic = !element.allocates
  }

  /** Refuses what is not a list of the length. */
  #refuse(value) {
    const isList = Array.isArray(value) || (this.Array !== undefined && arrayName(value) === this.Array.name)
    if (!isList) throw new Misfit(this.Array?.name ?? 'array', arrayName(value) ?? kindOf(value))
    if (value.length !== this.length) throw new Misfit(`${this.length} elements`, `${value.length}`)
  }

  check(value) {
    this.#refuse(value)
    for (let index = 0; index < this.length; index++) checkElement(this.element, value, index)
  }

  lower(guest, value, core, start) {
    this.#refuse(value)
    const { element } = this
    for (let index = 0; index < this.length; index++) {
      try {
        element.lower(guest, value[index], core, start + index * element.flat.length)
      } catch (error) {
        throw Misfit.at(error, `[${index}]`)
      }
    }
  }

  lift(guest, core, start) {
    const list = new (this.Array ?? Array)(this.length)
    const { element } = this
    for (let index = 0; index < this.length; index++) {
      list[index] = element.lift(guest, core, start + index * element.flat.length)
    }
    return list
  }

  store(guest, value, address) {
    this.#refuse(value)
    const { element } = this
    for (let index = 0; index < this.length; index++) {
      storeElement(element, guest, value, index, address + index * element.size)
    }
  }

  load(guest, address) {
    const list = new (this.Array ?? Array)(this.length)
    const { element } = this
    for (let index = 0; index < this.length; index++) {
      list[index] = loadElement(element, guest, address + index * element.size, index)
    }
    return list
  }
}

module.exports = { FixedList }
