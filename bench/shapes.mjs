// The compile time of modules that are large in one respect, and how it grows.
import { quotients, middle } from './rounds.mjs'
import { timed } from './rows.mjs'
import { SHAPES } from './shape-modules.mjs'
import { task } from './task.mjs'

const EAGER = '--no-wasm-lazy-compilation'

/** The compilers, with Node's flags for each. V8 compiles all functions eagerly, with one of its compilers each. */
const ENGINES = {
  Singlepass: [],
  Liftoff: ['--liftoff-only', EAGER],
  Cranelift: [],
  TurboFan: ['--no-liftoff', EAGER],
}
/** Pairs of comparable compilers. */
const PAIRS = [
  ['Singlepass', 'Liftoff'],
  ['Cranelift', 'TurboFan'],
]

const NOTE =
  'Compiles of `size` things, each in a process of its own. V8 compiles eagerly here: with Liftoff alone, or with ' +
  'TurboFan alone. `growth`: the time for `size` things divided by that for half as many; 2 is linear.'

/** The table of the shapes. */
export function shapes({ quick, say }) {
  const rows = Object.entries(SHAPES).map(([shape, [half]]) => {
    say(shape)
    const counts = [half, 2 * half]
    const whole = Object.fromEntries(Object.keys(ENGINES).map((engine) => [engine, []]))
    const smaller = Object.fromEntries(Object.keys(ENGINES).map((engine) => [engine, []]))
    for (let round = 0; round < (quick ? 1 : 7); round++) {
      for (const [engine, flags] of Object.entries(ENGINES)) {
        const work = JSON.stringify({ engine, shape, counts })
        const [one, both] = task('shapes-task.mjs', [work], { flags })
        smaller[engine].push(one)
        whole[engine].push(both)
      }
    }
    return row(shape, 2 * half, whole, smaller)
  })
  return [{ title: 'Compiles by the shape of the module', note: NOTE, rows }]
}

function row(shape, size, whole, smaller) {
  const { values } = timed(shape, whole)
  const beside = PAIRS.map(([ours, other]) => [`${ours} / ${other}`, middle(quotients(whole, ours, other))])
  const growth = PAIRS.map(([ours]) => {
    const times = { whole: whole[ours], smaller: smaller[ours] }
    return [`${ours}, growth`, middle(quotients(times, 'whole', 'smaller'))]
  })
  return {
    name: shape,
    labels: { size: size.toLocaleString('en') },
    values,
    ratios: Object.fromEntries([...beside, ...growth]),
  }
}
