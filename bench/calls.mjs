// What a call, a link and a load cost, each beside Node's own WebAssembly.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { measure } from 'mitata'
import * as relink from 'wasm-relink'
import { modulePath } from '../examples/modules.mjs'
import { fresh } from './fresh.mjs'
import { middle, ratio } from './rounds.mjs'
import { table, time, times } from './table.mjs'
import { assemble, declaring, importing, provider, throughTable } from './wat.mjs'

/** Calls made inside wasm by one measured call. */
const LOOP = 10_000
const ROUNDS = 9
/** How long a round takes at the least, in nanoseconds */
const ROUND = 1e8

const build = ({ Module, Instance }, bytes, imports) => new Instance(new Module(bytes), imports).exports

/** What is measured, on either engine. */
const WORK = {
  'JavaScript calls wasm, `(i32, i32) -> i32`'(engine) {
    const { add } = build(engine, assemble(ADD))
    return { run: () => add(1, 2) }
  },
  'wasm calls JavaScript, `(i32) -> i32`'(engine) {
    const { loop } = build(engine, importing, { env: { next: (x) => (x + 1) | 0 } })
    return { run: () => loop(LOOP), calls: LOOP }
  },
  'wasm calls wasm of another module, linked (V8: `call_indirect`)': (engine) => acrossInstances(engine, 'none'),
  'the same, linked to an export that is a slot itself': (engine) => acrossInstances(engine),
  '`link` and `undo` (V8: `table.set`, twice)'(engine) {
    const { next } = build(engine, provider)
    if (engine === WebAssembly) {
      const { table } = build(engine, throughTable)
      return {
        run() {
          table.set(0, next)
          table.set(0, null)
        },
      }
    }
    const slot = new engine.Instance(new engine.Module(declaring)).slots['bench::next']
    return { run: () => relink.link(next, slot).undo() }
  },
  'Compile and instantiate a 28 KB Rust module (V8: lazily)'(engine) {
    const bytes = readFileSync(modulePath('pricing'))
    const imports = { relink: { 'pricing::discount': () => 0n, 'pricing::tax': () => 0n } }
    return { run: () => build(engine, fresh(bytes), imports) }
  },
}
/** What N-API itself takes for the same: functions of the addon that do nothing else. */
const BARE = {
  'JavaScript calls wasm, `(i32, i32) -> i32`'({ bareFunction }) {
    const add = bareFunction()
    return { run: () => add(1, 2) }
  },
  'wasm calls JavaScript, `(i32) -> i32`': ({ bareCalls }) => ({
    run: () => bareCalls((x) => (x + 1) | 0, LOOP),
    calls: LOOP,
  }),
}
const addon = createRequire(import.meta.url)('../native.cjs')
const ADD = '(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'

/** A loop that calls a function of another instance, whose module has these slots. */
function acrossInstances(engine, slots) {
  const { next } = new engine.Instance(new engine.Module(provider, { slots })).exports
  if (engine === WebAssembly) {
    const { table, loop } = build(engine, throughTable)
    table.set(0, next)
    return { run: () => loop(LOOP), calls: LOOP }
  }
  const instance = new engine.Instance(new engine.Module(declaring))
  relink.link(next, instance.slots['bench::next'])
  return { run: () => instance.exports.loop(LOOP), calls: LOOP }
}

/** Calls, links and loads. */
export async function calls() {
  const rows = []
  for (const [name, work] of Object.entries(WORK)) {
    console.error(`bench: ${name}`)
    const all = { ours: work(relink), v8: work(WebAssembly), bare: BARE[name]?.(addon) }
    if (all.bare === undefined) delete all.bare
    const measured = Object.fromEntries(Object.keys(all).map((engine) => [engine, []]))
    for (let round = 0; round < ROUNDS; round++) {
      for (const [engine, { run, calls = 1 }] of Object.entries(all)) {
        const { p50 } = await measure(run, { min_cpu_time: ROUND })
        measured[engine].push(p50 / calls)
      }
    }
    const ours = time(middle(measured.ours))
    const bare = measured.bare === undefined ? '' : times(ratio(measured, 'ours', 'bare'))
    rows.push([name, ours, time(middle(measured.v8)), times(ratio(measured, 'ours', 'v8')), bare])
  }
  return table('Calls, links and loads', ['what', 'wasm-relink', 'V8', 'ratio', 'N-API alone: ratio'], rows)
}
