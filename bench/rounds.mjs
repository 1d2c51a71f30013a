// Measures several variants of the same work, so that they can be compared on a busy machine.

/**
 * Measures each variant once a round, in turn, so that a disturbance of the machine affects all of them.
 *
 * @param {Record<string, () => unknown>} variants a promise that one returns is awaited
 * @param {{ rounds: number, samples?: number, calls?: number, prepare?: () => void }} options `samples`: number of runs in a
 * round, of which the fastest counts, since disturbances only add time. `calls`: number of calls in a run. `prepare` runs before
 * each run, and its time does not count.
 * @returns {Promise<Record<string, number[]>>} the nanoseconds of a call, for each round
 */
export async function inRounds(variants, { rounds, samples = 5, calls = 1, prepare = () => {} }) {
  const names = Object.keys(variants)
  const times = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another variant, so that none always follows the slowest.
    for (let position = 0; position < names.length; position++) {
      const name = names[(round + position) % names.length]
      const all = []
      while (all.length < samples) {
        prepare()
        all.push(await time(variants[name]))
      }
      times[name].push(Math.min(...all) / calls)
    }
  }
  return times
}

/** The nanoseconds of one run. */
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

/** The ratios of two variants, for each round. */
export const quotients = (times, name, other) => times[name].map((time, round) => time / times[other][round])
/** The median of these ratios. */
export const ratio = (times, name, other) => middle(quotients(times, name, other))

/** The geometric mean of the ratios of several rows for each round, then the median of the rounds. */
export function geometricMean(rows) {
  const means = rows[0].map((_, round) =>
    Math.exp(rows.reduce((sum, row) => sum + Math.log(row[round]), 0) / rows.length),
  )
  return middle(means)
}
