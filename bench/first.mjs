// What a call, a link and a load cost, each beside Node's own WebAssembly in the same run.
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { measure } from 'mitata'
import wabt from 'wabt'
import * as relink from 'wasm-relink'
import { modulePath } from '../examples/modules.mjs'

const { parseWat } = await wabt()
const assemble = (name, text) => parseWat(name, text).toBinary({}).buffer

/** Calls made inside wasm by one measured call. */
const LOOP = 10_000

const callee = assemble(
  'callee.wat',
  `(module
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "next") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))`,
)
const loop = (call) => `
  (func (export "loop") (param $n i32) (result i32) (local $x i32)
    (loop $again
      (local.set $x ${call('(local.get $x)')})
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))`
const throughSlot = assemble(
  'slot.wat',
  `(module
    (import "relink" "bench::next" (func $next (param i32) (result i32)))
    (func (export "relink:bench::next") (param i32) (result i32) (local.get 0))
    ${loop((argument) => `(call $next ${argument})`)})`,
)
const throughTable = assemble(
  'table.wat',
  `(module
    (type $next (func (param i32) (result i32)))
    (table (export "table") 1 funcref)
    ${loop((argument) => `(call_indirect (type $next) ${argument} (i32.const 0))`)})`,
)
const importer = assemble(
  'importer.wat',
  `(module (import "env" "next" (func $next (param i32) (result i32))) ${loop((argument) => `(call $next ${argument})`)})`,
)

const build = ({ Module, Instance }, bytes, imports) => new Instance(new Module(bytes), imports).exports

/** Nanoseconds each call of `run` takes: the median, and the spread from the 25th to the 75th percentile. */
async function time(run, calls = 1) {
  const { p25, p50, p75 } = await measure(run)
  return { median: p50 / calls, spread: (p75 - p25) / calls }
}

/** The same work on both engines. */
async function beside(name, prepare) {
  return { name, ours: await prepare(relink, 'ours'), v8: await prepare(WebAssembly, 'v8') }
}

const rows = [
  await beside('JavaScript calls wasm, `(i32, i32) -> i32`', (engine) => {
    const { add } = build(engine, callee)
    return time(() => add(1, 2))
  }),
  await beside('wasm calls JavaScript, `(i32) -> i32`', (engine) => {
    const { loop: run } = build(engine, importer, { env: { next: (x) => (x + 1) | 0 } })
    return time(() => run(LOOP), LOOP)
  }),
  await beside('wasm calls wasm of another module, linked (V8: `call_indirect`)', (engine, side) => {
    const { next } = build(engine, callee)
    if (side === 'v8') {
      const { table, loop: run } = build(engine, throughTable)
      table.set(0, next)
      return time(() => run(LOOP), LOOP)
    }
    const instance = new engine.Instance(new engine.Module(throughSlot))
    relink.link(next, instance.slots['bench::next'])
    return time(() => instance.exports.loop(LOOP), LOOP)
  }),
  await beside('`link` and `undo` (V8: `table.set`, twice)', (engine, side) => {
    const { next } = build(engine, callee)
    if (side === 'v8') {
      const { table } = build(engine, throughTable)
      return time(() => {
        table.set(0, next)
        table.set(0, null)
      })
    }
    const slot = new engine.Instance(new engine.Module(throughSlot)).slots['bench::next']
    return time(() => relink.link(next, slot).undo())
  }),
  await beside('Compile and instantiate a 28 KB Rust module (V8: lazily)', (engine) => {
    const bytes = readFileSync(modulePath('pricing'))
    const imports = { relink: { 'pricing::discount': () => 0n, 'pricing::tax': () => 0n } }
    return time(() => build(engine, bytes, imports))
  }),
]

const figure = (nanoseconds) =>
  nanoseconds >= 1e6
    ? `${(nanoseconds / 1e6).toFixed(1)} ms`
    : nanoseconds >= 1e3
      ? `${(nanoseconds / 1e3).toFixed(1)} µs`
      : `${nanoseconds.toFixed(1)} ns`
const cell = ({ median, spread }) => `${figure(median)} ± ${figure(spread / 2)}`

console.log(`${os.cpus()[0].model.trim()}, Node ${process.version}, V8 ${process.versions.v8}, Cranelift\n`)
console.log('| what | wasm-relink | V8 | ratio |\n|---|---|---|---|')
for (const { name, ours, v8 } of rows) {
  console.log(`| ${name} | ${cell(ours)} | ${cell(v8)} | ${(ours.median / v8.median).toFixed(2)} |`)
}
