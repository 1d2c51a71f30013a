// Processes with limits of room (`RLIMIT_AS`, `RLIMIT_DATA`, `RLIMIT_NPROC`) that take all they can get:
// `node fuzz/room.mjs [seeds] [first seed] [--v8] [--package=path] [--scenario=name] [--limit=as:2000000] [--steps=400]`.
// Each must end in order. With --v8, Node's own WebAssembly does the same beside it, where it can, and may end the process;
// --package is another build.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import loadWabt from 'wabt'

const { SCENARIOS, TEXTS } = createRequire(import.meta.url)('./room/scenarios.cjs')

const options = Object.fromEntries(
  process.argv.filter((each) => each.startsWith('--')).map((each) => each.slice(2).split('=')),
)
const [seeds = 1, first = 1] = process.argv
  .slice(2)
  .filter((each) => !each.startsWith('--'))
  .map(Number)
const engine = options.package ?? new URL('..', import.meta.url).pathname
const steps = Number(options.steps ?? 400)
const file = fileURLToPath(new URL('room/process.cjs', import.meta.url))

const GIB = 1024 * 1024
const address = [1.2, 1.35, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.5, 4, 5, 6].map(
  (size) => `as:${Math.round(size * GIB)}`,
)
const data = [0.25, 0.5, 1, 2].map((size) => `data:${Math.round(size * GIB)}`)
const limits = options.limit?.split(',') ?? [...address, ...data, 'threads:8', 'threads:10', 'threads:12', 'threads:20']
const scenarios = options.scenario?.split(',') ?? Object.keys(SCENARIOS)

/** The shell commands that set a limit: on kibibytes, or on threads of a user who is not root. */
function limited(limit) {
  const [kind, number] = limit.split(':')
  const run = `exec ${JSON.stringify(process.execPath)} ${JSON.stringify(file)}`
  if (kind !== 'threads') return `ulimit -${kind === 'as' ? 'v' : 'd'} ${number}; ${run}`
  const user = process.getuid() === 0 ? 'setpriv --reuid 54321 --clear-groups ' : ''
  return `exec ${user}bash --norc -c 'ulimit -u ${number}; ${run}'`
}

/** Runs a process, and returns how it ended. */
function end(limit, input) {
  return new Promise((resolve) => {
    const child = spawn('bash', ['--norc', '-c', limited(limit)], { stdio: ['pipe', 'pipe', 'pipe'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), 300_000)
    let [stdout, stderr] = ['', '']
    child.stdin.on('error', () => {})
    child.stdout.on('data', (chunk) => (stdout += chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      resolve({ status, signal, stdout, stderr })
    })
    child.stdin.end(JSON.stringify(input))
  })
}

const wabt = await loadWabt()
const features = { mutable_globals: true, bulk_memory: true, reference_types: true }
const binary = (text) => Buffer.from(wabt.parseWat('room.wat', text, features).toBinary({}).buffer).toString('base64')
const texts = Object.fromEntries(Object.entries(TEXTS).map(([name, text]) => [name, binary(text)]))

/** One process: whether it ended in order, and how, in words. */
async function outcome(limit, input) {
  const { status, signal, stdout, stderr } = await end(limit, input)
  const counts = status === 0 && stdout ? JSON.parse(stdout) : undefined
  const good = Boolean(counts) && counts.unexpected === undefined && stderr === ''
  const found =
    counts?.unexpected ??
    stderr
      .split('\n')
      .filter((line) => line.trim() && !/^\s*\d+: /.test(line))
      .slice(0, 'whole' in options ? 60 : 4)
      .join(' | ')
  const result = counts ? `${counts.done} done, ${counts.refused} refused` : `status ${status} ${signal ?? ''}`
  return { good, words: `${result} ${good ? '' : found}`.trim() }
}

let [faults, runs, endsOfV8] = [0, 0, 0]
for (let seed = first; seed < first + seeds; seed++) {
  for (const scenario of scenarios) {
    for (const limit of limits) {
      const compilers = [['cranelift'], ['singlepass'], ['auto'], ['cranelift', 'singlepass', 'auto']][seed % 4]
      const workers = seed % 3 === 0 ? 2 : 0
      const input = { workers, seed, steps, names: SCENARIOS[scenario], texts, compilers, engine }
      const { good, words } = await outcome(limit, input)
      runs++
      if (!good) faults++
      console.log(`${good ? 'ok   ' : 'FAULT'} ${scenario} ${limit} seed ${seed}: ${words}`)
      if (!('v8' in options)) continue
      const v8 = await outcome(limit, { ...input, engine: 'v8' })
      if (!v8.good) endsOfV8++
      console.log(`      on V8: ${v8.words}`)
    }
  }
}
console.log(
  `${faults} faults in ${runs} processes${'v8' in options ? `; on V8, ${endsOfV8} did not end in order` : ''}`,
)
process.exit(faults > 0 ? 1 : 0)
