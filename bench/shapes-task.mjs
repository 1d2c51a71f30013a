// Compiles modules of a shape on one engine: prints the nanoseconds for each count.
//
//   node bench/shapes-task.mjs '{"engine":"Cranelift","shape":"calls","counts":[2000,4000]}'
import { fresh } from './fresh.mjs'
import { SHAPES } from './shape-modules.mjs'

const { engine, shape, counts } = JSON.parse(process.argv[2])
const [, make] = SHAPES[shape]

const WAYS = {
  async V8() {
    return (bytes) => new WebAssembly.Module(bytes)
  },
  async ours() {
    const { Module } = await import('wasm-relink')
    return (bytes) => new Module(bytes, { compiler: engine.toLowerCase() })
  },
}
const compile = await (['Cranelift', 'Singlepass'].includes(engine) ? WAYS.ours : WAYS.V8)()

compile(fresh(make(10)))
const times = counts.map((count) => {
  const bytes = fresh(make(count))
  const start = performance.now()
  compile(bytes)
  return 1e6 * (performance.now() - start)
})
console.log(JSON.stringify(times))
