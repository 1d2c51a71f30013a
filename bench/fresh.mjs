// Bytes that no one has compiled yet.
let count = 0

/**
 * The same module in bytes of its own, with a number in a custom section: both engines remember what they have
 * compiled, and would give that for the same bytes.
 */
export function fresh(bytes) {
  const section = Uint8Array.of(0, 5, 0, 0, 0, 0, 0)
  new DataView(section.buffer).setUint32(3, count++)
  const module = new Uint8Array(bytes.length + section.length)
  module.set(bytes)
  module.set(section, bytes.length)
  return module
}
