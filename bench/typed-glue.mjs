// Glue written by hand for the guest of the bench of typed functions, on V8.

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The functions of the guest on V8. */
export function glue(bytes) {
  const $root = { ask: () => {}, 'ask-shape': () => {} }
  const guest = new WebAssembly.Instance(new WebAssembly.Module(bytes), { $root }).exports
  const { memory, cabi_realloc: realloc } = guest
  let u8 = new Uint8Array(memory.buffer)
  let view = new DataView(memory.buffer)
  let size = 0

  function allocate(length, align) {
    const address = realloc(0, 0, align, length) >>> 0
    if (u8.length === 0) [u8, view] = [new Uint8Array(memory.buffer), new DataView(memory.buffer)]
    return address
  }

  function put(text) {
    const { length } = text
    size = length
    if (length === 0) return 1
    let address = allocate(length, 1)
    let index = 0
    // As wasm-bindgen does: characters one by one, while they are ASCII.
    for (; index < length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) break
      u8[address + index] = code
    }
    if (index === length) return address
    const most = index + 3 * (length - index)
    address = realloc(address, length, 1, most) >>> 0
    if (u8.length === 0) [u8, view] = [new Uint8Array(memory.buffer), new DataView(memory.buffer)]
    const { written } = encoder.encodeInto(text.slice(index), u8.subarray(address + index, address + most))
    size = index + written
    return realloc(address, most, 1, size) >>> 0
  }

  /** As `put`, for strings that are too long for a loop. */
  function putLong(text) {
    const most = text.length * 3
    const address = allocate(most, 1)
    size = encoder.encodeInto(text, u8.subarray(address, address + most)).written
    return realloc(address, most, 1, size) >>> 0
  }

  function get(address, length) {
    if (length < 16) {
      let text = ''
      let index = address
      const end = address + length
      for (; index < end && u8[index] < 0x80; index++) text += String.fromCharCode(u8[index])
      if (index === end) return text
    }
    return decoder.decode(u8.subarray(address, address + length))
  }

  return {
    echoString(text) {
      const address = text.length < 64 ? put(text) : putLong(text)
      const area = guest['echo-string'](address, size) >>> 0
      const result = get(view.getUint32(area, true), view.getUint32(area + 4, true))
      guest['cabi_post_echo-string'](area)
      return result
    },
    echoBytes(all) {
      const address = allocate(all.length, 1)
      u8.set(all, address)
      const area = guest['echo-bytes'](address, all.length) >>> 0
      const start = view.getUint32(area, true)
      const result = u8.slice(start, start + view.getUint32(area + 4, true))
      guest['cabi_post_echo-bytes'](area)
      return result
    },
    echoItems(items) {
      const list = allocate(items.length * 32, 8)
      items.forEach((item, index) => {
        const at = list + index * 32
        const name = put(item.name)
        view.setUint32(at, name, true)
        view.setUint32(at + 4, size, true)
        view.setBigUint64(at + 8, item.price, true)
        const tags = allocate(item.tags.length * 8, 4)
        item.tags.forEach((tag, position) => {
          const text = put(tag)
          view.setUint32(tags + position * 8, text, true)
          view.setUint32(tags + position * 8 + 4, size, true)
        })
        view.setUint32(at + 16, tags, true)
        view.setUint32(at + 20, item.tags.length, true)
        view.setUint8(at + 24, item.at === undefined ? 0 : 1)
        view.setFloat32(at + 28, item.at ?? 0, true)
      })
      const area = guest['echo-items'](list, items.length) >>> 0
      const start = view.getUint32(area, true)
      const result = Array.from({ length: view.getUint32(area + 4, true) }, (_, index) => {
        const at = start + index * 32
        const tags = view.getUint32(at + 16, true)
        return {
          name: get(view.getUint32(at, true), view.getUint32(at + 4, true)),
          price: view.getBigUint64(at + 8, true),
          tags: Array.from({ length: view.getUint32(at + 20, true) }, (_each, position) =>
            get(view.getUint32(tags + position * 8, true), view.getUint32(tags + position * 8 + 4, true)),
          ),
          at: view.getUint8(at + 24) === 0 ? undefined : view.getFloat32(at + 28, true),
        }
      })
      guest['cabi_post_echo-items'](area)
      return result
    },
  }
}
