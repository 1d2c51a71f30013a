// Kernels: code of real crates on both engines, warm and cold, and the cost of slots in it.
import * as relink from 'wasm-relink'
import { fresh } from './fresh.mjs'
import { kernelModules } from './kernel-modules.mjs'
import { geometricMean, inRounds, middle, quotients } from './rounds.mjs'
import { time, timed } from './rows.mjs'

/** The crate of each kernel, and how often it does its work in a measured call of a few milliseconds. */
export const KERNELS = {
  sha256: { work: 'hash, `sha2`', count: 16 },
  blake3: { work: 'hash, `blake3`', count: 80 },
  regex: { work: 'search, `regex`', count: 4 },
  words: { work: 'search, `aho-corasick`', count: 20 },
  json: { work: 'parse and write, `serde_json`', count: 16 },
  csv: { work: 'parse and write, `csv`', count: 16 },
  sql: { work: 'parse and write, `sqlparser`', count: 3 },
  markdown: { work: 'parse and write, `pulldown-cmark`', count: 16 },
  segments: { work: 'text, `unicode-segmentation`', count: 4 },
  diff: { work: 'text, `similar`', count: 28 },
  png: { work: 'picture, `image`', count: 5 },
  jpeg: { work: 'picture, `image`', count: 6 },
  resize: { work: 'picture, `image`', count: 6 },
  matrix: { work: 'numbers, `nalgebra`', count: 32 },
  fft: { work: 'numbers, `rustfft`', count: 24 },
  deflate: { work: 'compression, `flate2`', count: 3 },
  lz4: { work: 'compression, `lz4_flex`', count: 30 },
  brotli: { work: 'compression, `brotli`', count: 2 },
}

/** The comparisons, and how each is printed. */
const WARM = {
  'wasm-relink / V8': ['default', 'v8'],
  "`'none'` / V8": ['none', 'v8'],
  "`'all'` / V8": ['all', 'v8'],
  "default / `'none'`": ['default', 'none', 'change'],
  "`'all'` / `'none'`": ['all', 'none', 'change'],
}
const COLD = {
  'Cranelift / V8': ['Cranelift', 'V8'],
  'Singlepass / V8': ['Singlepass', 'V8'],
}

const on = ({ Module, Instance }, bytes, options) => new Instance(new Module(bytes, options)).exports.run

/** A kernel without slots, with the default slots and with all slots; and on V8, warmed up. */
async function warm(bytes, count, quick) {
  const runs = {
    default: on(relink, bytes, {}),
    none: on(relink, bytes, { slots: 'none' }),
    all: on(relink, bytes, { slots: 'all' }),
    v8: on(WebAssembly, bytes),
  }
  const variants = Object.fromEntries(Object.entries(runs).map(([name, run]) => [name, () => run(count)]))
  same(Object.values(variants))
  await inRounds(variants, { rounds: 5 }) // V8 tiers up
  return inRounds(variants, { rounds: quick ? 3 : 40 })
}

/** The time from new bytes to the first answer. */
async function cold(bytes, quick) {
  const variants = {
    Cranelift: () => on(relink, fresh(bytes), { compiler: 'cranelift' })(1),
    Singlepass: () => on(relink, fresh(bytes), { compiler: 'singlepass' })(1),
    V8: () => on(WebAssembly, fresh(bytes))(1),
  }
  same(Object.values(variants))
  return inRounds(variants, { rounds: quick ? 1 : 7, samples: 1 })
}

function same(variants) {
  if (new Set(variants.map((run) => run())).size !== 1) throw new Error('another result on another engine')
}

/** The row of all kernels, from the ratios of each round. */
function mean(all, compared) {
  const ratios = Object.entries(compared).map(([pair, [name, other, as]]) => [
    pair,
    { ...geometricMean(all.map((measured) => quotients(measured, name, other))), as },
  ])
  return { name: 'geometric mean', ratios: Object.fromEntries(ratios) }
}

/** The tables of kernels, warm and cold. */
export async function kernels({ quick, say }) {
  const { read, missing } = kernelModules()
  if (missing) {
    say(`left out, because ${missing}`)
    return []
  }
  const [warmed, first] = [[], []]
  const [warmRows, coldRows] = [[], []]
  for (const [name, { work, count }] of Object.entries(KERNELS)) {
    say(name)
    const bytes = read(name)
    const labels = { work }
    const measured = await warm(bytes, count, quick)
    warmed.push(measured)
    const ratios = Object.entries(WARM).map(([pair, [one, other, as]]) => [
      pair,
      { ...middle(quotients(measured, one, other)), as },
    ])
    const values = { 'wasm-relink': time(measured.default), V8: time(measured.v8) }
    warmRows.push({ name, labels, values, ratios: Object.fromEntries(ratios) })
    const times = await cold(bytes, quick)
    first.push(times)
    coldRows.push({ ...timed(name, times), labels: { size: `${Math.round(bytes.length / 1000)} KB` } })
  }
  return [
    {
      title: 'Kernels, V8 warmed up; what slots cost',
      note: "`'none'` and `'all'` are the option `slots`; `wasm-relink` stands for the slots that a module has by default.",
      rows: [...warmRows, mean(warmed, WARM)],
    },
    {
      title: 'Kernels, from bytes to the first answer',
      note: 'Compiled, instantiated and called once; V8 compiles lazily.',
      rows: [...coldRows, mean(first, COLD)],
    },
  ]
}
