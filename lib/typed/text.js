'use strict'

// Conversions of strings.

const { Conversion } = require('./scalars')
const { Misfit, kindOf } = require('./misfit')

/** Lengths up to which a loop beats Node's own functions, which are calls from JavaScript to C++. */
const [SHORT, SHORT_ASCII] = [24, 12]

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Length of the last string that `put` wrote, in bytes. */
let written = 0

/** Writes a string to memory that it allocates, as UTF-8 with U+FFFD for unpaired surrogates. Returns its address. */
function put(guest, text) {
  const { length } = text
  written = length
  // No call for an empty string: no byte of it is read, and an address must only not be null.
  if (length === 0) return 1
  if (length <= SHORT && isAscii(text, length)) {
    const address = guest.allocate(length, 1)
    const { u8 } = guest
    for (let index = 0; index < length; index++) u8[address + index] = text.charCodeAt(index)
    return address
  }
  const size = Buffer.byteLength(text)
  const address = guest.allocate(size, 1)
  // As many bytes as characters: all are ASCII.
  guest.text.write(text, address, size, size === length ? 'latin1' : 'utf8')
  written = size
  return address
}

function isAscii(text, length) {
  for (let index = 0; index < length; index++) if (text.charCodeAt(index) > 0x7f) return false
  return true
}

/** Reads a string from memory. */
function get(guest, address, length) {
  if (length === 0) return ''
  guest.range(address, length, 1)
  const { u8 } = guest
  const end = address + length
  if (length <= SHORT_ASCII) {
    let text = ''
    let index = address
    for (; index < end && u8[index] < 0x80; index++) text += String.fromCharCode(u8[index])
    if (index === end) return text
  }
  try {
    return decoder.decode(u8.subarray(address, end))
  } catch (error) {
    if (error.name !== 'TypeError') throw error
    throw new Misfit('UTF-8', 'other bytes')
  }
}

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
    core[index] = put(guest, this.encode(value))
    core[index + 1] = written
  }

  lift(guest, core, index) {
    return this.decode(get(guest, core[index] >>> 0, core[index + 1] >>> 0))
  }

  store(guest, value, address) {
    const start = put(guest, this.encode(value))
    guest.refresh()
    guest.view.setUint32(address, start, true)
    guest.view.setUint32(address + 4, written, true)
  }

  load(guest, address) {
    return this.decode(get(guest, guest.view.getUint32(address, true), guest.view.getUint32(address + 4, true)))
  }
}

/** The conversion of JSON values. */
class Json extends Text {
  encode(value) {
    const text = JSON.stringify(value)
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
