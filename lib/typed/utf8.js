'use strict'

// Strings in the memory of a guest, as UTF-8.

const { isAscii } = require('node:buffer')
const { TextDecoder, TextEncoder } = require('node:util')
const { Misfit } = require('./misfit')

/**
 * Lengths that decide how a string is passed, as measured: up to the first two, loops and `fewAscii` beat Node's own functions, which
 * are calls from JavaScript to C++; up to the third, a string is encoded beside the guest's memory first, so that its size is known
 * when memory is allocated; from the last on, two functions for ASCII beat the decoder.
 */
const [SHORT_WRITE, SHORT_READ, SCRATCH, LONG_READ] = [20, 16, 2048, 256]

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const scratch = new Uint8Array(3 * SCRATCH)

/** Number of strings that were written to `scratch`. */
let uses = 0

/**
 * Writes a string to memory that it allocates, as UTF-8 with U+FFFD for unpaired surrogates. Returns its address. A guest
 * that allocates may call JavaScript, which may write other strings: `written` is set last, and `scratch` is written again.
 */
function put(guest, text) {
  const { length } = text
  let size = length
  // No call for an empty string: no byte of it is read, and an address must only not be null.
  let address = 1
  if (length > SCRATCH) return putLong(guest, text)
  if (length > SHORT_WRITE || !hasOnlyAscii(text, length)) {
    size = encoder.encodeInto(text, scratch).written
    const own = ++uses
    address = guest.allocate(size, 1)
    if (uses !== own) encoder.encodeInto(text, scratch)
    guest.u8.set(scratch.subarray(0, size), address)
  } else if (length > 0) {
    address = guest.allocate(length, 1)
    const { u8 } = guest
    for (let index = 0; index < length; index++) u8[address + index] = text.charCodeAt(index)
  }
  guest.written = size
  return address
}

/** Writes a long string: room for ASCII first, and for what other characters take besides once one is met. */
function putLong(guest, text) {
  const { length } = text
  const address = guest.allocate(length, 1)
  const { read, written } = encoder.encodeInto(text, guest.u8.subarray(address, address + length))
  guest.written = length
  if (read === length) return address
  const rest = text.slice(read)
  const size = written + Buffer.byteLength(rest)
  const moved = guest.allocate(size, 1, address, length)
  encoder.encodeInto(rest, guest.u8.subarray(moved + written, moved + size))
  guest.written = size
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
  if (length <= SHORT_READ && areAscii(u8, address, end)) return fewAscii(u8, address, length)
  const bytes = u8.subarray(address, end)
  if (length >= LONG_READ && isAscii(bytes)) return guest.text.latin1Slice(address, end)
  return decoded(bytes)
}

/** The string of bytes that must be UTF-8. */
function decoded(bytes) {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    if (error.name !== 'TypeError') throw error
    throw new Misfit('UTF-8', 'other bytes')
  }
}

const { fromCharCode } = String

/** Whether bytes are ASCII. */
function areAscii(u8, at, end) {
  for (let index = at; index < end; index++) if (u8[index] > 0x7f) return false
  return true
}

/** The string of 1 to 16 ASCII characters. A call of `fromCharCode` with all of them takes a fraction of one call for each. */
function fewAscii(u8, at, length) {
  const a = u8[at]
  if (length === 1) return fromCharCode(a)
  const b = u8[at + 1]
  if (length === 2) return fromCharCode(a, b)
  const c = u8[at + 2]
  if (length === 3) return fromCharCode(a, b, c)
  const d = u8[at + 3]
  if (length === 4) return fromCharCode(a, b, c, d)
  const e = u8[at + 4]
  if (length === 5) return fromCharCode(a, b, c, d, e)
  const f = u8[at + 5]
  if (length === 6) return fromCharCode(a, b, c, d, e, f)
  const g = u8[at + 6]
  if (length === 7) return fromCharCode(a, b, c, d, e, f, g)
  const h = u8[at + 7]
  if (length === 8) return fromCharCode(a, b, c, d, e, f, g, h)
  const i = u8[at + 8]
  if (length === 9) return fromCharCode(a, b, c, d, e, f, g, h, i)
  const j = u8[at + 9]
  if (length === 10) return fromCharCode(a, b, c, d, e, f, g, h, i, j)
  const k = u8[at + 10]
  if (length === 11) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k)
  const l = u8[at + 11]
  if (length === 12) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l)
  const m = u8[at + 12]
  if (length === 13) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m)
  const n = u8[at + 13]
  if (length === 14) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n)
  const o = u8[at + 14]
  if (length === 15) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
  const p = u8[at + 15]
  return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
}

module.exports = { SHORT_READ, SHORT_WRITE, decoded, encoder, fewAscii, get, put }
