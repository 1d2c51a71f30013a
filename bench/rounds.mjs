// Measures several ways to do the same, so that they can be compared on a machine that others use too.

/**
 * Measures each variant once a round, in turn: what disturbs the machine meanwhile disturbs all of them.
 *
 * @param {Record<string, () => unknown>} variants a promise that one gives is waited for
 * @param {{ rounds: number, samples?: number, calls?: number }} options `samples`: how often each is run in a round.
 * The fastest stands, since a disturbance only ever adds. `calls`: how many calls one run is.
 * @returns {Promise<Record<string, number[]>>} the nanoseconds that a call took, round by round
 */
export async function inRounds(variants, { rounds, samples = 5, calls = 1 }) {
  const names = Object.keys(variants)
  const times = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another one, so that none is always the one that comes after the slowest.
    for (let position = 0; position < names.length; position++) {
      const name = names[(round + position) % names.length]
      const all = []
      while (all.length < samples) all.push(await time(variants[name]))
      times[name].push(Math.min(...all) / calls)
    }
  }
  return times
}

/** The nanoseconds that one run takes. */
async function time(run) {
  const start = performance.now()
  const result = run()
  if (result instanceof Promise) await result
  return 1e6 * (performance.now() - start)
}

/** The median of values, and half the distance from the 25th to the 75th percentile. */
export function middle(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part) => sorted[Math.round(part * (sorted.length - 1))]
  return { median: at(0.5), spread: (at(0.75) - at(0.25)) / 2 }
}

/** How many times as long as another one a variant took, of each round by itself. */
export const quotients = (times, name, other) => times[name].map((time, round) => time / times[other][round])
/** The median of that. */
export const ratio = (times, name, other) => middle(quotients(times, name, other))

/** The geometric mean of the quotients of several rows: of each round by itself, and then the median. */
export function geometricMean(rows) {
  const means = rows[0].map((_, round) =>
    Math.exp(rows.reduce((sum, row) => sum + Math.log(row[round]), 0) / rows.length),
  )
  return middle(means)
}
