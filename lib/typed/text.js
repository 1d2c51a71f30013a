'use strict'

// Conversions of strings.

const { Conversion } = require('./scalars')
const { Misfit, kindOf } = require('./misfit')

/** The conversion of strings. */
class Text extends Conversion {
  constructor(type) {
    super(type)
    this.allocates = true
  }

  /** The string for a value, and the value of a string. */
  encode(value) {
    if (typeof value !== 'string') throw new Misfit('string', kindOf(value))
    return value
  }

  decode(text) {
    return text
  }

  check(value) {
    this.encode(value)
  }

  lower(guest, value, core, index) {
    core[index] = guest.putText(this.encode(value))
    core[index + 1] = guest.written
  }

  lift(guest, core, index) {
    return this.decode(guest.getText(core[index] >>> 0, core[index + 1] >>> 0))
  }

  store(guest, value, address) {
    const start = guest.putText(this.encode(value))
    guest.refresh()
    guest.view.setUint32(address, start, true)
    guest.view.setUint32(address + 4, guest.written, true)
  }

  load(guest, address) {
    return this.decode(guest.getText(guest.view.getUint32(address, true), guest.view.getUint32(address + 4, true)))
  }
}

/** V8's messages for values that JSON does not have, and what these have. */
const NO_JSON = [
  [/^Converting circular structure to JSON/, 'one that contains itself'],
  [/^Do not know how to serialize a BigInt/, 'one with a bigint'],
]

/** The JSON text of a value. An error of the user's own code comes out unchanged. */
function stringify(value) {
  try {
    return JSON.stringify(value)
  } catch (error) {
    const found = NO_JSON.find(([message]) => message.test(error?.message))
    throw found === undefined ? error : new Misfit('a value that JSON has', found[1])
  }
}

/** The conversion of JSON values. */
class Json extends Text {
  encode(value) {
    const text = stringify(value)
    if (text === undefined) throw new Misfit('a value that JSON has', kindOf(value))
    return text
  }

  decode(text) {
    try {
      return JSON.parse(text)
    } catch (error) {
      throw new Misfit('JSON', error.message)
    }
  }
}

module.exports = { Json, Text }
