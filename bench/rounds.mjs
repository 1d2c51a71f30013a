// Measures several ways to do the same, so that they can be compared on a machine that others use too.

/**
 * Measures each variant once a round, in turn: what disturbs the machine meanwhile disturbs all of them.
 *
 * @param {Record<string, () => unknown>} variants
 * @param {{ rounds: number, samples?: number, calls?: number }} options `samples`: how often each is run in a round.
 * The fastest stands, since a disturbance only ever adds. `calls`: how many calls one run is.
 * @returns {Record<string, number[]>} the nanoseconds that a call took, round by round
 */
export function inRounds(variants, { rounds, samples = 5, calls = 1 }) {
  const names = Object.keys(variants)
  const times = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another one, so that none is always the one that comes after the slowest.
    for (let position = 0; position < names.length; position++) {
      const name = names[(round + position) % names.length]
      const all = Array.from({ length: samples }, () => time(variants[name]))
      times[name].push(Math.min(...all) / calls)
    }
  }
  return times
}

/** The nanoseconds that one run takes. */
function time(run) {
  const start = performance.now()
  run()
  return 1e6 * (performance.now() - start)
}

/** The median of values, and half the distance from the 25th to the 75th percentile. */
export function middle(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part) => sorted[Math.round(part * (sorted.length - 1))]
  return { median: at(0.5), spread: (at(0.75) - at(0.25)) / 2 }
}

/** How many times as long as another one a variant took: of each round by itself, and then the median. */
export const ratio = (times, name, other) => middle(times[name].map((time, round) => time / times[other][round]))
