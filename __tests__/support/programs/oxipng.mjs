// @jsquash/oxipng: wasm-bindgen for the web, with a module that is compiled before.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { crc32, deflateSync } from 'node:zlib'
import optimise, { init } from '@jsquash/oxipng/optimise.js'

const { resolve } = createRequire(import.meta.url)

/** CRC-32, which Node 20 lacks. */
function checksum(bytes) {
  if (crc32) return crc32(bytes)
  let sum = ~0
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb8_8320 : sum >>> 1
  }
  return ~sum >>> 0
}

function chunk(type, data) {
  const content = Buffer.concat([Buffer.from(type), data])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(data.length)
  ends.writeUInt32BE(checksum(content), 4)
  return Buffer.concat([ends.subarray(0, 4), content, ends.subarray(4)])
}

const size = 64
const header = Buffer.from([0, 0, 0, size, 0, 0, 0, size, 8, 2, 0, 0, 0])
const rows = Buffer.from(
  Array.from({ length: size * (1 + 3 * size) }, (_, i) => (i % (1 + 3 * size) ? (i / 9) & 255 : 0)),
)
const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows, { level: 1 })), chunk('IEND', Buffer.alloc(0))]
const png = Uint8Array.from(Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...parts]))

await init(await WebAssembly.compile(readFileSync(resolve('@jsquash/oxipng/codec/pkg/squoosh_oxipng_bg.wasm'))))
for (const level of [1, 4]) {
  const optimised = Buffer.from(await optimise(png.buffer, { level }))
  console.log(png.length, optimised.length, createHash('sha1').update(optimised).digest('hex'))
}
