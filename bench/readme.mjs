// Writes the tables of docs/benchmarks.md and the figures of README.md, from the results of the last whole run.
//
//   node bench/readme.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ratio, signed, value } from './markdown.mjs'

/** A median, rounded for readers. */
function short(measured) {
  if (measured === undefined) return ''
  const { median, unit } = measured
  const rounded = unit === 'ns' && median < 1e3 ? Math.round(median * 10) / 10 : median
  return value({ median: rounded, spread: 0, unit }).replace(/(\.\d)0 ns$/, '$1 ns')
}
const times = (measured) => (measured === undefined ? '' : ratio({ ...measured, spread: 0, as: undefined }))
const change = ({ median, spread }) => `${signed(median - 1)} ± ${(100 * spread).toFixed(1)}`

/** The tables of docs/benchmarks.md by their headings, with the content of each row. */
const TABLES = {
  '| what | wasm-relink | V8 | / V8 | / N-API |': ({ calls }) =>
    calls['Calls, links and loads'].map(({ name, values, ratios }) => [
      name,
      short(values['wasm-relink']),
      short(values.V8),
      times(ratios['wasm-relink / V8']),
      times(ratios['wasm-relink / N-API alone']),
    ]),
  '| package | wasm-relink | V8 | / V8 |': ({ packages }) =>
    packages?.['Packages from npm, in steady state'].map(({ name, values = {}, ratios }) => [
      name,
      short(values['wasm-relink']),
      short(values.V8),
      times(ratios['wasm-relink / V8']),
    ]),
  '| what | wasm-relink | with Singlepass | V8 | Extism |': ({ plugins }) =>
    Object.values(plugins)
      .flat()
      .map(({ name, values: { 'wasm-relink': ours, Singlepass, V8, Extism } }) => [
        name,
        ...[ours, Singlepass, V8, Extism].map(short),
      ]),
  '| what goes in and out | wasm-relink | V8, by hand | Extism | jco | / V8 |': ({ typed }) =>
    Object.values(typed ?? {})
      .flat()
      .map(({ name, values: { 'wasm-relink': ours, V8, Extism, jco }, ratios }) => [
        name,
        ...[ours, V8, Extism, jco].map((value) => (value ? short(value) : '')),
        times(ratios['wasm-relink / V8']),
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

const ROWS_OF_README = [
  ['calls', 'JavaScript calls wasm, `(i32, i32) -> i32`'],
  ['calls', '1,000 calls in one native call, `add.map(a, b)`: each (V8: a loop)'],
  ['calls', 'wasm calls JavaScript, `(i32) -> i32`'],
  ['calls', 'wasm calls wasm of another module, linked (V8: `call_indirect`)'],
  ['calls', '`link` over another link (V8: `table.set`)'],
  ['calls', 'Compile and instantiate a 28 KB Rust module (V8: lazily)'],
  ['loads', '`@prisma/prisma-schema-wasm`'],
  ['kernels', 'geometric mean'],
]

/** Names for README.md, for rows whose own names only make sense in their tables. */
const WORDS = {
  '`@prisma/prisma-schema-wasm`': 'a module of 3.2 MB, from the disk cache to the first answer',
  'geometric mean': 'eighteen kernels of Rust crates, geometric mean',
}

/** The table of README.md. */
const SUMMARY = {
  '| what | wasm-relink | V8 | / V8 |': (parts) =>
    ROWS_OF_README.map(([part, name]) => {
      const { values = {}, ratios } = find(parts, part, name)
      return [
        WORDS[name] ?? name,
        short(values['wasm-relink'] ?? values['disk cache']),
        short(values.V8),
        times(ratios['wasm-relink / V8'] ?? ratios['disk cache / V8']),
      ]
    }),
}

/** The figures in the text of README.md: the text around each, and its value. */
const FIGURES = [
  [
    /(?<=a call through it takes )[\d.]+(?= of the time of V8)/,
    (parts) => times(find(parts, 'calls', ROWS_OF_README[3][1]).ratios['wasm-relink / V8']),
  ],
  [
    /(?<=changes 100 slots in )[\d.]+ \S+(?=\.)/,
    (parts) =>
      short(
        find(parts, 'calls', '`relink` of 100 slots, over other links (V8: `table.set`, 100 times)').values[
          'wasm-relink'
        ],
      ),
  ],
  [
    /(?<=loads in )[\d.]+(?= of V8's time)/,
    (parts) => times(find(parts, 'loads', '`@prisma/prisma-schema-wasm`').ratios['disk cache / V8']),
  ],
  [
    /(?<=A call from JavaScript takes )[\d.]+ \S+, against [\d.]+ \S+(?= on V8)/,
    (parts) => {
      const { values } = find(parts, ...ROWS_OF_README[0])
      return `${short(values['wasm-relink'])}, against ${short(values.V8)}`
    },
  ],
  [
    /(?<=the process holds )[\d.]+ MiB, on V8 [\d.]+ MiB/,
    ({ memory }) => {
      const swaps = memory['What is left'].filter(({ name }) => name.startsWith('100,000 swaps'))
      const after = (engine) => short(swaps.find(({ labels }) => labels.engine === engine).values['RSS after'])
      return `${after('wasm-relink')}, on V8 ${after('V8')}`
    },
  ],
]

/** The row with this name in a part. */
function find(parts, part, name) {
  return Object.values(parts[part])
    .flat()
    .find((row) => row.name === name)
}

/** The day of a run, with those of the parts that are of earlier ones. */
function days({ date, rows }) {
  const day = (text) => text.slice(0, 10)
  const others = rows.filter((row) => row.date !== undefined && day(row.date) !== day(date))
  const parts = [...new Set(others.map((row) => `${row.part} on ${day(row.date)}`))]
  return [day(date), ...(parts.length > 0 ? [` (${parts.join(', ')})`] : [])].join('')
}

/** A document with its tables and figures replaced by the results of a run. */
function filled(document, run, tables, figures = []) {
  const parts = {}
  for (const row of run.rows) ((parts[row.part] ??= {})[row.table] ??= []).push(row)
  const lines = document.split('\n')
  for (const [heading, rows] of Object.entries(tables)) {
    const start = lines.indexOf(heading)
    if (start === -1) throw new Error(`there is no table with the heading ${heading}`)
    const length = lines.slice(start).findIndex((line) => !line.startsWith('|'))
    // The run may be older than a part; then its table stays.
    const made = rows(parts)?.map((cells) => `| ${cells.join(' | ')} |`)
    if (made) lines.splice(start + 2, length - 2, ...made)
  }
  const text = lines.join('\n').replace(/, on \d{4}-\d\d-\d\d[^:]*: medians/, `, on ${days(run)}: medians`)
  return figures.reduce((filling, [pattern, figure]) => {
    if (!pattern.test(filling)) throw new Error(`no figure stands at ${pattern}`)
    return filling.replace(pattern, figure(parts))
  }, text)
}

/** The documents with figures, and their new text. */
export function documents() {
  const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8')
  const run = JSON.parse(read('results/latest.json'))
  const each = [
    { name: '../docs/benchmarks.md', tables: TABLES },
    { name: '../README.md', tables: SUMMARY, figures: FIGURES },
  ]
  return each.map(({ name, tables, figures }) => {
    const current = read(name)
    return { name, current, made: filled(current, run, tables, figures) }
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { name, made } of documents()) writeFileSync(new URL(name, import.meta.url), made)
}
