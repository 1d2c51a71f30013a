// Histories of a store, endless or for a number of steps: `node --expose-gc fuzz/sequences.mjs [steps] [seed]`.
// With GLIBC_TUNABLES=glibc.malloc.perturb=165 in the environment, freed memory is overwritten at once.
import { createRequire } from 'node:module'
import loadWabt from 'wabt'

const require = createRequire(import.meta.url)
const relink = require('..')
const { run, texts } = require('./sequences.cjs')

const gc = globalThis.gc ?? fail('run node with --expose-gc')
const [most = Infinity, first = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)
const STEPS = 20_000

function fail(message) {
  console.error(message)
  process.exit(2)
}

const wabt = await loadWabt()
const compile = (text, options) => {
  const parsed = wabt.parseWat('module.wat', text, {
    reference_types: true,
    bulk_memory: true,
    mutable_globals: true,
    exceptions: true,
  })
  return new relink.Module(parsed.toBinary({}).buffer, options)
}

let done = 0
let seed = first
for (; done < most; done += STEPS, seed++) {
  // Each history compiles its own modules, so that code is freed too.
  const modules = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, compile(text)]))
  const steps = Math.min(STEPS, most - done)
  const { most: live, freed } = await run({ relink, modules, gc, seed, steps }).catch((error) => {
    console.error(`seed ${seed}, of ${steps} steps:`, error)
    process.exit(1)
  })
  const rss = Math.round(process.memoryUsage.rss() / 2 ** 20)
  console.log(`seed ${seed}: ${done + steps} steps, ${freed} instances freed, ${live} left at the end, RSS ${rss} MiB`)
}
