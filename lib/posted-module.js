'use strict'

// `postMessage` and `structuredClone` know the modules of Node's own WebAssembly, and no others. So a Module that may be
// posted is one of Node's own: an empty one, with what is needed to have the same Module elsewhere in a custom section.
// Captured when the package is loaded, whatever stands on `globalThis.WebAssembly` later.
const { Module: NodeModule } = WebAssembly
const { customSections } = NodeModule

const NAME = 'wasm-relink'
const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

/** A length as WebAssembly writes it, in five bytes. */
const length = (value) => [0, 7, 14, 21, 28].map((shift) => ((value >>> shift) & 0x7f) | (shift < 28 ? 0x80 : 0))

/** A module of Node's own that carries bytes, and how they are compiled: anything that JSON can say. */
function carry(bytes, how) {
  const words = Buffer.from(JSON.stringify(how))
  const name = [...length(NAME.length), ...Buffer.from(NAME)]
  const before = [...name, ...length(words.length)]
  const size = before.length + words.length + bytes.length
  const start = [...HEADER, 0, ...length(size), ...before]
  const module = new Uint8Array(start.length + words.length + bytes.length)
  module.set(start)
  module.set(words, start.length)
  module.set(bytes, start.length + words.length)
  return new NodeModule(module)
}

/** What a module of Node's own carries: `bytes` and `how`; undefined if it is none, or carries nothing. */
function carried(value) {
  if (typeof value !== 'object' || value === null) return undefined
  let section
  try {
    ;[section] = customSections(value, NAME)
  } catch {
    return undefined
  }
  if (section === undefined) return undefined
  const all = new Uint8Array(section)
  const end = 5 + [0, 1, 2, 3, 4].reduce((sum, index) => sum + (all[index] & 0x7f) * 2 ** (7 * index), 0)
  return { how: JSON.parse(Buffer.from(all.subarray(5, end)).toString()), bytes: all.subarray(end) }
}

module.exports = { carried, carry }
