// Loads modules that random changes have broken, through the whole load path, until it is stopped.
//
//   node fuzz/loads.mjs [rounds] [seed]
//
// A child process loads them, so a crash is a finding too, and its module is known. Findings are kept in fuzz/failures.
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ofTests } from './typescript.cjs'

const require = createRequire(import.meta.url)
const { PHASES } = require('./loads/process.cjs')
const { buildGenerator, generate } = ofTests('generator')

const here = dirname(fileURLToPath(import.meta.url))
const [most = Infinity, first = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)

/** Number of loads in one process. */
const ROUNDS = 2000

/** Time limit for one load, in seconds, and size limit of the process, in MiB. */
const [MOST_SECONDS, MOST_MIB] = [60, 6000]

const directory = join(here, 'target', `loads-${process.pid}`)
const failures = join(here, 'failures')
mkdirSync(failures, { recursive: true })
buildGenerator()

/** The files from which modules are made: the fixtures, and new ones of wasm-smith. */
function corpus(seed) {
  rmSync(directory, { recursive: true, force: true })
  const guests = join(here, '..', 'fixtures', 'wasm')
  const fixtures = readdirSync(guests).filter((name) => name.endsWith('.wasm'))
  const small = fixtures.map((name) => join(guests, name)).filter((path) => readFileSync(path).length < 200_000)
  return [...small, ...generate(directory, seed * 60, 60)]
}

/** Runs one process; resolves to the failure, if there is one. */
function run(seed, rounds) {
  const [module, state] = [join(directory, 'module.wasm'), join(directory, 'state')]
  const files = corpus(seed)
  return new Promise((resolve, reject) => {
    const program = join(here, 'loads', 'process.cjs')
    const child = spawn(process.execPath, ['--expose-gc', program, directory, seed, rounds, ...files].map(String))
    const output = { out: '', err: '' }
    let late
    let last
    let since = Date.now()
    const watch = setInterval(() => {
      const now = existsSync(state) ? readFileSync(state, 'latin1') : ''
      if (now !== last) [last, since] = [now, Date.now()]
      const size = existsSync(`/proc/${child.pid}/statm`) ? readFileSync(`/proc/${child.pid}/statm`, 'latin1') : ''
      const mebibytes = (Number(size.split(' ')[1] ?? 0) * 4096) / 2 ** 20
      if (Date.now() - since > MOST_SECONDS * 1000) late = `no end within ${MOST_SECONDS} s while it ${PHASES[last]}`
      else if (mebibytes > MOST_MIB) late = `${Math.round(mebibytes)} MiB while it ${PHASES[last]}`
      if (late !== undefined) child.kill('SIGKILL')
    }, 1000)
    child.stdout.on('data', (text) => (output.out += text))
    child.stderr.on('data', (text) => (output.err += text))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearInterval(watch)
      process.stdout.write(output.out)
      if (code === 0) return resolve(0)
      const phase = existsSync(state) ? readFileSync(state, 'latin1') : ''
      const kept = join(failures, `load-${seed}.wasm`)
      if (existsSync(module)) copyFileSync(module, kept)
      console.log(
        `${kept}: ${late ?? `ended with ${signal ?? code} while it ${PHASES[phase]}`}\n${output.err.slice(-2000)}`,
      )
      resolve(1)
    })
  })
}

let found = 0
for (let [done, seed] = [0, first]; done < most; done += ROUNDS, seed++) {
  found += await run(seed, Math.min(ROUNDS, most - done))
  console.log(`seed ${seed}: ${done + ROUNDS} loads, ${found} findings`)
}
rmSync(directory, { recursive: true, force: true })
process.exitCode = found > 0 ? 1 : 0
