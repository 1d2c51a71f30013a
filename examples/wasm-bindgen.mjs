// Relinks functions inside two wasm-bindgen packages, whose glue hides their instances: the compressor of the published
// brotli-wasm, and a function behind a class with strings. Run it in a clone.
import { createRequire } from 'node:module'
import { brotliCompressSync } from 'node:zlib'
import { Instance, link } from 'wasm-relink'

const require = createRequire(import.meta.url)

// Before the packages are loaded, so that they are compiled here, with slots.
const { register } = require('wasm-relink/register')
register({ slots: 'default' })
const brotli = require('brotli-wasm')
const { Greeter } = require('../fixtures/bindgen/pkg/bindgen.js')

/** The instance that has this export. */
const instanceWith = (name) => Instance.all().find(({ exports }) => name in exports)

compressor()
greeter()

/** Replaces the compressor of brotli-wasm by that of Node. */
function compressor() {
  const text = Buffer.from('A release changes many functions at once. '.repeat(1000))
  const instance = instanceWith('compress')
  const { memory, __wbindgen_free: free, __wbindgen_malloc: malloc } = instance.exports
  const before = brotli.compress(text)

  let calls = 0
  // The glue passes the address of the result, the bytes, which now belong to the function, and the options.
  const compress = (result, address, length) => {
    calls++
    const compressed = brotliCompressSync(new Uint8Array(memory.buffer, address, length).slice())
    free(address, length)
    const place = malloc(compressed.length)
    // `malloc` may have grown the memory, so the buffer is read again.
    new Uint8Array(memory.buffer).set(compressed, place)
    new Uint32Array(memory.buffer, result, 4).set([place, compressed.length, 0, 0])
  }
  const change = link(compress, instance.slot('compress'))
  const after = brotli.compress(text)
  const isSame = Buffer.from(brotli.decompress(after)).equals(text)
  console.log(
    `brotli-wasm: ${text.length} bytes become ${before.length}; with Node's compressor ${after.length}, calls: ${calls}`,
  )
  console.log(`  brotli-wasm decompresses them to the same text: ${isSame}`)
  change.undo()
  brotli.compress(text)
  console.log(`  after undo() the calls are still ${calls}`)
}

/** Replaces a function with strings that a class calls, by another function of the package, and by one in JavaScript. */
function greeter() {
  const greeter = new Greeter('Hello')
  const instance = instanceWith('greeter_greet')
  console.log(`Greeter: ${greeter.greet('Ferris')}`)
  const change = link(instance.slot('loudly').original, instance.slot('politely'))
  console.log(`  with another function of the package: ${greeter.greet('Ferris')}`)
  change.undo()

  // What the class itself calls: the strings are addresses and lengths in the memory of the instance that exports it.
  const { greeter_greet } = instance.exports
  const { memory, __wbindgen_malloc: malloc } = Instance.of(greeter_greet).exports
  const inFrench = (_greeter, address, length) => {
    const name = Buffer.from(memory.buffer, address, length).toString()
    const bytes = Buffer.from(`Bonjour, ${name} !`)
    const place = malloc(bytes.length, 1)
    new Uint8Array(memory.buffer).set(bytes, place)
    return [place, bytes.length]
  }
  const french = link(inFrench, instance.slot('greeter_greet'))
  console.log(`  with a JavaScript function: ${greeter.greet('Ferris')}`)
  french.undo()
  console.log(`  after undo(): ${greeter.greet('Ferris')}`)
}
