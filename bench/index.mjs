// What wasm-relink costs, beside Node's own WebAssembly in the same run.
//
//   node bench/index.mjs [calls] [slots] [kernels] [pass] [memory]
import os from 'node:os'
import { calls } from './calls.mjs'
import { kernels } from './kernels.mjs'
import { memory } from './memory.mjs'
import { pass } from './pass.mjs'
import { slots } from './slots.mjs'

const PARTS = { calls, slots, kernels, pass, memory }

const chosen = process.argv.slice(2)
const unknown = chosen.find((name) => !Object.hasOwn(PARTS, name))
if (unknown !== undefined) {
  console.error(`bench: no part is called ${unknown}: node bench/index.mjs [${Object.keys(PARTS).join('] [')}]`)
  process.exit(2)
}

console.log(
  `${os.cpus()[0].model.trim()} with ${os.availableParallelism()} cores, Node ${process.version}, V8 ${process.versions.v8}, Cranelift`,
)
console.log('Medians, ± half the distance from the 25th to the 75th percentile\n')
for (const name of chosen.length > 0 ? chosen : Object.keys(PARTS)) console.log(await PARTS[name]())
