// What a server keeps that swaps for months: the size of the process, and what collections cost.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { table } from './table.mjs'

const ENGINES = ['wasm-relink', 'V8']

/** Tasks that end as they began, each in a process of its own for each engine. */
const SWAPS = {
  swaps: '100,000 swaps of a fresh module each; after 10,000 and at the end',
  closed: 'the same, with `close()`',
  large: '1,000 swaps of a 3 MB module; after 100 and at the end',
  externrefs: '1,000,000 externrefs; before and at the end',
  many: '20,000 instances with a memory each; before and at the end',
}

/** V8's young generation has its greatest size from the start: else it is what grows, at some swap or other. */
const FLAGS = ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16']

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
const gibibytes = (bytes) => `${(bytes / 2 ** 30).toFixed(2)} GiB`

function run(task, engine) {
  console.error(`bench: ${task}, ${engine}`)
  const file = fileURLToPath(new URL('memory-task.mjs', import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [...FLAGS, file, task, engine], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`the task ${task} failed on ${engine}`)
  return JSON.parse(stdout)
}

const change = (before, after, print) => `${print(before)} → ${print(after)}`

function swapped([task, title]) {
  return ENGINES.filter((engine) => task !== 'closed' || engine === ENGINES[0]).map((engine) => {
    const { before, after, microseconds } = run(task, engine)
    return [
      title,
      engine,
      change(before.rss, after.rss, mebibytes),
      before.addresses === undefined ? '' : change(before.addresses, after.addresses, gibibytes),
      before.maps === undefined ? '' : change(before.maps, after.maps, String),
      `${microseconds.toFixed(1)} µs`,
    ]
  })
}

/** The tables. */
export function memory() {
  const swaps = Object.entries(SWAPS).flatMap(swapped)
  const [ours, v8] = ENGINES.map((engine) => run('peak', engine))
  const peaks = [ours, v8].map(({ instances, each }, index) => [
    ENGINES[index],
    instances,
    `${(each / 1024).toFixed(1)} KiB`,
  ])
  const [pauses, gcs] = ENGINES.map((engine) => run('pauses', engine))
  const rows = Object.keys(pauses).map((count) => [
    count,
    `${pauses[count].toFixed(3)} ms`,
    `${gcs[count].toFixed(1)} ms`,
  ])
  return [
    table('What is left', ['', 'engine', 'RSS', 'addresses', 'mappings', 'each'], swaps),
    table(
      'Instances with a memory of one page that there is room for at once',
      ['engine', 'instances', 'RSS of each'],
      peaks,
    ),
    table('A collection that finds nothing', ['live instances', '`store.collect()`', 'V8: `gc()`, all of it'], rows),
  ].join('\n')
}
