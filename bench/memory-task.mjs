// One task of `bench/memory.mjs`, in a process of its own: prints a line of JSON.
//
//   node --expose-gc bench/memory-task.mjs TASK ENGINE [quick]
import { readFileSync } from 'node:fs'
import * as relink from 'wasm-relink'
import { fresh } from './fresh.mjs'
import { modules } from './modules.mjs'
import { assemble } from './wat.mjs'

const [task, engine, quick] = process.argv.slice(2)
/** Numbers of repetitions. */
const number = (all) => (quick ? all / 100 : all)
const ours = engine === 'wasm-relink'
const api = ours ? relink : WebAssembly
const store = ours ? relink.Store.default : undefined

const host = assemble(`(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (table (export "table") 1 funcref)
  (func (export "run") (param i32) (result i32) (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0))))`)
const plugin = assemble(`(module
  (memory (export "memory") 1)
  (func (export "f") (param i32) (result i32)
    (i32.store (i32.const 0) (local.get 0)) (i32.add (i32.load (i32.const 0)) (i32.const 1))))`)
const values = assemble(`(module
  (table $t 1000 externref)
  (func (export "put") (param i32 externref) (table.set $t (local.get 0) (local.get 1))))`)

/** Compiles with the faster compiler, since this measures memory and not the speed of code. */
const compile = (bytes, compiler = 'singlepass') => new api.Module(bytes, ours ? { compiler } : undefined)
/** Functions for all imports of a module: they return their arguments. */
function instantiate(module) {
  const imports = {}
  for (const { module: from, name, kind } of api.Module.imports(module)) {
    if (kind === 'function') (imports[from] ??= {})[name] = (x) => x
  }
  return new api.Instance(module, imports)
}
const turn = () => new Promise((resolve) => void setImmediate(resolve))

function size() {
  if (process.platform !== 'linux') return { rss: process.memoryUsage.rss() }
  const status = readFileSync('/proc/self/status', 'utf8')
  const kilobytes = (name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1])
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n').length
  return { rss: kilobytes('VmRSS'), addresses: kilobytes('VmSize'), maps }
}

/** The size of the process after a collection. */
async function settled() {
  for (let round = 0; round < 3; round++) {
    await turn()
    gc()
    await turn()
    store?.collect()
  }
  return size()
}

/** Swaps plugins as a server does: compiles each, replaces the plugin before it, and calls it. */
async function swaps(bytes, { first, count, close = false }) {
  const { table, run } = instantiate(compile(host)).exports
  let last
  async function swap(index) {
    const instance = instantiate(compile(fresh(bytes)))
    table.set(
      0,
      Object.values(instance.exports).find((value) => typeof value === 'function'),
    )
    if (bytes === plugin && run(index) !== index + 1) throw new Error('a wrong answer')
    if (close) last?.close?.()
    last = instance
    if (index % 10 === 0) await turn()
  }
  let time = 0
  async function until(end, begin) {
    const start = performance.now()
    for (let index = begin; index < end; index++) await swap(index)
    time += performance.now() - start
    return settled()
  }
  const before = await until(first, 0)
  const after = await until(count, first)
  return { before, after, nanoseconds: (1e6 * time) / count }
}

/** Writes values to a table and overwrites them, a thousand at a time. */
async function externrefs() {
  const { put } = instantiate(compile(values)).exports
  const before = await settled()
  const count = number(1_000_000)
  const start = performance.now()
  for (let index = 0; index < count; index++) put(index % 1000, { index })
  const nanoseconds = (1e6 * (performance.now() - start)) / count
  return { before, after: await settled(), nanoseconds }
}

/** Makes and drops more instances with a memory than fit at the same time. */
async function many() {
  const module = compile(plugin)
  const before = await settled()
  const count = number(20_000)
  const start = performance.now()
  for (let index = 0; index < count; index++) {
    instantiate(module)
    if (index % 100 === 0) await turn()
  }
  const nanoseconds = (1e6 * (performance.now() - start)) / count
  return { before, after: await settled(), nanoseconds }
}

/** The number of instances with a memory that fit at the same time. */
async function peak() {
  const module = compile(plugin)
  const all = []
  try {
    while (all.length < number(40_000)) all.push(instantiate(module))
  } catch {
    // There is no more room.
  }
  const { rss } = size()
  return { instances: all.length, each: rss / all.length }
}

/** The nanoseconds of a collection that frees nothing, several times, at this number of live instances. */
async function pauses() {
  const module = compile(plugin)
  const all = []
  const result = {}
  for (const count of [10, 100, 1000]) {
    while (all.length < count) all.push(instantiate(module))
    result[count] = Array.from({ length: 21 }, () => {
      const start = performance.now()
      if (store === undefined) gc()
      else store.collect()
      return 1e6 * (performance.now() - start)
    })
  }
  return result
}

const TASKS = {
  swaps: () => swaps(plugin, { first: number(10_000), count: number(100_000) }),
  closed: () => swaps(plugin, { first: number(10_000), count: number(100_000), close: true }),
  large: () => swaps(modules()[1].bytes, { first: number(100), count: number(1000) }),
  externrefs,
  many,
  peak,
  pauses,
}

console.log(JSON.stringify(await TASKS[task]()))
