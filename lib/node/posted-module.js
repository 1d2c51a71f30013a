'use strict'

// `postMessage` and `structuredClone` know the modules of Node's own WebAssembly, and no others. So a Module that may be
// posted is one of Node's own, with what is needed to have the same Module elsewhere in a custom section. It has an import
// that nobody gives: by this it is known, and Node's own `Instance` refuses it in words that say what is missing.
const { node } = require('./node-webassembly')
const { Module: NodeModule } = node ?? {}
const { customSections, imports } = NodeModule ?? {}

const NAME = 'wasm-relink'
const IMPORT = 'wasm-relink/register'
const MISSING = 'this Module is one of wasm-relink: load wasm-relink/register in this thread too'

/** A length as WebAssembly writes it, in five bytes. */
const length = (value) => [0, 7, 14, 21, 28].map((shift) => ((value >>> shift) & 0x7f) | (shift < 28 ? 0x80 : 0))

/** A name as WebAssembly writes it. */
const named = (text) => [...length(text.length), ...Buffer.from(text)]

const section = (id, content) => [id, ...length(content.length), ...content]

/** (import "wasm-relink/register" "…" (func)) */
const HEADER = [
  ...Buffer.from('\0asm\x01\0\0\0'),
  ...section(1, [1, 0x60, 0, 0]),
  ...section(2, [1, ...named(IMPORT), ...named(MISSING), 0, 0]),
]

/**
 * A module of Node's own that carries bytes, and how they are compiled: anything that JSON can say. Undefined where Node has
 * no WebAssembly, and nothing can be posted.
 */
function carry(bytes, how) {
  if (node === undefined) return undefined
  const words = Buffer.from(JSON.stringify(how))
  const before = [...named(NAME), ...length(words.length)]
  const size = before.length + words.length + bytes.length
  const start = [...HEADER, 0, ...length(size), ...before]
  const module = new Uint8Array(start.length + words.length + bytes.length)
  module.set(start)
  module.set(words, start.length)
  module.set(bytes, start.length + words.length)
  return new NodeModule(module)
}

/** Whether a value is a module of Node's own that carries one of this package. */
function carries(value) {
  if (typeof value !== 'object' || value === null || node === undefined) return false
  try {
    return imports(value)[0]?.module === IMPORT
  } catch {
    return false
  }
}

/** What a module of Node's own carries: `bytes` and `how`; undefined if it is none, or carries nothing. */
function carried(value) {
  const [found] = carries(value) ? customSections(value, NAME) : []
  if (found === undefined) return undefined
  const all = new Uint8Array(found)
  const end = 5 + [0, 1, 2, 3, 4].reduce((sum, index) => sum + (all[index] & 0x7f) * 2 ** (7 * index), 0)
  return { how: JSON.parse(Buffer.from(all.subarray(5, end)).toString()), bytes: all.subarray(end) }
}

module.exports = { carried, carries, carry }
