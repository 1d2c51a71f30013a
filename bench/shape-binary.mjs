// The binary format, as far as the modules of `shape-modules.mjs` need it.

/** A number as LEB128. */
export const leb = (value) => {
  const bytes = []
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return [...bytes, value]
}
export const repeat = (count, one) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => Buffer.from(one(index))))
export const name = (text) => [...leb(text.length), ...Buffer.from(text)]
export const section = (id, ...parts) => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)))
  return Buffer.concat([Buffer.from([id, ...leb(body.length)]), body])
}
export const list = (id, count, one) => section(id, leb(count), repeat(count, one))
export const module = (...sections) => Buffer.concat([Buffer.from([0, 97, 115, 109, 1, 0, 0, 0]), ...sections])
export const body = (locals, ...code) => {
  const whole = Buffer.concat([locals, ...code, [0x20, 0, 0x0b]].map((part) => Buffer.from(part)))
  return Buffer.concat([Buffer.from(leb(whole.length)), whole])
}

/** The type i32. */
export const I32 = 0x7f

/** The type section of `f: (i32) -> i32`. */
export const TYPE = section(1, [1, 0x60, 1, I32, 1, I32])

/** The locals of a body: none, or i32s. */
export const none = [0]
export const locals = (count) => [1, ...leb(count), I32]
