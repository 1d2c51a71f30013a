'use strict'

// Only V8 makes a SharedArrayBuffer that can grow, and posts it to other threads with its memory. So the bytes of a
// shared memory are those of a Memory of Node's own, and this file is all that knows of it.
const { rangeError, typeError } = require('../errors')
const { node } = require('./node-webassembly')
const { Instance: NodeInstance, Memory: NodeMemory, Module: NodeModule } = node ?? {}

const call = Function.prototype.call
const bufferOf = NodeMemory && call.bind(Object.getOwnPropertyDescriptor(NodeMemory.prototype, 'buffer').get)
const grow = NodeMemory && call.bind(NodeMemory.prototype.grow)

const PAGE = 65536

/** The function that makes a shared memory of Node's own; sizes in pages. `hasRoom` says whether so many bytes fit. */
const sharedMaker = (hasRoom) => (limits) => {
  const { initial, maximum } = limits
  if (node === undefined) {
    throw typeError(
      "a shared memory needs Node's own WebAssembly, which `node --jitless` and `node --no-expose-wasm` leave out",
      'ERR_RELINK_UNSUPPORTED',
    )
  }
  const noRoom = () => rangeError(`there is no room for a shared memory of ${maximum} pages`, 'ERR_RELINK_MEMORY')
  // V8 reserves the maximum, and collects before it gives up: it ends the process if that has no room either.
  if (!hasRoom(maximum * PAGE)) throw noRoom()
  try {
    return new NodeMemory({ initial, maximum, shared: true })
  } catch (error) {
    // The limits were checked, so what else it says is that the stack is exhausted.
    if (!/could not allocate/.test(error?.message)) throw error
    throw noRoom()
  }
}

/** Whether a value is one, from whatever thread. */
function isShared(value) {
  if (typeof value !== 'object' || value === null || node === undefined) return false
  try {
    return bufferOf(value) instanceof SharedArrayBuffer
  } catch {
    return false
  }
}

/** The size of a shared memory of Node's own, and the greatest that it may have, in pages. */
function limitsOf(memory) {
  const initial = bufferOf(memory).byteLength / PAGE
  // No one says what the maximum is, but V8 knows whether it is more than so much.
  let [least, most] = [initial, PAGE]
  while (least < most) {
    const middle = Math.floor((least + most) / 2)
    if (fits(memory, middle)) most = middle
    else least = middle + 1
  }
  return { initial, maximum: least }
}

/** Whether a shared memory may be imported where `maximum` is the most that is asked for. */
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

/** What the native side asks of a shared memory. */
const sharedHost = (hasRoom) => ({
  sharedBytes: (memory) => new Uint8Array(bufferOf(memory)),
  sharedGrow(memory, pages) {
    if (!hasRoom(pages * PAGE)) return false
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
})

module.exports = { bufferOf, isShared, limitsOf, sharedHost, sharedMaker }
