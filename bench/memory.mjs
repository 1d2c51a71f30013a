// The memory that modules and instances take, and that a server keeps after many swaps.
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { modulePath } from '../examples/modules.mjs'
import { platformName } from '../lib/node/platform.js'
import { modules } from './modules.mjs'
import { middle, ratio } from './rounds.mjs'
import { count, size, time, timed } from './rows.mjs'
import { task } from './task.mjs'

const ENGINES = ['wasm-relink', 'V8']

/** Gives V8's young generation its greatest size from the start: otherwise it would grow during the swaps. */
const FLAGS = ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16']

/** The processes whose sizes are compared: the module and the number of instances of each. */
const footprints = () => ({
  'nothing done yet': [],
  'one instance of a 28 KB module': [modulePath('pricing'), '1'],
  'one instance of a 3 MB module': [modules()[1].file, '1'],
  '1,000 instances of a 28 KB module': [modulePath('pricing'), '1000'],
})

const FOOTPRINT =
  'Of the whole process. Code that V8 has not run yet is not compiled, and takes none; ours was compiled in the same ' +
  'process, by Cranelift.'

/** The size of an idle process, and of processes with one instance and with many. */
function footprint({ quick, say }) {
  const rows = Object.entries(footprints()).map(([name, args]) => {
    say(name)
    const measured = Object.fromEntries(ENGINES.map((engine) => [engine, []]))
    for (let round = 0; round < (quick ? 2 : 9); round++) {
      for (const engine of ENGINES) {
        measured[engine].push(task('footprint-task.mjs', [engine, ...args], { flags: ['--expose-gc'] }))
      }
    }
    const values = Object.fromEntries(ENGINES.map((engine) => [engine, size(measured[engine])]))
    return { name, values, ratios: { 'wasm-relink / V8': ratio(measured, ...ENGINES) } }
  })
  return { title: 'RSS of a process', note: FOOTPRINT, rows }
}

/** The addon as users get it: the stripped release build. */
function addon() {
  const file = fileURLToPath(new URL(`../wasm-relink.${platformName()}.node`, import.meta.url))
  const { size: bytes } = statSync(file)
  return { title: 'The addon on disk', rows: [{ name: '`.node`, stripped', values: { size: size([bytes]) } }] }
}

/** Tasks that end in the state in which they began, each in a process of its own for each engine. */
const SWAPS = {
  swaps: '100,000 swaps of a fresh module each; after 10,000 and at the end',
  closed: 'the same, with `close()`',
  large: '1,000 swaps of a 3 MB module; after 100 and at the end',
  externrefs: '1,000,000 externrefs; before and at the end',
  many: '20,000 instances with a memory each; before and at the end',
}

/** The row of a task, with a value for each engine. */
function swaps({ quick, say }) {
  const rows = Object.entries(SWAPS).flatMap(([name, title]) =>
    ENGINES.filter((engine) => name !== 'closed' || engine === ENGINES[0]).map((engine) => {
      say(`${title}, ${engine}`)
      const { before, after, nanoseconds } = run(name, engine, quick)
      const values = { 'RSS before': size([before.rss]), 'RSS after': size([after.rss]) }
      if (before.maps !== undefined) {
        Object.assign(values, {
          'addresses before': size([before.addresses]),
          'addresses after': size([after.addresses]),
          'mappings before': count(before.maps),
          'mappings after': count(after.maps),
        })
      }
      values.each = time([nanoseconds])
      return {
        name: title,
        labels: { engine },
        values,
        ratios: { 'RSS after / before': middle([after.rss / before.rss]) },
      }
    }),
  )
  return { title: 'What is left', rows }
}

/** The row of the greatest number of instances. */
function peak({ quick, say }) {
  say('as many instances as there is room for')
  const rows = ENGINES.map((engine) => {
    const { instances, each } = run('peak', engine, quick)
    return { name: engine, values: { instances: count(instances), 'RSS of each': size([each]) } }
  })
  return { title: 'Instances with a memory of one page that there is room for at once', rows }
}

/** The rows of the time of a collection. */
function pauses({ quick, say }) {
  say('collections')
  const [ours, v8] = ENGINES.map((engine) => run('pauses', engine, quick))
  const rows = Object.keys(ours).map((count) =>
    timed(`${count} live instances`, { 'wasm-relink': ours[count], V8: v8[count] }),
  )
  return { title: 'A collection that finds nothing', note: '`store.collect()`; on V8 `gc()`, all of it.', rows }
}

const run = (name, engine, quick) =>
  task('memory-task.mjs', [name, engine, ...(quick ? ['quick'] : [])], { flags: FLAGS })

/** The tables of memory. */
export const memory = (options) => [footprint, addon, swaps, peak, pauses].map((part) => part(options))
