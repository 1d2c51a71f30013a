// Compares the ratios of two runs, to find what has become slower. Unlike times, ratios hold on another machine too.
//
//   node bench/compare.mjs BEFORE.json AFTER.json [--threshold 10%]
//
// Exits with 1 if a ratio is worse by more than the threshold, and by more than the sum of both spreads.
import { parseArgs } from 'node:util'
import { heading } from './environment.mjs'
import { grid, ratio, signed } from './markdown.mjs'
import { read } from './results.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { threshold: { type: 'string', default: '10%' } },
})
const threshold = Number(/^(\d+(?:\.\d+)?)%?$/.exec(values.threshold)?.[1] ?? Number.NaN) / 100
if (positionals.length !== 2 || Number.isNaN(threshold)) {
  console.error('usage: node bench/compare.mjs BEFORE.json AFTER.json [--threshold 10%]')
  process.exit(2)
}

const [before, after] = positionals.map(read)
const [old, now] = [before, after].map(ratios)

/** The ratios of a run, by name. Rows of V8 alone are left out. */
function ratios({ rows }) {
  const all = new Map()
  for (const { part, table, name, labels = {}, ratios = {} } of rows) {
    if (labels.engine === 'V8') continue
    // A size among the labels changes with each build, but the row stays the same.
    const { work: _work, size: _size, ...telling } = labels
    const row = [name, ...Object.values(telling)].join(', ')
    for (const [pair, value] of Object.entries(ratios)) {
      all.set(JSON.stringify([part, table, row, pair]), { part, row, pair, ...value })
    }
  }
  return all
}

/** Compares a ratio before and after. */
function judge(was, is) {
  const change = is.median / was.median - 1
  const certain = Math.abs(is.median - was.median) > was.spread + is.spread
  return { change, verdict: !certain || Math.abs(change) <= threshold ? '' : change > 0 ? 'worse' : 'better' }
}

const compared = [...now]
  .filter(([key]) => old.has(key))
  .map(([key, is]) => ({ is, was: old.get(key), ...judge(old.get(key), is) }))
const missing = [
  ...[...old].filter(([key]) => !now.has(key)).map(([, was]) => [was, positionals[1]]),
  ...[...now].filter(([key]) => !old.has(key)).map(([, is]) => [is, positionals[0]]),
]
const of = (verdict) => compared.filter((row) => row.verdict === verdict)

console.log(`before: ${heading(before)}\nafter: ${heading(after)}\n`)
const cells = compared.map(({ is, was, change, verdict }) => [
  is.part,
  is.row,
  is.pair,
  ratio(was),
  ratio(is),
  signed(change),
  verdict,
])
console.log(grid([['part', 'row', 'ratio', 'before', 'after', 'change', ''], ...cells]))
console.log()
for (const [{ part, row, pair }, file] of missing) console.log(`not in ${file}: ${part}, ${row}, ${pair}`)
console.log(
  `${compared.length} ratios compared, ${of('better').length} better and ${of('worse').length} worse ` +
    `by more than ${100 * threshold} % and the spreads; ${missing.length} in one file only`,
)
if (compared.length === 0) console.error('compare: the two have nothing in common')
process.exitCode = compared.length === 0 ? 2 : of('worse').length > 0 ? 1 : 0
