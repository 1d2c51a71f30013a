'use strict'

const { markAsUntransferable } = require('node:worker_threads')
const { toDescriptor, toLimits, toOptions, toUnsignedLong } = require('./arguments')
const { typeError } = require('./errors')
const { Brand, Handle } = require('./handle')
const { inspectable } = require('./inspect')
const { toStore } = require('./store')
const { uncloneable } = require('./uncloneable')
const { webidl } = require('./webidl')

const PAGE = 65536

/** Pages of 64 KiB in the 4 GiB that a 32-bit address can name. */
const MOST_PAGES = 65536

/**
 * Keeps a buffer from being posted away: the memory is this thread's. From Node 24 on the mark forbids the native
 * side to detach the buffer as well (V8's detach key), and Node aborts the process over the attempt.
 */
const keepHere = Number.parseInt(process.versions.node, 10) < 24 ? markAsUntransferable : () => {}

/** What stands in for `transfer`, which would move the bytes to a buffer that growth does not detach. */
const refuseTransfer = {
  value() {
    throw typeError('the buffer of a memory cannot be transferred')
  },
}

let brand

/** A linear memory. */
class Memory {
  #handle
  #buffer

  static {
    brand = new Brand('a Memory', (value) => (#handle in value ? value.#handle : undefined))
    webidl(this, 'WebAssembly.Memory')
    inspectable(this, {
      pages: (memory) => memory.buffer.byteLength / PAGE,
      byteLength: (memory) => memory.buffer.byteLength,
    })
  }

  constructor(descriptor, options = undefined) {
    this.#handle = descriptor instanceof Handle ? descriptor : create(descriptor, options)
    const { store, id } = this.#handle
    store.keep(Memory, id, this)
    uncloneable(this)
  }

  get buffer() {
    const { store, id } = brand.get(this)
    // A buffer is detached the moment control returns after a growth, and has no length from then on. One of
    // a memory without pages has none either: the native side knows which it is.
    if (!this.#buffer?.byteLength) {
      this.#buffer = store.memoryBuffer(id)
      keepHere(this.#buffer)
      Object.defineProperties(this.#buffer, { transfer: refuseTransfer, transferToFixedLength: refuseTransfer })
    }
    return this.#buffer
  }

  grow(delta) {
    const { store, id } = brand.get(this)
    return store.memoryGrow(id, toUnsignedLong(delta, 'delta'))
  }
}

function create(descriptor, options) {
  const store = toStore(toOptions(options, ['store']))
  const { initial, maximum, shared } = toDescriptor(descriptor)
  const limits = toLimits({ initial, maximum }, { initial: MOST_PAGES, maximum: MOST_PAGES })
  if (shared) throw typeError('shared memories are not supported', 'ERR_RELINK_UNSUPPORTED')
  return new Handle(store, store.memoryCreate(limits.initial, limits.maximum))
}

/** The Memory of a native one. */
const memoryOf = (store, id) => store.find(Memory, id) ?? new Memory(new Handle(store, id))

module.exports = { Memory, memoryOf, findMemory: (value) => brand.find(value) }
