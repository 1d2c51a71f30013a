'use strict'

// Conversions of lists.

const { Conversion } = require('./scalars')
const { Misfit, described, kindOf } = require('./misfit')
const { ARRAYS, arrayName, bufferOf, lengthOf } = require('./number-arrays')

/** Most bytes that a memory has. */
const MOST_BYTES = 0xffffffff

/** Number of elements of the last list that `put` wrote. */
let written = 0

/** A list, as an address and a length. */
class List extends Conversion {
  constructor(type, element) {
    super(type)
    this.element = element
    this.allocates = true
    this.atomic = false
  }

  check(value) {
    const length = this.lengthOf(value)
    for (let index = 0; index < length; index++) checkElement(this.element, value, index)
  }

  /** The length of an array. That of a proxy may be anything. */
  lengthOf(value) {
    if (!Array.isArray(value)) throw new Misfit('array', kindOf(value))
    const { length } = value
    if (Number.isInteger(length) && length >= 0 && length * this.element.size <= MOST_BYTES) return length
    throw new Misfit(`an array of at most ${Math.floor(MOST_BYTES / this.element.size)} elements`, described(length))
  }

  put(guest, value) {
    const { element } = this
    const length = this.lengthOf(value)
    const address = length === 0 ? element.align : guest.allocate(length * element.size, element.align)
    for (let index = 0; index < length; index++) {
      storeElement(element, guest, value, index, address + index * element.size)
    }
    written = length
    return address
  }

  get(guest, address, length) {
    const { element } = this
    if (length > 0) guest.range(address, length * element.size, element.align)
    const list = []
    for (let index = 0; index < length; index++) {
      list.push(loadElement(element, guest, address + index * element.size, index))
    }
    return list
  }

  lower(guest, value, core, index) {
    core[index] = this.put(guest, value)
    core[index + 1] = written
  }

  lift(guest, core, index) {
    return this.get(guest, core[index] >>> 0, core[index + 1] >>> 0)
  }

  store(guest, value, address) {
    const start = this.put(guest, value)
    guest.refresh()
    guest.view.setUint32(address, start, true)
    guest.view.setUint32(address + 4, written, true)
  }

  load(guest, address) {
    return this.get(guest, guest.view.getUint32(address, true), guest.view.getUint32(address + 4, true))
  }
}

function checkElement(element, value, index) {
  try {
    element.check(value[index])
  } catch (error) {
    throw Misfit.at(error, `[${index}]`)
  }
}

function storeElement(element, guest, value, index, address) {
  try {
    element.store(guest, value[index], address)
  } catch (error) {
    throw Misfit.at(error, `[${index}]`)
  }
}

function loadElement(element, guest, address, index) {
  try {
    return element.load(guest, address)
  } catch (error) {
    throw Misfit.at(error, `[${index}]`)
  }
}

/** A list of numbers: a typed array, or an array of numbers. */
class Numbers extends List {
  constructor(type, element) {
    super(type, element)
    this.Array = ARRAYS[type.element.kind]
    this.elementSize = element.size
    this.atomic = true
  }

  check(value) {
    if (arrayName(value) === this.Array.name) return
    if (!Array.isArray(value)) throw new Misfit(this.Array.name, arrayName(value) ?? kindOf(value))
    super.check(value)
  }

  put(guest, value) {
    if (arrayName(value) !== this.Array.name) {
      this.check(value)
      return super.put(guest, value)
    }
    const { element } = this
    const length = lengthOf(value)
    let address = element.align
    if (length > 0) {
      guest.refresh()
      // Bytes of the guest itself are detached if the guest grows its memory to allocate.
      const source = bufferOf(value) === guest.u8.buffer ? new this.Array(value) : value
      address = guest.allocate(length * element.size, element.align)
      if (lengthOf(source) !== length) throw new Misfit(`${length} elements`, `${lengthOf(source)}`)
      new this.Array(guest.u8.buffer, address, length).set(source)
    }
    // Last, since a guest that allocates may call JavaScript, which may write other lists.
    written = length
    return address
  }

  get(guest, address, length) {
    const size = length * this.element.size
    if (length > 0) guest.range(address, size, this.element.align)
    // Copies without filling with zeros first.
    return new this.Array(guest.u8.buffer.slice(address, address + size))
  }
}

module.exports = { List, Numbers, checkElement, loadElement, storeElement }
