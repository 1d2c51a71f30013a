// Cost of a deadline: in code that runs, and at a call, next to the timeouts of `node:vm` and of Extism.
import { Script, createContext } from 'node:vm'
import * as relink from 'wasm-relink'
import { kernelModules } from './kernel-modules.mjs'
import { KERNELS } from './kernels.mjs'
import { extism } from './modules.mjs'
import { geometricMean, inRounds, middle, quotients } from './rounds.mjs'
import { time } from './rows.mjs'
import { answering } from './wat.mjs'

/** The timeout of guarded calls, in milliseconds. */
const TIMEOUT = 10_000
/** Number of calls in a run. */
const CALLS = 1000

const CODE = 'with / without'
const CALL = 'guarded / unguarded'

/** A kernel in an instance with a timeout and in one without, of the same module. */
async function kernel(bytes, count, quick) {
  const module = new relink.Module(bytes)
  const on = (options) => {
    const { run } = new relink.Instance(module, {}, options).exports
    return () => run(count)
  }
  const variants = { with: on({ timeout: TIMEOUT }), without: on({}) }
  if (variants.with() !== variants.without()) throw new Error('another result with a timeout')
  return inRounds(variants, { rounds: quick ? 3 : 40 })
}

/** The row of a call of each host, with a timeout and without. */
async function calls(quick) {
  const make = (options) => new relink.Instance(new relink.Module(answering), {}, options).exports.answer
  const [plain, guarded, inBlock] = [make({}), make({ timeout: TIMEOUT }), make({})]
  const onV8 = new WebAssembly.Instance(new WebAssembly.Module(answering)).exports.answer
  const script = new Script('answer()')
  const context = createContext({ answer: onV8 })
  // With a timeout, Extism needs a worker, which it ends.
  const [inProcess, inWorker] = await Promise.all(
    [{}, { runInWorker: true, timeoutMs: TIMEOUT }].map((options) =>
      extism().createPlugin({ wasm: [{ data: answering }], timeoutMs: options.timeoutMs }, options),
    ),
  )
  const repeat = (call) => () => {
    for (let number = 0; number < CALLS; number++) call()
  }
  const repeatAwaiting = (plugin) => async () => {
    for (let number = 0; number < CALLS; number++) await plugin.call('answer')
  }
  const hosts = {
    'wasm-relink, `timeout` of the instance': [repeat(guarded), repeat(plain)],
    'wasm-relink, `withTimeout`': [repeat(() => relink.withTimeout(TIMEOUT, inBlock)), repeat(inBlock)],
    'V8, `timeout` of `node:vm`': [
      repeat(() => script.runInContext(context, { timeout: TIMEOUT })),
      repeat(() => script.runInContext(context)),
    ],
    'Extism, `timeoutMs` with its worker': [repeatAwaiting(inWorker), repeatAwaiting(inProcess)],
  }
  const variants = Object.entries(hosts).flatMap(([name, [withOne, without]]) => [
    [`${name}: guarded`, withOne],
    [`${name}: unguarded`, without],
  ])
  const measured = await inRounds(Object.fromEntries(variants), { rounds: quick ? 2 : 15, samples: 3, calls: CALLS })
  await Promise.all([inProcess.close(), inWorker.close()])
  return Object.keys(hosts).map((name) => {
    const [one, other] = [`${name}: guarded`, `${name}: unguarded`]
    const values = { guarded: time(measured[one]), unguarded: time(measured[other]) }
    return { name, values, ratios: { [CALL]: middle(quotients(measured, one, other)) } }
  })
}

/** The tables of deadlines. */
export async function deadlines({ quick, say }) {
  say('calls')
  const tables = [
    {
      title: 'A call with a deadline and without',
      note: `The deadline is ${TIMEOUT / 1000} s away. Extism's calls are asynchronous.`,
      rows: await calls(quick),
    },
  ]
  const { read, missing } = kernelModules()
  if (missing) {
    say(`kernels left out, because ${missing}`)
    return tables
  }
  const [rows, all] = [[], []]
  for (const [name, { work, count }] of Object.entries(KERNELS)) {
    say(name)
    const measured = await kernel(read(name), count, quick)
    all.push(quotients(measured, 'with', 'without'))
    const values = { with: time(measured.with), without: time(measured.without) }
    rows.push({ name, labels: { work }, values, ratios: { [CODE]: { ...middle(all.at(-1)), as: 'change' } } })
  }
  rows.push({ name: 'geometric mean', ratios: { [CODE]: { ...geometricMean(all), as: 'change' } } })
  const note = `The same module in an instance with the option \`timeout\`, ${TIMEOUT / 1000} s, and in one without.`
  return [...tables, { title: 'Kernels with a deadline and without', note, rows }]
}
