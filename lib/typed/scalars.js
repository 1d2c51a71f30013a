'use strict'

// Conversions of numbers, booleans and characters.

const { Misfit, described, kindOf } = require('./misfit')

/** The conversion of a type: of JavaScript's values to a place in a guest's memory and to flat values, and back. */
class Conversion {
  constructor({ kind, size, align, flat }) {
    this.kind = kind
    this.size = size
    this.align = align
    /** Types of the flat values; null for too many */
    this.flat = flat
    /** Whether a value has parts outside of its place, which are allocated */
    this.allocates = false
    /** Whether nothing can be wrong any more once something was allocated */
    this.atomic = true
  }
}

/** Integers of at most 32 bits. */
class Integer extends Conversion {
  constructor(type) {
    super(type)
    this.name = type.kind
    this.signed = type.kind.startsWith('s')
    this.bits = type.size * 8
    this.least = this.signed ? -(2 ** (this.bits - 1)) : 0
    this.most = 2 ** (this.signed ? this.bits - 1 : this.bits) - 1
  }

  check(value) {
    if (typeof value !== 'number') throw new Misfit('number', kindOf(value))
    if (value >= this.least && value <= this.most && Math.trunc(value) === value) return
    throw new Misfit(`an integer from ${this.least} to ${this.most}`, described(value))
  }

  lower(guest, value, core, index) {
    this.check(value)
    core[index] = value | 0
  }

  lift(guest, core, index) {
    const value = core[index]
    const shift = 32 - this.bits
    return this.signed ? (value << shift) >> shift : (value << shift) >>> shift
  }

  store(guest, value, address) {
    this.check(value)
    guest.refresh()
    if (this.bits === 8) guest.view.setInt8(address, value)
    else if (this.bits === 16) guest.view.setInt16(address, value, true)
    else guest.view.setInt32(address, value, true)
  }

  load({ view }, address) {
    if (this.bits === 8) return this.signed ? view.getInt8(address) : view.getUint8(address)
    if (this.bits === 16) return this.signed ? view.getInt16(address, true) : view.getUint16(address, true)
    return this.signed ? view.getInt32(address, true) : view.getUint32(address, true)
  }
}

/** Integers of 64 bits. */
class Integer64 extends Conversion {
  constructor(type) {
    super(type)
    this.signed = type.kind === 's64'
  }

  check(value) {
    if (typeof value !== 'bigint') throw new Misfit('bigint', kindOf(value))
    const fits = this.signed ? BigInt.asIntN(64, value) === value : BigInt.asUintN(64, value) === value
    if (fits) return
    const [least, most] = this.signed ? ['-2^63', '2^63-1'] : ['0', '2^64-1']
    throw new Misfit(`a bigint from ${least} to ${most}`, described(value))
  }

  lower(guest, value, core, index) {
    this.check(value)
    core[index] = value
  }

  lift(guest, core, index) {
    return this.signed ? core[index] : BigInt.asUintN(64, core[index])
  }

  store(guest, value, address) {
    this.check(value)
    guest.refresh()
    guest.view.setBigInt64(address, value, true)
  }

  load({ view }, address) {
    return this.signed ? view.getBigInt64(address, true) : view.getBigUint64(address, true)
  }
}

/** Floats. */
class Float extends Conversion {
  check(value) {
    if (typeof value !== 'number') throw new Misfit('number', kindOf(value))
  }

  lower(guest, value, core, index) {
    this.check(value)
    core[index] = value
  }

  lift(guest, core, index) {
    return core[index]
  }

  store(guest, value, address) {
    this.check(value)
    guest.refresh()
    if (this.size === 4) guest.view.setFloat32(address, value, true)
    else guest.view.setFloat64(address, value, true)
  }

  load({ view }, address) {
    return this.size === 4 ? view.getFloat32(address, true) : view.getFloat64(address, true)
  }
}

/** A type that is stored as an unsigned integer. `encode` and `decode` convert, and refuse. */
class Encoded extends Conversion {
  check(value) {
    this.encode(value)
  }

  lower(guest, value, core, index) {
    core[index] = this.encode(value)
  }

  lift(guest, core, index) {
    return this.decode(core[index] >>> 0)
  }

  store(guest, value, address) {
    const code = this.encode(value)
    guest.refresh()
    if (this.size === 1) guest.view.setUint8(address, code)
    else if (this.size === 2) guest.view.setUint16(address, code, true)
    else guest.view.setUint32(address, code, true)
  }

  load({ view }, address) {
    if (this.size === 1) return this.decode(view.getUint8(address))
    return this.decode(this.size === 2 ? view.getUint16(address, true) : view.getUint32(address, true))
  }
}

class Bool extends Encoded {
  encode(value) {
    if (typeof value !== 'boolean') throw new Misfit('boolean', kindOf(value))
    return value ? 1 : 0
  }

  decode(code) {
    return code !== 0
  }
}

class Char extends Encoded {
  encode(value) {
    if (typeof value !== 'string') throw new Misfit('a string of one character', kindOf(value))
    const code = value.codePointAt(0)
    if (code === undefined || value.length !== (code > 0xffff ? 2 : 1) || (code >= 0xd800 && code <= 0xdfff)) {
      throw new Misfit('a string of one character', described(value))
    }
    return code
  }

  decode(code) {
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
      throw new Misfit('a Unicode scalar value', `0x${code.toString(16)}`)
    }
    return String.fromCodePoint(code)
  }
}

module.exports = { Bool, Char, Conversion, Encoded, Float, Integer, Integer64 }
