'use strict'

// The class Memory.

const { markAsUntransferable } = require('node:worker_threads')
const { toDescriptor, toLimits, toOptions, toReserve, toUnsignedLong } = require('../options/arguments')
const { typeError } = require('../errors')
const { Brand, Handle } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { MOST_PAGES, PAGE } = require('../options/limits')
const { NativeStore } = require('../native/store')
const { bufferOf, createShared, isShared, limitsOf } = require('../node/shared-memory')
const { toStore } = require('./store')
const { uncloneable } = require('../node/uncloneable')
const { hasArrived, webidl } = require('../options/webidl')

/**
 * Keeps buffers from being posted to another thread. From Node 24 on, the mark (V8's detach key) would also forbid the native
 * side to detach the buffer, and Node aborts the process when it tries.
 */
const makeUntransferable = Number.parseInt(process.versions.node, 10) < 24 ? markAsUntransferable : () => {}

/** Replaces `transfer`, which would move the bytes to a buffer that growth does not detach. */
const refuseTransfer = {
  value() {
    throw typeError('the buffer of a Memory cannot be transferred: copy its bytes with `slice()`')
  },
}

/** The handles of shared memories: these are objects of Node's own. */
const sharedHandles = new WeakMap()

/** The functions to call when a memory is closed or its content replaced, by memory. */
const forgetters = new WeakMap()

/** Calls `forget` when a memory is closed: what holds its buffer would keep its bytes mapped. Also when recycling replaces it. */
function onForget(memory, forget) {
  forgetters.set(memory, [...(forgetters.get(memory) ?? []), forget])
}

/** Calls the functions of `onForget`, if a value is a memory. */
function forgetContent(value) {
  for (const forget of forgetters.get(value) ?? []) forget()
}

let brand

/** A linear memory. */
class Memory {
  #handle
  #buffer
  /** Size when it was closed, in bytes */
  #closedLength = PAGE
  /** The buffer after `close({ lateCalls: 'ignore' })`: zeros of the same size */
  #zeros

  static {
    brand = new Brand('a Memory', (value) => (#handle in value ? value.#handle : sharedHandles.get(value)))
    NativeStore.forgetBuffer = (memory, byteLength) => {
      if (!(#buffer in memory)) return
      memory.#buffer = undefined
      memory.#closedLength = byteLength
      forgetContent(memory)
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
      // Only an object of Node's own can be posted to other threads.
      if (shared) return adopt(store, createShared(limits), limits, new.target.prototype)
      this.#handle = new Handle(store, store.memoryCreate(limits.initial, limits.maximum, reserve))
    }
    this.#handle.keep('memory', this)
    uncloneable(this)
  }

  get buffer() {
    const { store, id, details } = brand.find(this) ?? toMemory(this)
    if (details?.shared) return bufferOf(this)
    // Growth detaches a buffer as soon as control returns, and then its length is 0. The length is also 0 for a memory
    // without pages, so ask the native side.
    if (!this.#buffer?.byteLength) {
      const buffer = store.memoryBuffer(id)
      // It is closed, and this use is ignored. Later uses may throw, so this is not cached as its buffer.
      if (buffer === null) return (this.#zeros ??= new ArrayBuffer(this.#closedLength))
      this.#buffer = buffer
      makeUntransferable(this.#buffer)
      Object.defineProperties(this.#buffer, { transfer: refuseTransfer, transferToFixedLength: refuseTransfer })
    }
    return this.#buffer
  }

  grow(delta) {
    toMemory(this)
    const pages = toUnsignedLong(delta, 'delta')
    // The conversion may have run the user's code: look up again.
    const { store, id } = toMemory(this)
    return store.memoryGrow(id, pages)
  }
}

function toMemoryType(descriptor) {
  const type = toDescriptor(descriptor)
  const limits = toLimits(type, { initial: MOST_PAGES, maximum: MOST_PAGES })
  const { shared } = type
  if (shared && limits.maximum === undefined) {
    throw typeError('expected a `descriptor.maximum`, which a shared memory must have, got none')
  }
  return { ...limits, shared: Boolean(shared) }
}

/** Turns a shared memory of Node's own into one of this package and of a store. */
function adopt(store, memory, limits, prototype = Memory.prototype) {
  const id = store.memoryOf(limits.initial, limits.maximum, memory)
  return wrapShared(store, id, memory, prototype)
}

function wrapShared(store, id, memory, prototype = Memory.prototype) {
  const handle = new Handle(store, id, { shared: true })
  sharedHandles.set(memory, handle)
  Object.setPrototypeOf(memory, prototype)
  handle.keep('memory', memory)
  return memory
}

/** The wrapper of a native memory. */
function memoryOf(store, id) {
  const found = store.find('memory', id)
  if (found) return found
  const shared = store.memoryShared(id)
  return shared === undefined || shared === null ? new Memory(new Handle(store, id)) : wrapShared(store, id, shared)
}

/**
 * The handle of a Memory; undefined for any other value. With a `store`, a shared memory that another thread has posted is
 * adopted into it. A store forgets a shared memory once none of its instances uses it; such a memory is adopted again.
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

/** The handle of `this`. A shared memory that another thread has posted is adopted into the default store. */
const toMemory = (value) => (isShared(value) ? findMemory(value, toStore()) : brand.get(value))

module.exports = { Memory, memoryOf, findMemory, forgetContent, onForget }
