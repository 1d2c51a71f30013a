'use strict'

// Transfer memories: memory of a store in which JavaScript and transfer modules (src/abi/adapter/transfer.rs) pass values.

const { Buffer } = require('node:buffer')
const { Handle } = require('../internal/handle')
const { Memory } = require('../api/memory')
const { PAGE } = require('../options/limits')
const { SHORT_READ, SHORT_WRITE, decoded, encoder, fewAscii } = require('./utf8')

/** Size of a transfer memory, in pages and in bytes. It does not grow. */
const PAGES = 1
const SIZE = PAGES * PAGE

/** The first byte after the head. */
const START = 16

/** Length of strings, and size of lists of numbers, from which they are passed by themselves: a second copy would take longer. */
const MOST = 2048

/** Thrown, and caught by the call, where an argument is too large for the transfer memory. */
const TOO_LARGE = Symbol('too large')

/**
 * A transfer memory. To conversions it is a guest. Values lie one after the other from `START` on. A call leaves the end where it
 * was, so that a call within a call writes behind what the outer one may still read.
 */
class Transfer {
  static SIZE = SIZE
  static MOST = MOST
  static TOO_LARGE = TOO_LARGE

  /** Size of the last string that was written, in bytes */
  written = 0

  constructor(store) {
    this.memory = new Memory(new Handle(store, store.memoryCreate(PAGES, PAGES, undefined)))
    const { buffer } = this.memory
    /** The end, the status of the last call, the address of a result that was not copied, whether its text is not ASCII */
    this.head = new Int32Array(buffer)
    this.u8 = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.text = Buffer.from(buffer)
    this.rest = this.u8.subarray(START)
    this.head[0] = START
  }

  /** Gives room, of at least one byte. */
  allocate(size, align) {
    const { head } = this
    const address = (head[0] + align - 1) & -align
    const end = address + size
    if (end > SIZE) throw TOO_LARGE
    head[0] = end
    return address
  }

  /** Does nothing: the memory does not grow, and transfer modules have checked what a guest gives. */
  refresh() {}
  begin() {}
  range() {}

  /** Writes a string. Returns its address; `written` has its size. */
  putText(text) {
    const { head, u8 } = this
    const { length } = text
    const address = head[0]
    if (length <= SHORT_WRITE && address + length <= SIZE) {
      let index = 0
      for (; index < length; index++) {
        const code = text.charCodeAt(index)
        if (code > 0x7f) break
        u8[address + index] = code
      }
      if (index === length) {
        head[0] = address + length
        this.written = length
        return address
      }
    }
    if (length > MOST || address + 3 * length > SIZE) throw TOO_LARGE
    const room = address === START ? this.rest : u8.subarray(address)
    const { written } = encoder.encodeInto(text, room)
    head[0] = address + written
    this.written = written
    return address
  }

  /** Reads a string of the result of the call that has just returned. */
  getText(address, length) {
    if (length === 0) return ''
    if (this.head[3] !== 0) return decoded(this.u8.subarray(address, address + length))
    return length <= SHORT_READ ? fewAscii(this.u8, address, length) : this.text.latin1Slice(address, address + length)
  }
}

/** The transfer memory of each store, by native store. */
const transfers = new WeakMap()

/** The transfer memory of a store. */
function transferOf(store) {
  if (!transfers.has(store)) transfers.set(store, new Transfer(store))
  return transfers.get(store)
}

module.exports = { Transfer, transferOf }
