// Peers of typed functions: Extism, and components by jco.
import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { extism as sdk } from './modules.mjs'
import { assemble } from './wat.mjs'

/** The functions of each peer. jco is large, so it is measured only where a folder with it is named. */
export async function peers(bytes, say) {
  const found = { Extism: await extism() }
  const folder = process.env.BENCH_JCO
  if (folder !== undefined) found.jco = await component(createRequire(join(folder, 'index.js')), bytes)
  else say('jco is left out: set BENCH_JCO to a folder where `npm install @bytecodealliance/jco` was run')
  return found
}

/** A plugin of Extism that returns its input, which it reads and writes as Extism's library for Rust does. */
const echo = assemble(`(module
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $load (param i64) (result i32)))
  (import "extism:host/env" "input_load_u64" (func $load8 (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "store_u64" (func $store8 (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (func (export "echo") (result i32) (local $n i64) (local $to i64) (local $i i64)
    (local.set $n (call $length))
    (local.set $to (call $alloc (local.get $n)))
    (block $end (loop $next
      (br_if $end (i64.ge_u (local.get $i) (local.get $n)))
      (if (i64.ge_u (i64.sub (local.get $n) (local.get $i)) (i64.const 8))
        (then
          (call $store8 (i64.add (local.get $to) (local.get $i)) (call $load8 (local.get $i)))
          (local.set $i (i64.add (local.get $i) (i64.const 8))))
        (else
          (call $store (i64.add (local.get $to) (local.get $i)) (call $load (local.get $i)))
          (local.set $i (i64.add (local.get $i) (i64.const 1)))))
      (br $next)))
    (call $output (local.get $to) (local.get $n))
    (i32.const 0)))`)

async function extism() {
  const { createPlugin } = sdk()
  const plugin = await createPlugin({ wasm: [{ data: new Uint8Array(echo) }] })
  let calls = 0
  const call = async (input) => {
    // Its blocks of memory have signed numbers of 16 bits.
    if (++calls % 10_000 === 0) await plugin.reset()
    return plugin.call('echo', input)
  }
  return { echoString: async (text) => (await call(text)).text(), echoBytes: async (all) => (await call(all)).bytes() }
}

async function component(require, bytes) {
  const { componentNew, transpile } = await import(pathToFileURL(require.resolve('@bytecodealliance/jco')).href)
  const map = { ask: './ask.js', 'ask-shape': './ask-shape.js' }
  const folder = mkdtempSync(join(tmpdir(), 'relink-bench-'))
  try {
    const { files } = await transpile(await componentNew(bytes, []), { name: 'guest', map })
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), content)
    }
    for (const name of Object.values(map)) writeFileSync(join(folder, name), 'export default () => {}')
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    return await import(pathToFileURL(join(folder, 'guest.js')).href)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
