'use strict'

// Modules that can be posted. `postMessage` and `structuredClone` only take modules of Node's own WebAssembly. So such a Module
// is one of Node's own, the carrier: a custom section holds what the other thread needs to make the same Module. The carrier's
// only import identifies it, and makes Node's own `Instance` refuse it, with a message that names the missing registration.
const { node } = require('./node-webassembly')
const { Module: NodeModule } = node ?? {}
const { customSections, imports } = NodeModule ?? {}

const NAME = 'wasm-relink'
const IMPORT = 'wasm-relink/register'
const MISSING = 'this Module was made by wasm-relink: load wasm-relink/register in this thread too'

/** A length as LEB128, padded to five bytes. */
const length = (value) => [0, 7, 14, 21, 28].map((shift) => ((value >>> shift) & 0x7f) | (shift < 28 ? 0x80 : 0))

/** An ASCII name in the binary format. */
const named = (text) => [...length(text.length), ...Buffer.from(text)]

const section = (id, content) => [id, ...length(content.length), ...content]

/** (import "wasm-relink/register" "…" (func)) */
const HEADER = [
  ...Buffer.from('\0asm\x01\0\0\0'),
  ...section(1, [1, 0x60, 0, 0]),
  ...section(2, [1, ...named(IMPORT), ...named(MISSING), 0, 0]),
]

/**
 * Makes a carrier for the bytes of a module and its compile options, which JSON must be able to hold. Undefined if Node runs
 * without its own WebAssembly: then nothing can be posted.
 */
function carry(bytes, compileOptions) {
  if (node === undefined) return undefined
  const words = Buffer.from(JSON.stringify(compileOptions))
  const before = [...named(NAME), ...length(words.length)]
  const size = before.length + words.length + bytes.length
  const start = [...HEADER, 0, ...length(size), ...before]
  const module = new Uint8Array(start.length + words.length + bytes.length)
  module.set(start)
  module.set(words, start.length)
  module.set(bytes, start.length + words.length)
  return new NodeModule(module)
}

/** Whether a value is a carrier. */
function carries(value) {
  if (typeof value !== 'object' || value === null || node === undefined) return false
  try {
    return imports(value)[0]?.module === IMPORT
  } catch {
    return false
  }
}

/** The `bytes` and `compileOptions` of a carrier; undefined for any other value. */
function carried(value) {
  const [found] = carries(value) ? customSections(value, NAME) : []
  if (found === undefined) return undefined
  const all = new Uint8Array(found)
  const end = 5 + [0, 1, 2, 3, 4].reduce((sum, index) => sum + (all[index] & 0x7f) * 2 ** (7 * index), 0)
  return { compileOptions: JSON.parse(Buffer.from(all.subarray(5, end)).toString()), bytes: all.subarray(end) }
}

module.exports = { carried, carries, carry }
