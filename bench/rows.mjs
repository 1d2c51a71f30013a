// What a part of the bench gives: tables, each with a title and rows.
//
// A row has a `name`; `labels`, words that stand beside it; `values`, a measurement for each engine or way; and
// `ratios`, by the two that were compared, `wasm-relink / V8`. Ours comes first: more is worse in each of them.
import { middle, ratio } from './rounds.mjs'

/** A time, from the nanoseconds of each round. */
export const time = (times) => ({ ...middle(times), unit: 'ns' })
/** A size, from the bytes of each process. */
export const size = (sizes) => ({ ...middle(sizes), unit: 'bytes' })
/** A number of things. */
export const count = (number) => ({ median: number, spread: 0, unit: 'count' })

/** What is ours among the engines and ways that are measured. */
export const OURS = ['wasm-relink', 'disk cache', 'Cranelift', 'Singlepass']

/** A row of times, and of what each of ours is beside each of the others, or those of them that are named. */
export function timed(name, measured, others = Object.keys(measured).filter((engine) => !OURS.includes(engine))) {
  const engines = Object.keys(measured)
  const values = Object.fromEntries(engines.map((engine) => [engine, time(measured[engine])]))
  const pairs = others.flatMap((other) =>
    engines.filter((engine) => OURS.includes(engine)).map((engine) => [engine, other]),
  )
  const ratios = pairs.map(([engine, other]) => [`${engine} / ${other}`, ratio(measured, engine, other)])
  return { name, values, ratios: Object.fromEntries(ratios) }
}
