'use strict'

const { markAsUntransferable } = require('node:worker_threads')
const { toDescriptor, toLimits, toOptions, toReserve, toUnsignedLong } = require('../options/arguments')
const { typeError } = require('../errors')
const { Brand, Handle } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { NativeStore, createShared } = require('../native')
const { bufferOf, isShared, limitsOf } = require('../node/shared-memory')
const { toStore } = require('./store')
const { uncloneable } = require('../node/uncloneable')
const { hasArrived, webidl } = require('../options/webidl')

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

/** Where the native side of each shared memory is: the object itself is one of Node's own. */
const sharedHandles = new WeakMap()

let brand

/** A linear memory. */
class Memory {
  #handle
  #buffer
  /** How many bytes it had when it was closed */
  #closedLength = PAGE
  /** The buffer that late calls see, as long as the memory was */
  #zeros

  static {
    brand = new Brand('a Memory', (value) => (#handle in value ? value.#handle : sharedHandles.get(value)))
    NativeStore.forgetBuffer = (memory, byteLength) => {
      if (!(#buffer in memory)) return
      memory.#buffer = undefined
      memory.#closedLength = byteLength
    }
    webidl(this, 'WebAssembly.Memory')
    hasArrived(this, isShared)
    inspectable(this, {
      pages: (memory) => memory.buffer.byteLength / PAGE,
      byteLength: (memory) => memory.buffer.byteLength,
    })
  }

  constructor(descriptor, options = undefined) {
    if (descriptor instanceof Handle) {
      this.#handle = descriptor
    } else {
      const known = toOptions(options, ['reserve', 'store'])
      const [reserve, store] = [toReserve(known), toStore(known)]
      const { shared, ...limits } = toMemoryType(descriptor)
      // It can be posted to other threads, and nothing that JavaScript makes can.
      if (shared) return adopt(store, createShared(limits), limits, new.target.prototype)
      this.#handle = new Handle(store, store.memoryCreate(limits.initial, limits.maximum, reserve))
    }
    this.#handle.keep('memory', this)
    uncloneable(this)
  }

  get buffer() {
    const { store, id, details } = brand.find(this) ?? toMemory(this)
    if (details?.shared) return bufferOf(this)
    // A buffer is detached the moment control returns after a growth, and has no length from then on. One of
    // a memory without pages has none either: the native side knows which it is.
    if (!this.#buffer?.byteLength) {
      const buffer = store.memoryBuffer(id)
      // It is closed, and nobody could catch an error. Not kept as its buffer: others can.
      if (buffer === null) return (this.#zeros ??= new ArrayBuffer(this.#closedLength))
      this.#buffer = buffer
      keepHere(this.#buffer)
      Object.defineProperties(this.#buffer, { transfer: refuseTransfer, transferToFixedLength: refuseTransfer })
    }
    return this.#buffer
  }

  grow(delta) {
    toMemory(this)
    const pages = toUnsignedLong(delta, 'delta')
    // Only now, since the conversion may have run the user's code.
    const { store, id } = toMemory(this)
    return store.memoryGrow(id, pages)
  }
}

function toMemoryType(descriptor) {
  const type = toDescriptor(descriptor)
  const limits = toLimits(type, { initial: MOST_PAGES, maximum: MOST_PAGES })
  const { shared } = type
  if (shared && limits.maximum === undefined) {
    throw typeError('expected `descriptor.maximum` of a shared memory, got none')
  }
  return { ...limits, shared: Boolean(shared) }
}

/** Makes a shared memory of Node's own one of this package, of a store. */
function adopt(store, memory, limits, prototype = Memory.prototype) {
  const id = store.memoryOf(limits.initial, limits.maximum, memory)
  return known(store, id, memory, prototype)
}

function known(store, id, memory, prototype = Memory.prototype) {
  const handle = new Handle(store, id, { shared: true })
  sharedHandles.set(memory, handle)
  Object.setPrototypeOf(memory, prototype)
  handle.keep('memory', memory)
  return memory
}

/** The Memory of a native one. */
function memoryOf(store, id) {
  const found = store.find('memory', id)
  if (found) return found
  const shared = store.memoryShared(id)
  return shared === undefined || shared === null ? new Memory(new Handle(store, id)) : known(store, id, shared)
}

/**
 * What is in a Memory, or in a shared one that came from another thread. A store forgets a shared memory that no
 * instance of it has any more, and takes it up again.
 */
function findMemory(value, store = undefined) {
  const handle = brand.find(value)
  if (handle === undefined ? store === undefined || !isShared(value) : !handle.details?.shared) return handle
  if (handle === undefined || !handle.store.hasMemory(handle.id)) {
    const prototype = handle === undefined ? undefined : Object.getPrototypeOf(value)
    adopt(handle?.store ?? store, value, limitsOf(value), prototype)
  }
  return sharedHandles.get(value)
}

/** What is in a `this`. A shared memory that has arrived from another thread is taken into the default store. */
const toMemory = (value) => (isShared(value) ? findMemory(value, toStore()) : brand.get(value))

module.exports = { Memory, memoryOf, findMemory }
