// One load of `bench/loads.mjs`: prints the nanoseconds from the file to the first answer.
//
//   node bench/loads-task.mjs '{"engine":"cranelift","file":"…","answer":"…","imports":[["module","name"]]}'
import { readFileSync } from 'node:fs'

const { engine, file, answer, imports } = JSON.parse(process.argv[2])

const functions = {}
for (const [module, name] of imports) (functions[module] ??= {})[name] = () => 0

const WAYS = {
  async V8() {
    return () => new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), functions).exports[answer]()
  },
  async Extism() {
    const { createPlugin } = (await import('./modules.mjs')).extism()
    return async () => {
      const plugin = await createPlugin({ wasm: [{ path: file }] }, { functions })
      await plugin.call(answer)
    }
  },
  async ours() {
    const { load } = await import('wasm-relink')
    return async () => (await load(file, functions, { compiler: engine })).exports[answer]()
  },
}

const run = await (WAYS[engine] ?? WAYS.ours)()
const start = performance.now()
await run()
console.log(1e6 * (performance.now() - start))
