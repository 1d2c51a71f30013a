// The cost of the load-time pass: its time, next to the time of the compile, and its memory.
import { Module, rewrite } from 'wasm-relink'
import { fresh } from './fresh.mjs'
import { modules } from './modules.mjs'
import { inRounds, middle, ratio } from './rounds.mjs'
import { time } from './rows.mjs'
import { task } from './task.mjs'

const SELECTIONS = { default: {}, all: { slots: 'all' } }

/** The table of the pass on modules of three sizes. */
export async function pass({ quick, say }) {
  const rows = []
  for (const { name, file, bytes } of modules()) {
    const megabytes = bytes.length / 1e6
    const size = `${megabytes.toFixed(1)} MB`
    say(`${name}, ${size}`)
    const variants = { compile: () => new Module(fresh(bytes), { slots: 'none' }) }
    for (const [selection, options] of Object.entries(SELECTIONS)) variants[selection] = () => rewrite(bytes, options)
    const measured = await inRounds(variants, { rounds: quick ? 1 : megabytes > 10 ? 5 : 15, samples: 1 })
    for (const [selection, options] of Object.entries(SELECTIONS)) {
      rows.push({
        name: `\`${name}\`, ${size}`,
        labels: { slots: selection === 'all' ? "`'all'`" : 'default' },
        values: { pass: time(measured[selection]), "compile (`slots: 'none'`)": time(measured.compile) },
        ratios: {
          'pass / compile': { ...ratio(measured, selection, 'compile'), as: 'percent' },
          'memory / module': memory(file, bytes.length, options, quick ? 1 : 5),
          'output / module': middle([rewrite(bytes, options).length / bytes.length]),
        },
      })
    }
  }
  return [{ title: 'The pass', rows }]
}

/** The peak memory of the pass, in multiples of the module's size. */
function memory(file, size, { slots }, runs) {
  const peaks = Array.from({ length: runs }, () => task('peak.mjs', [file, ...(slots ? [slots] : [])]))
  return middle(peaks.map((peak) => peak / size))
}
