// Modules from bytes, if they have no text format: proposals that wabt lacks, and malformed modules.

/** A number in LEB128, padded to `width` bytes. */
export function leb(value: number, width = 1): number[] {
  if (value < 128 && width <= 1) return [value]
  return [(value % 128) + 128, ...leb(Math.floor(value / 128), width - 1)]
}

/** A name, with its length. */
export function name(text: string): number[] {
  const bytes = [...Buffer.from(text)]
  return [...leb(bytes.length), ...bytes]
}

type ByteList = ArrayLike<number>

function join(parts: readonly ByteList[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let end = 0
  for (const part of parts) {
    whole.set(part, end)
    end += part.length
  }
  return whole
}

export const id = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  tag: 13,
}

/** A section with its length. */
export function section(kind: keyof typeof id, ...content: ByteList[]): Uint8Array<ArrayBuffer> {
  const body = join(content)
  return join([[id[kind]], leb(body.length), body])
}

/** A section with a list of equal entries, whose count field is `said`. */
export function list(kind: keyof typeof id, count: number, entry: ByteList, said = count): Uint8Array<ArrayBuffer> {
  const entries = new Uint8Array(count * entry.length)
  for (let index = 0; index < count; index++) entries.set(entry, index * entry.length)
  return section(kind, leb(said), entries)
}

/** A custom section. */
export function custom(title: string, content: ByteList): Uint8Array<ArrayBuffer> {
  return section('custom', name(title), content)
}

/** A module of these sections. */
export function module(...sections: ByteList[]): Uint8Array<ArrayBuffer> {
  return join([[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], ...sections])
}

/** The sections of a module, each with its identifier and length. */
export function sectionsOf(bytes: Uint8Array): Uint8Array[] {
  const sections = []
  for (let start = 8, end; start < bytes.length; start = end) {
    let [size, shift, at] = [0, 1, start + 1]
    for (; bytes[at]! >= 128; at++, shift *= 128) size += (bytes[at]! - 128) * shift
    end = at + 1 + size + bytes[at]! * shift
    sections.push(bytes.subarray(start, end))
  }
  return sections
}

/** `func ()`, as the only type. */
export const oneType = section('type', [1, 0x60, 0, 0])
