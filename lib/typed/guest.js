'use strict'

// Guests: the memory of an instance, as typed functions use it.

const { Buffer } = require('node:buffer')
const { RuntimeError } = require('../errors')
const { onForget } = require('../api/memory')
const { Misfit } = require('./misfit')
const { get, put } = require('./utf8')

const EMPTY = new Uint8Array(0)
const NOTHING = { u8: EMPTY, text: Buffer.alloc(0), view: new DataView(new ArrayBuffer(0)) }

/** Bytes of one call that may come from a guest besides as many as its memory has: values may share their bytes. */
const SHARED = 1 << 20

/** Most blocks that are kept for later, for each alignment. */
const MOST_SPARE = 4096

/** The memory of an instance, and the function that allocates in it. */
class Guest {
  #memory
  #realloc
  /** By plan: memory for the results of functions that take the place of exports */
  #areas = new Map()
  /** By alignment: blocks of one byte that the guest has given, where its allocator cannot free */
  #spare = new Map()
  /** The blocks of the arguments that are read, for `release` */
  #blocks

  /** The memory as bytes, as a Buffer, and for numbers. Growth detaches them: `u8.length` is 0 then */
  u8 = EMPTY
  text = NOTHING.text
  view = NOTHING.view

  /** Bytes that the values of the call may still have */
  budget = 0

  /** Size of the last string that was written, in bytes */
  written = 0

  /** `frees`: whether `cabi_realloc` with a new size of 0 frees memory, as that of the `relinkable` crate does. */
  constructor(frees) {
    this.frees = frees
  }

  /** Sets the exports once the instance is made; an import may be called before. */
  bind({ memory, cabi_realloc }) {
    this.#memory = memory
    this.#realloc = cabi_realloc
    if (memory !== undefined) onForget(memory, () => this.#forget())
  }

  /** Sets `u8`, `text` and `view` anew if the memory has grown. Cheap otherwise. */
  refresh() {
    if (this.u8.length !== 0) return
    if (this.#memory === undefined) {
      throw new RuntimeError('a typed function was called before its instance was made', {
        code: 'ERR_RELINK_VALUE',
      })
    }
    const { buffer } = this.#memory
    this.u8 = new Uint8Array(buffer)
    this.text = Buffer.from(buffer)
    this.view = new DataView(buffer)
  }

  /** Allocates memory, of at least one byte; or moves and enlarges what was allocated. */
  allocate(size, align, old = 0, oldSize = 0) {
    if (size > 0xffffffff) throw new Misfit('at most 4294967295 bytes', `${size}`)
    const spare = old === 0 && size > 0 ? this.#spare.get(align)?.pop() : undefined
    if (spare !== undefined) [old, oldSize] = [spare, 1]
    const address = this.#realloc(old | 0, oldSize | 0, align, size | 0) >>> 0
    this.refresh()
    if (address % align !== 0) throw new Misfit(`an address from cabi_realloc that ${align} divides`, `${address}`)
    this.#check(address, size)
    return address
  }

  /** Forgets what lies in the memory, which is closed or replaced. */
  #forget() {
    Object.assign(this, NOTHING)
    this.#areas.clear()
    this.#spare.clear()
  }

  /** Memory for the result of the functions with this plan. Their caller reads it before it calls anything else. */
  resultArea(plan) {
    const { size, align } = plan.result
    if (!this.#areas.has(plan)) this.#areas.set(plan, this.allocate(size, align))
    return this.#areas.get(plan)
  }

  /** Runs `read`, which reads values that the guest has given for good, and frees their memory. Returns what it returns. */
  take(read) {
    const blocks = (this.#blocks = [])
    let values
    try {
      values = read()
    } finally {
      this.#blocks = undefined
    }
    for (const { address, size, align } of blocks) if (size > 0) this.#free(address, size, align)
    return values
  }

  #free(address, size, align) {
    if (this.frees) return void this.#realloc(address | 0, size | 0, align, 0)
    const spare = this.#spare.get(align) ?? []
    this.#spare.set(align, spare)
    const rest = this.#realloc(address | 0, size | 0, align, 1) >>> 0
    if (spare.length < MOST_SPARE) spare.push(rest)
  }

  /** Begins a value that comes from the guest. */
  begin() {
    this.refresh()
    this.budget = this.u8.length + SHARED
  }

  /** Checks that a value of the guest lies in its memory. */
  range(address, size, align) {
    if (address % align !== 0) throw new Misfit(`an address that ${align} divides`, `${address}`)
    this.#check(address, size)
    this.budget -= size
    if (this.budget < 0) throw new Misfit('values of at most as many bytes as the memory has', 'more')
    this.#blocks?.push({ address, size, align })
  }

  /** Writes a string to memory that it allocates. Returns its address; `written` has its size. */
  putText(text) {
    return put(this, text)
  }

  /** Reads a string. */
  getText(address, length) {
    return get(this, address, length)
  }

  #check(address, size) {
    if (address + size <= this.u8.length) return
    throw new Misfit(`bytes in the memory of ${this.u8.length}`, `${size} at ${address}`)
  }
}

module.exports = { Guest }
