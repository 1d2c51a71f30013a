// Times of a call, a link and a load, next to Node's own WebAssembly.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { Script, createContext } from 'node:vm'
import * as relink from 'wasm-relink'
import { modulePath } from '../examples/modules.mjs'
import { beside } from './beside.mjs'
import { fresh } from './fresh.mjs'
import { napiBaseline } from './napi-baseline.mjs'
import { adding, declaring, importing, many, provider, throughTable } from './wat.mjs'

/** Number of calls inside WebAssembly for each measured call. */
const LOOP = 10_000
/** Number of calls in one `map`. */
const BATCH = 1000
/** The timeout of guarded calls, in milliseconds. */
const TIMEOUT = 1000
/** Number of slots that are linked together. */
const SLOTS = 100
/** Number of links while a function listens. */
const LISTENED = 1000

const build = ({ Module, Instance }, bytes, imports) => new Instance(new Module(bytes), imports).exports

/**
 * Makes a function that makes a call, from a source of its own: V8 collects feedback on the callee at each call site, and a
 * call site that all engines share would be megamorphic.
 */
const calling = (fn, ...parameters) =>
  new Function('fn', `return () => fn(${parameters.join(', ')}) // ${sources++}`)(fn)
/** Number of these functions, which makes each source different: V8 shares the feedback of equal sources. */
let sources = 0
/** A call of each type, with the source of its arguments. */
const call =
  (name, ...parameters) =>
  (engine) => ({ run: calling(build(engine, adding)[name], ...parameters) })

/** The work that is measured on each engine; undefined where an engine cannot do it. */
const WORK = {
  'JavaScript calls wasm, `(i32, i32) -> i32`': call('add', '1', '2'),
  'the same, `(i64, i64) -> i64`': call('long', '1n', '2n'),
  'the same, `(f64, f64) -> f64`': call('double', '1.5', '2.5'),
  'the same, `(i32, i32) -> (i32, i32)`': call('swap', '1', '2'),
  'the same with a `timeout` (V8: a `timeout` of `node:vm`)'(engine) {
    if (engine === WebAssembly) return inScript(build(engine, adding).add)
    const { add } = new engine.Instance(new engine.Module(adding), {}, { timeout: TIMEOUT }).exports
    return { run: calling(add, '1', '2') }
  },
  'the same in `withTimeout` (V8: a `timeout` of `node:vm`)'(engine) {
    const { add } = build(engine, adding)
    if (engine === WebAssembly) return inScript(add)
    const block = calling(add, '1', '2')
    return { run: () => engine.withTimeout(TIMEOUT, block) }
  },
  '1,000 calls in one native call, `add.map(a, b)`: each (V8: a loop)'(engine) {
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
  '`link` over another link (V8: `table.set`)'(engine) {
    const both = [build(engine, provider).next, build(engine, provider).next]
    let turn = 0
    if (engine === WebAssembly) {
      const { table } = build(engine, throughTable)
      return { run: () => table.set(0, both[turn++ & 1]) }
    }
    const slot = new engine.Instance(new engine.Module(declaring)).slots['bench::next']
    return { run: () => relink.link(both[turn++ & 1], slot) }
  },
  'the same in a store with a history, `historyLimit: 100`'(engine) {
    if (engine === WebAssembly) return undefined
    const store = new engine.Store({ historyLimit: 100 })
    const make = (bytes) => new engine.Instance(new engine.Module(bytes), {}, { store })
    const both = [make(provider).exports.next, make(provider).exports.next]
    const slot = make(declaring).slots['bench::next']
    let turn = 0
    return { run: () => relink.link(both[turn++ & 1], slot) }
  },
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
  '`link` and `undo` while a function listens to both events'(engine) {
    if (engine === WebAssembly) return undefined
    const { next } = build(engine, provider)
    const slot = new engine.Instance(new engine.Module(declaring)).slots['bench::next']
    const channels = ['wasm-relink:link', 'wasm-relink:undo']
    const listen = () => {}
    const run = () => {
      // Not for longer: the other rows are measured while nobody listens.
      for (const channel of channels) subscribe(channel, listen)
      for (let count = 0; count < LISTENED; count++) relink.link(next, slot).undo()
      for (const channel of channels) unsubscribe(channel, listen)
    }
    return { run, calls: LISTENED }
  },
  '`relink` of 100 slots, over other links (V8: `table.set`, 100 times)'(engine) {
    const both = [build(engine, provider).next, build(engine, provider).next]
    let turn = 0
    if (engine === WebAssembly) {
      const table = new WebAssembly.Table({ element: 'anyfunc', initial: SLOTS })
      return {
        run() {
          const next = both[turn++ & 1]
          for (let index = 0; index < SLOTS; index++) table.set(index, next)
        },
      }
    }
    const instance = new engine.Instance(new engine.Module(many(SLOTS)))
    const slots = Array.from({ length: SLOTS }, (_, index) => instance.slot(`f${index}`))
    const changes = both.map((next) => slots.map((slot) => [next, slot]))
    return { run: () => relink.relink(changes[turn++ & 1]) }
  },
  '`relink` of 100 slots, and its `undo` (V8: `table.set`, 200 times)'(engine) {
    const { next } = build(engine, provider)
    if (engine === WebAssembly) {
      const table = new WebAssembly.Table({ element: 'anyfunc', initial: SLOTS })
      return {
        run() {
          for (let index = 0; index < SLOTS; index++) table.set(index, next)
          for (let index = 0; index < SLOTS; index++) table.set(index, null)
        },
      }
    }
    const instance = new engine.Instance(new engine.Module(many(SLOTS)))
    const changes = Array.from({ length: SLOTS }, (_, index) => [next, instance.slot(`f${index}`)])
    return { run: () => relink.relink(changes).undo() }
  },
  'Compile and instantiate a 28 KB Rust module (V8: lazily)'(engine) {
    const bytes = readFileSync(modulePath('pricing'))
    const imports = { relink: { 'pricing::discount': () => 0n, 'pricing::tax': () => 0n } }
    return { run: () => build(engine, fresh(bytes), imports) }
  },
}
/** The cost of N-API itself, from the addon of `napi-baseline.mjs`. */
const BASELINES = {
  'JavaScript calls wasm, `(i32, i32) -> i32`'({ bareFunction }) {
    return { run: calling(bareFunction(), '1', '2') }
  },
  'wasm calls JavaScript, `(i32) -> i32`': ({ bareCalls }) => ({
    run: () => bareCalls((x) => (x + 1) | 0, LOOP),
    calls: LOOP,
  }),
}

/** A call in a script with a timeout. */
function inScript(add) {
  const script = new Script('add(1, 2)')
  const context = createContext({ add })
  return { run: () => script.runInContext(context, { timeout: TIMEOUT }) }
}

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

/** The tables of calls, links and loads. */
export async function calls({ quick, say }) {
  say('the addon with the N-API baseline')
  const addon = napiBaseline()
  const rows = []
  for (const [name, work] of Object.entries(WORK)) {
    say(name)
    const all = { 'wasm-relink': work(relink), V8: work(WebAssembly), 'N-API alone': BASELINES[name]?.(addon) }
    // Not every engine can do each of these.
    const engines = Object.fromEntries(Object.entries(all).filter(([, engine]) => engine !== undefined))
    if (engines['wasm-relink'] === undefined) continue
    rows.push(await beside(name, engines, quick))
  }
  return [{ title: 'Calls, links and loads', rows }]
}
