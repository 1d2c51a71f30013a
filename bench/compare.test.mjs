// Tests that `compare.mjs` reports what is worse, and nothing else.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const folder = mkdtempSync(join(tmpdir(), 'wasm-relink-compare-'))
after(() => rmSync(folder, { recursive: true }))

const script = fileURLToPath(new URL('compare.mjs', import.meta.url))
const machine = { cpu: 'a CPU', cores: 2, memory: 2 ** 33, os: 'Linux' }
const versions = { 'wasm-relink': '1.0.0', wasmer: '7.0.0', node: '20.0.0', v8: '11.3', extism: '1.0.3' }

const row = (name, median, spread = 0.01, more = {}) => ({
  part: 'kernels',
  table: 'Kernels',
  name,
  ratios: { 'wasm-relink / V8': { median, spread } },
  ...more,
})

let files = 0
/** Writes a run with these rows to a file. */
function run(...rows) {
  const file = join(folder, `${files++}.json`)
  writeFileSync(file, JSON.stringify({ machine, versions, rows }))
  return file
}

function compare(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('a run is no worse than itself', () => {
  const file = run(row('json', 1.2), row('csv', 0.9))
  const { status, stdout } = compare(file, file)
  assert.equal(status, 0)
  assert.match(stdout, /2 ratios compared, 0 better and 0 worse/)
})

test('a ratio that is worse by more than the threshold is told, and is the exit code', () => {
  const { status, stdout } = compare(run(row('json', 1), row('csv', 1)), run(row('json', 1.2), row('csv', 1)))
  assert.equal(status, 1)
  assert.match(stdout, /\| json \| wasm-relink \/ V8 \| 1\.00 ± 0\.01 \| 1\.20 ± 0\.01 \| \+20\.0 % \| worse \|/)
  assert.match(stdout, /0 better and 1 worse/)
})

test('the threshold is the one that is asked for', () => {
  const [before, after] = [run(row('json', 1)), run(row('json', 1.2))]
  assert.equal(compare(before, after, '--threshold', '25%').status, 0)
  assert.equal(compare(before, after, '--threshold', '15').status, 1)
  assert.equal(compare(before, after, '--threshold', 'much').status, 2)
})

test('what lies within the spreads of both together is not worse', () => {
  assert.equal(compare(run(row('json', 1, 0.15)), run(row('json', 1.2, 0.1))).status, 0)
  assert.equal(compare(run(row('json', 1, 0.15)), run(row('json', 1.2, 0.04))).status, 1)
})

test('what is better is told and is no failure', () => {
  const { status, stdout } = compare(run(row('json', 1.2)), run(row('json', 1)))
  assert.equal(status, 0)
  assert.match(stdout, /-16\.7 % \| better \|/)
})

test('rows of one file only are told', () => {
  const [before, after] = [run(row('json', 1), row('old', 1)), run(row('json', 1), row('new', 1))]
  const { status, stdout } = compare(before, after)
  assert.equal(status, 0)
  assert.ok(stdout.includes(`not in ${after}: kernels, old, wasm-relink / V8`))
  assert.ok(stdout.includes(`not in ${before}: kernels, new, wasm-relink / V8`))
  assert.match(stdout, /1 ratios compared.*2 in one file only/)
})

test('two files with nothing in common are an error', () => {
  assert.equal(compare(run(row('json', 1)), run(row('csv', 1))).status, 2)
})

test('labels tell rows apart, but for those that are only for reading', () => {
  const of = (slots, size, median) => row('json', median, 0.01, { labels: { slots, size } })
  const before = run(of('default', '10 KB', 1), of('all', '10 KB', 1))
  const { status, stdout } = compare(before, run(of('default', '11 KB', 1), of('all', '11 KB', 1.5)))
  assert.equal(status, 1)
  assert.match(stdout, /json, all .* worse/)
  assert.match(stdout, /0 better and 1 worse.*0 in one file only/)
})

test('a row of V8 alone does not count', () => {
  const of = (engine, median) => row('swaps', median, 0, { labels: { engine } })
  const { status } = compare(run(of('wasm-relink', 1), of('V8', 1)), run(of('wasm-relink', 1), of('V8', 2)))
  assert.equal(status, 0)
})
