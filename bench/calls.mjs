// What a call, a link and a load cost, each beside Node's own WebAssembly.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as relink from 'wasm-relink'
import { modulePath } from '../examples/modules.mjs'
import { beside } from './beside.mjs'
import { fresh } from './fresh.mjs'
import { adding, declaring, importing, provider, throughTable } from './wat.mjs'

/** Calls made inside wasm by one measured call. */
const LOOP = 10_000
/** Calls made in one crossing. */
const BATCH = 1000

const build = ({ Module, Instance }, bytes, imports) => new Instance(new Module(bytes), imports).exports

/** What is measured, on either engine; nothing where an engine cannot do it. */
const WORK = {
  'JavaScript calls wasm, `(i32, i32) -> i32`'(engine) {
    const { add } = build(engine, adding)
    return { run: () => add(1, 2) }
  },
  '1,000 calls in one crossing, `add.map(a, b)`: each (V8: a loop)'(engine) {
    const { add } = build(engine, adding)
    const a = Int32Array.from({ length: BATCH }, (_, index) => index)
    const b = a.toReversed()
    if (engine !== WebAssembly) return add.map && { run: () => add.map(a, b), calls: BATCH }
    const run = () => {
      const sums = new Int32Array(BATCH)
      for (let index = 0; index < BATCH; index++) sums[index] = add(a[index], b[index])
      return sums
    }
    return { run, calls: BATCH }
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
export async function calls({ quick, say }) {
  const rows = []
  for (const [name, work] of Object.entries(WORK)) {
    say(name)
    const engines = { 'wasm-relink': work(relink), V8: work(WebAssembly), 'N-API alone': BARE[name]?.(addon) }
    if (engines['wasm-relink'] === undefined) continue
    if (engines['N-API alone'] === undefined) delete engines['N-API alone']
    rows.push(await beside(name, engines, quick))
  }
  return [{ title: 'Calls, links and loads', rows }]
}
