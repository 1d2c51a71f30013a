'use strict'

const { markAsUntransferable } = require('node:worker_threads')
const { toDescriptor, toLimits, toOptions, toUnsignedLong } = require('./arguments')
const { typeError } = require('./errors')
const { Brand, Handle } = require('./handle')
const { toStore } = require('./store')
const { webidl } = require('./webidl')

/** Pages of 64 KiB in the 4 GiB that a 32-bit address can name. */
const MOST_PAGES = 65536

let brand

/** A linear memory. */
class Memory {
  #handle
  #buffer

  static {
    brand = new Brand('a Memory', (value) => (#handle in value ? value.#handle : undefined))
    webidl(this, 'WebAssembly.Memory')
  }

  constructor(descriptor, options = undefined) {
    this.#handle = descriptor instanceof Handle ? descriptor : create(descriptor, options)
    const { store, id } = this.#handle
    store.keep(Memory, id, this)
  }

  get buffer() {
    const { store, id } = brand.get(this)
    // A buffer is detached the moment control returns after a growth, and has no length from then on. One of
    // a memory without pages has none either: the native side knows which it is.
    if (!this.#buffer?.byteLength) {
      this.#buffer = store.memoryBuffer(id)
      // The memory is this thread's: no other may get hold of it.
      markAsUntransferable(this.#buffer)
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
  const limits = toLimits({ initial, maximum }, MOST_PAGES)
  if (shared) throw typeError('shared memories are not supported', 'ERR_RELINK_UNSUPPORTED')
  return new Handle(store, store.memoryCreate(limits.initial, limits.maximum))
}

/** The Memory of a native one. */
const memoryOf = (store, id) => store.find(Memory, id) ?? new Memory(new Handle(store, id))

module.exports = { Memory, memoryOf, findMemory: (value) => brand.find(value) }
