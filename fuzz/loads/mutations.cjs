'use strict'

// Random changes of a module's bytes.

/** The numbers that readers of binaries get wrong. */
const NUMBERS = [0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]

function leb(value) {
  const bytes = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 128)
  }
}

const readLeb = (bytes, at) => {
  let [value, size] = [0, 0]
  do value += (bytes[at + size] & 127) * 128 ** size
  while ((bytes[at + size++] ?? 0) >= 128 && size < 5)
  return { value, size }
}

/** The sections of a module, each with its id and content. */
function sections(bytes) {
  const found = []
  for (let at = 8; at < bytes.length;) {
    const { value, size } = readLeb(bytes, at + 1)
    const begin = at + 1 + size
    found.push({ id: bytes[at], content: bytes.subarray(begin, begin + value) })
    at = begin + value
  }
  return found
}

const joined = (list) => Buffer.concat([Buffer.from('\0asm\x01\0\0\0', 'latin1'), ...list.map(section)])
const section = ({ id, content }) => Buffer.concat([Buffer.from([id, ...leb(content.length)]), content])

/** Replaces a range. */
const splice = (bytes, at, count, more) =>
  Buffer.concat([bytes.subarray(0, at), Buffer.from(more), bytes.subarray(at + count)])

/** The changes of bytes; `other` are the bytes of another module. */
const changes = {
  flip({ below }, bytes) {
    const changed = Buffer.from(bytes)
    for (let count = 1 + below(4); count > 0 && bytes.length > 0; count--) changed[below(bytes.length)] ^= 1 << below(8)
    return changed
  },
  number: ({ below, pick }, bytes) => {
    const at = below(bytes.length)
    return splice(bytes, at, readLeb(bytes, at).size, leb(pick(NUMBERS)))
  },
  remove: ({ below }, bytes) => splice(bytes, below(bytes.length), 1 + below(8), []),
  insert: ({ below }, bytes) => splice(bytes, below(bytes.length), 0, [below(256), below(256)]),
  repeat({ below }, bytes) {
    const at = below(bytes.length)
    return splice(bytes, at, 0, bytes.subarray(at, at + 1 + below(64)))
  },
  take: ({ below }, bytes, other) => {
    const at = below(other.length)
    return splice(bytes, below(bytes.length), below(16), other.subarray(at, at + below(64)))
  },
}

/** A changed module. Most changes are within one section, so that its length stays right. */
function mutate(random, bytes, other) {
  const { below, pick } = random
  const change = (of) => changes[pick(Object.keys(changes))](random, of, other)
  if (below(8) === 0) return change(bytes)
  const list = sections(bytes)
  for (let count = 1 + below(3); count > 0 && list.length > 0; count--) {
    const at = below(list.length)
    const what = below(12)
    if (what === 0) list.splice(at, 1)
    else if (what === 1) list.splice(below(list.length), 0, list[at], pick(sections(other)) ?? list[at])
    else list[at] = { ...list[at], content: change(list[at].content) }
  }
  return joined(list)
}

module.exports = { mutate }
