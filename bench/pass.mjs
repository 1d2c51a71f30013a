// What the load-time pass costs: beside the compile that it comes before, and in memory.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Module, rewrite } from 'wasm-relink'
import { fresh } from './fresh.mjs'
import { modules } from './modules.mjs'
import { inRounds, middle, ratio } from './rounds.mjs'
import { percent, table, time, times } from './table.mjs'

const SELECTIONS = { default: {}, all: { slots: 'all' } }

/** The pass on modules of three sizes. */
export function pass() {
  const rows = []
  for (const { name, file, bytes } of modules()) {
    const megabytes = bytes.length / 1e6
    console.error(`bench: ${name}, ${megabytes.toFixed(1)} MB`)
    const variants = { compile: () => new Module(fresh(bytes), { slots: 'none' }) }
    for (const [selection, options] of Object.entries(SELECTIONS)) variants[selection] = () => rewrite(bytes, options)
    const measured = inRounds(variants, { rounds: megabytes > 10 ? 5 : 15, samples: 1 })
    for (const [selection, options] of Object.entries(SELECTIONS)) {
      rows.push([
        `${name}, ${megabytes.toFixed(1)} MB`,
        selection === 'all' ? "`slots: 'all'`" : 'default',
        time(middle(measured[selection])),
        time(middle(measured.compile)),
        percent(ratio(measured, selection, 'compile')),
        times(memory(file, bytes.length, options)),
        (rewrite(bytes, options).length / bytes.length).toFixed(2),
      ])
    }
  }
  const columns = ['module', 'slots', 'pass', "compile (`slots: 'none'`)", 'pass / compile', 'memory', 'size']
  return table('The pass; memory and size in multiples of the module', columns, rows)
}

/** The peak of the memory that the pass takes, in multiples of the module. */
function memory(file, size, { slots }, runs = 5) {
  const script = fileURLToPath(new URL('peak.mjs', import.meta.url))
  const peaks = Array.from({ length: runs }, () => {
    const { status, stdout } = spawnSync(process.execPath, [script, file, ...(slots ? [slots] : [])], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (status !== 0) throw new Error(`the pass failed on ${file}`)
    return Number(stdout)
  })
  return middle(peaks.map((peak) => peak / size))
}
