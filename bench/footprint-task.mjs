// One process of `bench/memory.mjs`: prints the bytes of its RSS. It requires only what is measured.
//
//   node --expose-gc bench/footprint-task.mjs ENGINE [FILE INSTANCES]
import { readFileSync } from 'node:fs'

const [engine, file, instances = 0] = process.argv.slice(2)
const api = engine === 'wasm-relink' ? await import('wasm-relink') : WebAssembly

const live = []
if (file !== undefined) {
  const module = new api.Module(readFileSync(file))
  const imports = {}
  for (const { module: from, name, kind } of api.Module.imports(module)) {
    if (kind === 'function') (imports[from] ??= {})[name] = (x) => x
  }
  while (live.length < Number(instances)) live.push(new api.Instance(module, imports))
}

// Frees garbage first.
for (let round = 0; round < 3; round++) {
  await new Promise((resolve) => void setImmediate(resolve))
  gc()
  if (engine === 'wasm-relink') api.Store.default.collect()
}
console.log(process.memoryUsage.rss())
// Keeps the objects alive until here.
if (live.length !== Number(instances)) throw new Error('some are missing')
