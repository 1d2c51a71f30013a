'use strict'

// Shared memories. Only V8 can make a SharedArrayBuffer that grows, and post it to other threads with its memory. So a shared
// memory uses the bytes of a Memory of Node's own.
const { rangeError, typeError } = require('../errors')
const { addon } = require('./addon')
const { node } = require('./node-webassembly')
const { MOST_PAGES, PAGE } = require('../options/limits')
const { Instance: NodeInstance, Memory: NodeMemory, Module: NodeModule } = node ?? {}

// The program may replace `Uint8Array`, and its code must not run here: a call has already written its arguments
// (shared-values.js).
const Bytes = Uint8Array

const call = Function.prototype.call
const bufferOf = NodeMemory && call.bind(Object.getOwnPropertyDescriptor(NodeMemory.prototype, 'buffer').get)
const grow = NodeMemory && call.bind(NodeMemory.prototype.grow)

/** Makes a shared memory of Node's own; sizes are in pages. */
function createShared({ initial, maximum }) {
  if (node === undefined) {
    throw typeError(
      "a shared memory needs Node's own WebAssembly: start Node without --jitless and --no-expose-wasm",
      'ERR_RELINK_UNSUPPORTED',
    )
  }
  const noRoom = () => rangeError(`there is no room for a shared memory of ${maximum} pages`, 'ERR_RELINK_MEMORY')
  // V8 reserves the maximum. It collects if it cannot, and ends the process if there is no room for that either.
  if (!addon.hasRoom(maximum * PAGE)) throw noRoom()
  try {
    return new NodeMemory({ initial, maximum, shared: true })
  } catch (error) {
    // The limits were checked, so any other error is an exhausted stack.
    if (!/could not allocate/.test(error?.message)) throw error
    throw noRoom()
  }
}

/** Whether a value is a shared memory of Node's own, from any thread. */
function isShared(value) {
  if (typeof value !== 'object' || value === null || node === undefined) return false
  try {
    return bufferOf(value) instanceof SharedArrayBuffer
  } catch {
    return false
  }
}

/** The size and the maximum of a shared memory of Node's own, in pages. */
function limitsOf(memory) {
  const initial = bufferOf(memory).byteLength / PAGE
  // V8 does not tell the maximum, but its import check compares it with another number: a binary search finds it.
  let [least, most] = [initial, MOST_PAGES]
  while (least < most) {
    const middle = Math.floor((least + most) / 2)
    if (fits(memory, middle)) most = middle
    else least = middle + 1
  }
  return { initial, maximum: least }
}

/** Whether a shared memory fits an import with this maximum, in pages. */
function fits(memory, maximum) {
  const pages = [0, 7, 14].map((shift) => ((maximum >> shift) & 0x7f) | (shift < 14 ? 0x80 : 0))
  // (import "" "" (memory 0 maximum shared))
  const section = [1, 0, 0, 2, 3, 0, ...pages]
  const module = new NodeModule(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 2, section.length, ...section))
  try {
    return new NodeInstance(module, { '': { '': memory } }) instanceof NodeInstance
  } catch {
    return false
  }
}

const OUTCOMES = ['ok', 'not-equal', 'timed-out']

/** The functions that the native side calls for a shared memory. */
const shared = {
  sharedBytes: (memory) => new Bytes(bufferOf(memory)),
  sharedGrow(memory, pages) {
    if (!addon.hasRoom(pages * PAGE)) return false
    try {
      grow(memory, pages)
      return true
    } catch {
      return false
    }
  },
  sharedWait(memory, offset, expected, milliseconds) {
    const Cells = typeof expected === 'bigint' ? BigInt64Array : Int32Array
    const cells = new Cells(bufferOf(memory))
    return OUTCOMES.indexOf(Atomics.wait(cells, offset / Cells.BYTES_PER_ELEMENT, expected, milliseconds))
  },
  sharedNotify(memory, offset, count) {
    return Atomics.notify(new Int32Array(bufferOf(memory)), offset / Int32Array.BYTES_PER_ELEMENT, count)
  },
}

module.exports = { bufferOf, createShared, isShared, limitsOf, shared }
