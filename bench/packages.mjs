// Packages from npm that have WebAssembly from Rust, unmodified, in steady state.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { install } from './modules.mjs'
import { WORK } from './packages-work.mjs'
import { geometricMean, quotients } from './rounds.mjs'
import { timed } from './rows.mjs'
import { task } from './task.mjs'

const REGISTER = fileURLToPath(new URL('../register.cjs', import.meta.url))

const NOTE =
  'Each measurement is a process of its own, by turns, that has run the work before; ours begins with ' +
  '`--require wasm-relink/register`.'

/** The table of packages. */
export function packages({ quick, say }) {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-relink-bench-'))
  const [rounds, milliseconds] = quick ? [2, 150] : [7, 500]
  install()
  const run = (name, flags) =>
    task('packages-task.mjs', [name, `${milliseconds}`], { flags, env: { WASM_RELINK_CACHE: folder } })
  const engines = { 'wasm-relink': ['--no-warnings', '--require', REGISTER], V8: ['--no-warnings'] }
  try {
    const all = Object.keys(WORK).map((name) => {
      say(name)
      const measured = { 'wasm-relink': [], V8: [] }
      for (let round = 0; round < rounds; round++) {
        const order = Object.keys(engines)
        const results = (round % 2 ? order.toReversed() : order).map((engine) => {
          const { time, result } = run(name, engines[engine])
          measured[engine].push(time)
          return result
        })
        if (results[0] !== results[1])
          throw new Error(`${name}: one engine gave ${results[0]}, the other ${results[1]}`)
      }
      return { name, measured }
    })
    const mean = geometricMean(all.map(({ measured }) => quotients(measured, 'wasm-relink', 'V8')))
    const rows = [
      ...all.map(({ name, measured }) => timed(name, measured)),
      { name: 'geometric mean', ratios: { 'wasm-relink / V8': mean } },
    ]
    return [{ title: 'Packages from npm, in steady state', note: NOTE, rows }]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
