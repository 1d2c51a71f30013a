// Writes the tables of README.md anew, from the results of the last whole run.
//
//   node bench/readme.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ratio, signed, value } from './markdown.mjs'

/** A median, as short as it says something. */
function short(measured) {
  if (measured === undefined) return ''
  const { median, unit } = measured
  const rounded = unit === 'ns' && median < 1e3 ? Math.round(median * 10) / 10 : median
  return value({ median: rounded, spread: 0, unit }).replace(/(\.\d)0 ns$/, '$1 ns')
}
const times = (measured) => (measured === undefined ? '' : ratio({ ...measured, spread: 0, as: undefined }))
const change = ({ median, spread }) => `${signed(median - 1)} ± ${(100 * spread).toFixed(1)}`

/** The tables, by their headings: what stands in each row of one. */
const TABLES = {
  '| what | wasm-relink | V8 | / V8 | / N-API |': ({ calls }) =>
    calls['Calls, links and loads'].map(({ name, values, ratios }) => [
      name,
      short(values['wasm-relink']),
      short(values.V8),
      times(ratios['wasm-relink / V8']),
      times(ratios['wasm-relink / N-API alone']),
    ]),
  '| what | wasm-relink | with Singlepass | V8 | Extism |': ({ plugins }) =>
    Object.values(plugins)
      .flat()
      .map(({ name, values: { 'wasm-relink': ours, Singlepass, V8, Extism } }) => [
        name,
        ...[ours, Singlepass, V8, Extism].map(short),
      ]),
  '| module | disk cache | Singlepass | Cranelift | V8 | Extism | disk cache / V8 |': ({ loads }) =>
    loads['From a file to the first answer'].map(({ name, labels, values, ratios }) => [
      `${name}, ${labels.size}`,
      ...['disk cache', 'Singlepass', 'Cranelift', 'V8', 'Extism'].map((way) => short(values[way])),
      times(ratios['disk cache / V8']),
    ]),
  "| kernel | / V8 | the usual slots | `slots: 'all'` | first answer: Singlepass / V8 | Cranelift / V8 |": ({
    kernels,
  }) => {
    const cold = kernels['Kernels, from bytes to the first answer']
    return kernels['Kernels, V8 warmed up; what slots cost'].map(({ name, ratios }, index) => [
      name,
      times(ratios['wasm-relink / V8']),
      change(ratios["default / `'none'`"]),
      change(ratios["`'all'` / `'none'`"]),
      times(cold[index].ratios['Singlepass / V8']),
      times(cold[index].ratios['Cranelift / V8']),
    ])
  },
  '| what | wasm-relink | V8 |': ({ memory }) => {
    const whole = memory['RSS of a process'].map(({ name, values }) => [
      name,
      short(values['wasm-relink']),
      short(values.V8),
    ])
    const left = memory['What is left']
    const both = [...new Set(left.map(({ name }) => name))].map((name) => {
      const of = (engine) => left.find((row) => row.name === name && row.labels.engine === engine)?.values
      const way = (values) =>
        values ? `${short(values['RSS before']).replace(' MiB', '')} → ${short(values['RSS after'])}` : ''
      return [name, way(of('wasm-relink')), way(of('V8'))]
    })
    return [...whole, ...both]
  },
}

/** The README with the tables of a run. */
function withTables(readme, run) {
  const parts = {}
  for (const row of run.rows) ((parts[row.part] ??= {})[row.table] ??= []).push(row)
  const lines = readme.split('\n')
  for (const [heading, rows] of Object.entries(TABLES)) {
    const start = lines.indexOf(heading)
    if (start === -1) throw new Error(`the README has no table with the heading ${heading}`)
    const length = lines.slice(start).findIndex((line) => !line.startsWith('|'))
    const made = rows(parts).map((cells) => `| ${cells.join(' | ')} |`)
    lines.splice(start + 2, length - 2, ...made)
  }
  return lines.join('\n').replace(/, on \d{4}-\d\d-\d\d: medians/, `, on ${run.date.slice(0, 10)}: medians`)
}

/** The README, and what it is to be. */
export function readme() {
  const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8')
  const current = read('../README.md')
  return { current, made: withTables(current, JSON.parse(read('results/latest.json'))) }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../README.md', import.meta.url), readme().made)
}
