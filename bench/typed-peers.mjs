// Peers of typed functions: Extism, and components by jco. Both are large, so they are measured only where they are installed.
import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { assemble } from './wat.mjs'

/** A folder whose `node_modules` has the peers; by default this package's. */
const require = createRequire(join(process.env.BENCH_PEERS ?? process.cwd(), 'index.js'))

/** The functions of each peer that is installed. */
export async function peers(bytes, say) {
  const found = {}
  for (const [name, make] of Object.entries({ Extism: extism, jco: (load) => component(load, bytes) })) {
    try {
      found[name] = await make((id) => import(pathToFileURL(require.resolve(id)).href))
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error
      say(
        `${name} is not installed: set BENCH_PEERS to a folder where \`npm install @extism/extism @bytecodealliance/jco\` ran`,
      )
    }
  }
  return found
}

/** A plugin of Extism that returns its input. */
const echo = assemble(`(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (func (export "echo") (result i32) (call $output (call $offset) (call $length)) (i32.const 0)))`)

async function extism(load) {
  const { default: createPlugin } = await load('@extism/extism')
  const plugin = await createPlugin({ wasm: [{ data: new Uint8Array(echo) }] })
  // On the main thread a call is synchronous below, and its promise resolves at once.
  const call = (input) => plugin.call('echo', input)
  return { echoString: async (text) => (await call(text)).text(), echoBytes: async (all) => (await call(all)).bytes() }
}

async function component(load, bytes) {
  const { componentNew, transpile } = await load('@bytecodealliance/jco')
  const folder = mkdtempSync(join(tmpdir(), 'relink-bench-'))
  try {
    const { files } = await transpile(await componentNew(bytes, []), { name: 'guest' })
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), content)
    }
    for (const name of ['ask', 'ask-shape']) writeFileSync(join(folder, `${name}.js`), 'export default () => {}')
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    return await import(pathToFileURL(join(folder, 'guest.js')).href)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
