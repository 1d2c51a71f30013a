// The stack pointer of a Rust guest: the linker's first global.
import { id, leb, module, name, section, sectionsOf } from './binary'

/** The name under which `withStackPointer` exports it. */
export const STACK_POINTER = 'the stack pointer'

/** Reads the number in LEB128 at the start of a section's content. Returns it and the bytes that follow it. */
function counted(bytes: Uint8Array): [number, Uint8Array] {
  let [value, shift, at] = [0, 1, 0]
  for (; bytes[at]! >= 128; at++, shift *= 128) value += (bytes[at]! - 128) * shift
  return [value + bytes[at]! * shift, bytes.subarray(at + 1)]
}

const contentOf = (each: Uint8Array) => counted(each.subarray(1))[1]

/** The guest, with its stack pointer as one more export; unchanged if its first global is none. */
export function withStackPointer(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const sections = sectionsOf(bytes)
  const globals = sections.find(([kind]) => kind === id.global)
  const mutableI32 = [0x7f, 1]
  const first = globals && [...counted(contentOf(globals))[1].subarray(0, 2)]
  if (String(first) !== String(mutableI32)) return bytes
  return module(
    ...sections.map((each) => {
      if (each[0] !== id.export) return each
      const [count, entries] = counted(contentOf(each))
      return section('export', leb(count + 1), entries, name(STACK_POINTER), [3, 0])
    }),
  )
}
