// The results of a part of the bench: tables, each with a title and rows.
//
// A row has a `name`; `labels`, further texts; `values`, a measurement for each engine or variant; and `ratios`, by the two
// that were compared, `wasm-relink / V8`. This package's is always first, so a greater ratio is worse.
import { middle, ratio } from './rounds.mjs'

/** A time, from the nanoseconds of each round. */
export const time = (times) => ({ ...middle(times), unit: 'ns' })
/** A size, from the bytes of each process. */
export const size = (sizes) => ({ ...middle(sizes), unit: 'bytes' })
/** A count. */
export const count = (number) => ({ median: number, spread: 0, unit: 'count' })

/** The engines and variants of this package. */
export const OURS = ['wasm-relink', 'disk cache', 'Cranelift', 'Singlepass']

/** A row of times, with the ratio of each variant of this package to each of the others, or to the named ones. */
export function timed(name, measured, others = Object.keys(measured).filter((engine) => !OURS.includes(engine))) {
  const engines = Object.keys(measured)
  const values = Object.fromEntries(engines.map((engine) => [engine, time(measured[engine])]))
  const pairs = others.flatMap((other) =>
    engines.filter((engine) => OURS.includes(engine)).map((engine) => [engine, other]),
  )
  const ratios = pairs.map(([engine, other]) => [`${engine} / ${other}`, ratio(measured, engine, other)])
  return { name, values, ratios: Object.fromEntries(ratios) }
}
