// Compares generated modules on all engines, as __tests__/engine/generated.test.ts does, until it is stopped.
//
//   node fuzz/differential.mjs [first] [count]
//
// Modules that fail are copied to fuzz/failures, each with its failure.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ofTests } from './typescript.cjs'

const { compareFiles } = ofTests('batches')
const { buildGenerator, generate } = ofTests('generator')

const [first = 0, count = Infinity] = process.argv.slice(2).map(Number)
if (!Number.isSafeInteger(first) || first < 0 || !(count > 0)) {
  console.error('usage: node fuzz/differential.mjs [first] [count]')
  process.exit(2)
}

/** Number of modules that are on disk at a time. */
const ROUND = 500

const here = dirname(fileURLToPath(import.meta.url))
const failures = join(here, 'failures')
const totals = { modules: 0, failures: 0, steps: 0, returned: 0 }
const [ran, refused, known] = [new Map(), new Map(), new Map()]

const tally = (map, key) => map.set(key, (map.get(key) ?? 0) + 1)

/** The reason of a refusal, without the details of one module. */
const reason = (words) => words.replace(/ \(at offset .*|, as ".*|\{ global_index.*| (S\d+|var\d+) .*/s, '')

function note({ path, verdict, failure }) {
  totals.modules++
  if (failure !== undefined) {
    totals.failures++
    mkdirSync(failures, { recursive: true })
    const kept = join(failures, basename(path))
    copyFileSync(path, kept)
    writeFileSync(kept.replace(/\.wasm$/, '.txt'), `${failure}\n`)
    console.log(`${kept}\n${failure}\n`)
  }
  totals.steps += verdict?.steps ?? 0
  totals.returned += verdict?.returned ?? 0
  for (const engine of verdict?.ran ?? []) tally(ran, engine)
  for (const [engine, words] of Object.entries(verdict?.refused ?? {})) tally(refused, `${engine}: ${reason(words)}`)
  for (const words of verdict?.known ?? []) tally(known, words)
}

function report() {
  console.log(totals)
  console.log({ ran: Object.fromEntries(ran), refused: Object.fromEntries(refused), known: Object.fromEntries(known) })
}

process.once('SIGINT', () => {
  report()
  process.exit(totals.failures > 0 ? 1 : 0)
})

buildGenerator()
// Several processes may run at a time.
const directory = join(here, 'target', `differential-${process.pid}`)
for (let next = first; next < first + count; next += ROUND) {
  const paths = generate(directory, next, Math.min(ROUND, first + count - next))
  await compareFiles(paths, note)
  rmSync(directory, { recursive: true })
  console.log(`up to module ${next + paths.length - 1}: ${totals.failures} failures in ${totals.modules} modules`)
}
report()
process.exitCode = totals.failures > 0 ? 1 : 0
