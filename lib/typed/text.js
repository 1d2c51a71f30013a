'use strict'

// Conversions of strings.

const { isAscii } = require('node:buffer')
const { TextDecoder, TextEncoder } = require('node:util')
const { Conversion } = require('./scalars')
const { Misfit, kindOf } = require('./misfit')

/**
 * Lengths that decide how a string is passed, as measured: up to the first, loops beat Node's own functions, which are calls from
 * JavaScript to C++; up to the second, a string is encoded beside the guest's memory first, so that its size is known when memory
 * is allocated; from the third on, two functions for ASCII beat the decoder.
 */
const [SHORT_WRITE, SHORT_READ, SCRATCH, LONG_READ] = [20, 12, 2048, 256]

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const scratch = new Uint8Array(3 * SCRATCH)

/** Length of the last string that `put` wrote, in bytes. */
let written = 0

/** Writes a string to memory that it allocates, as UTF-8 with U+FFFD for unpaired surrogates. Returns its address. */
function put(guest, text) {
  const { length } = text
  written = length
  // No call for an empty string: no byte of it is read, and an address must only not be null.
  if (length === 0) return 1
  if (length <= SHORT_WRITE && hasOnlyAscii(text, length)) {
    const address = guest.allocate(length, 1)
    const { u8 } = guest
    for (let index = 0; index < length; index++) u8[address + index] = text.charCodeAt(index)
    return address
  }
  if (length > SCRATCH) return putLong(guest, text)
  written = encoder.encodeInto(text, scratch).written
  const size = written
  const address = guest.allocate(size, 1)
  guest.u8.set(scratch.subarray(0, size), address)
  written = size
  return address
}

/** Writes a long string: room for ASCII first, and for what other characters take besides once one is met. */
function putLong(guest, text) {
  const { length } = text
  const address = guest.allocate(length, 1)
  const { read, written: done } = encoder.encodeInto(text, guest.u8.subarray(address, address + length))
  written = length
  if (read === length) return address
  const rest = text.slice(read)
  const size = done + Buffer.byteLength(rest)
  const moved = guest.allocate(size, 1, address, length)
  encoder.encodeInto(rest, guest.u8.subarray(moved + done, moved + size))
  written = size
  return moved
}

function hasOnlyAscii(text, length) {
  for (let index = 0; index < length; index++) if (text.charCodeAt(index) > 0x7f) return false
  return true
}

/** Reads a string from memory. */
function get(guest, address, length) {
  if (length === 0) return ''
  guest.range(address, length, 1)
  const { u8 } = guest
  const end = address + length
  if (length <= SHORT_READ) {
    let text = ''
    let index = address
    for (; index < end && u8[index] < 0x80; index++) text += String.fromCharCode(u8[index])
    if (index === end) return text
  }
  const bytes = u8.subarray(address, end)
  if (length >= LONG_READ && isAscii(bytes)) return guest.text.latin1Slice(address, end)
  try {
    return decoder.decode(bytes)
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
