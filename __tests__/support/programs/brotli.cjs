// brotli-wasm: wasm-bindgen for Node, for the web and for bundlers.
const { readFileSync } = require('node:fs')
const { register } = require('node:module')
const { join, dirname } = require('node:path')
const { pathToFileURL } = require('node:url')

const folder = dirname(require.resolve('brotli-wasm'))
const text = Buffer.from(Array.from({ length: 3000 }, (_, i) => `${i * i} lines of ${i % 7} words\n`).join(''))

function work(name, { compress, decompress, CompressStream, DecompressStream }) {
  const packed = [1, 5, 11].map((quality) => compress(text, { quality }))
  console.log(
    name,
    packed.map((bytes) => bytes.length),
    packed.map((bytes) => Buffer.from(decompress(bytes)).equals(text)),
  )
  try {
    decompress(text)
  } catch (error) {
    console.log(name, String(error))
  }
  const [packing, unpacking] = [new CompressStream(4), new DecompressStream()]
  const { code, buf } = packing.compress(text, 100_000)
  const rest = packing.compress(undefined, 100_000)
  const whole = Buffer.concat([buf, rest.buf])
  console.log(name, code, rest.code, whole.length, Buffer.from(unpacking.decompress(whole, 200_000).buf).equals(text))
}

/** A bundler's output for `import * as wasm from '../../programs/x_bg.wasm'`: a module that instantiates the file. */
const hooks = `
  import { readFileSync } from 'node:fs'
  import { fileURLToPath } from 'node:url'

  export async function load(url, context, next) {
    if (!url.endsWith('.wasm')) return next(url, context)
    const module = new WebAssembly.Module(readFileSync(fileURLToPath(url)))
    const from = [...new Set(WebAssembly.Module.imports(module).map((each) => each.module))]
    const source = [
      'import { readFileSync } from "node:fs"',
      ...from.map((name, index) => 'import * as m' + index + ' from ' + JSON.stringify(name)),
      'const module = new WebAssembly.Module(readFileSync(new URL(import.meta.url)))',
      'const imports = {' + from.map((name, index) => JSON.stringify(name) + ': m' + index).join() + '}',
      'const { exports } = new WebAssembly.Instance(module, imports)',
      ...WebAssembly.Module.exports(module).map(({ name }) => 'export const ' + name + ' = exports.' + name),
    ]
    return { format: 'module', source: source.join('\\n'), shortCircuit: true }
  }`

void (async () => {
  work('node', await require('brotli-wasm'))
  const web = await import(pathToFileURL(join(folder, 'pkg.web/brotli_wasm.js')).href)
  await web.default(readFileSync(join(folder, 'pkg.web/brotli_wasm_bg.wasm')))
  work('web', web)
  register(`data:text/javascript,${encodeURIComponent(hooks)}`)
  work('bundler', await import(pathToFileURL(join(folder, 'pkg.bundler/brotli_wasm.js')).href))
})()
