// The cost of wasm-relink, next to Node's own WebAssembly in the same run.
//
//   node bench/index.mjs [--quick] [--update] [--out FILE] [PART …]
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { calls } from './calls.mjs'
import { deadlines } from './deadlines.mjs'
import { heading, machine, versions } from './environment.mjs'
import { kernels } from './kernels.mjs'
import { loads } from './loads.mjs'
import { table } from './markdown.mjs'
import { memory } from './memory.mjs'
import { packages } from './packages.mjs'
import { pass } from './pass.mjs'
import { plugins } from './plugins.mjs'
import { dated, read, write } from './results.mjs'
import { shapes } from './shapes.mjs'
import { slots } from './slots.mjs'
import { typed } from './typed.mjs'
import { wasi } from './wasi.mjs'

const PARTS = { calls, plugins, packages, slots, typed, kernels, deadlines, loads, shapes, pass, memory, wasi }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const { quick, update } = values
const unknown = positionals.find((name) => !Object.hasOwn(PARTS, name))
if (unknown !== undefined) {
  console.error(`bench: no part is called ${unknown}: node bench/index.mjs [${Object.keys(PARTS).join('] [')}]`)
  process.exit(2)
}

const chosen = positionals.length > 0 ? positionals : Object.keys(PARTS)
// Committed results are those of whole runs, and of parts that were measured again: a part is always of one run.
const isLatest = !quick && (positionals.length === 0 || update)
const name = isLatest
  ? 'latest'
  : `${chosen.length < Object.keys(PARTS).length ? chosen.join('-') : 'all'}${quick ? '-quick' : ''}`
const out = values.out ?? fileURLToPath(new URL(`results/${name}.json`, import.meta.url))

const run = { date: new Date().toISOString(), machine: machine(), versions: versions(), quick }
console.log(heading(run))
console.log(
  `Medians, ± half the distance from the 25th to the 75th percentile${quick ? '; a quick run, for a look' : ''}\n`,
)

const done = {}
const earlier = update ? dated(read(out)) : []
for (const [index, part] of chosen.entries()) {
  const say = (text) => console.error(`bench: part ${index + 1} of ${chosen.length}, ${part}: ${text}`)
  done[part] = await PARTS[part]({ quick, say })
  for (const one of done[part]) console.log(table(one))
  write(out, run, done, earlier)
}
console.error(`bench: written to ${out}`)
