// Bytes that no engine has compiled yet.
let count = 0

/**
 * The same module in new bytes, with a number in a custom section: both engines cache compiled modules by their bytes.
 */
export function fresh(bytes) {
  const section = Uint8Array.of(0, 5, 0, 0, 0, 0, 0)
  new DataView(section.buffer).setUint32(3, count++)
  const module = new Uint8Array(bytes.length + section.length)
  module.set(bytes)
  module.set(section, bytes.length)
  return module
}
