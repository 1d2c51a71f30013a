// Measures short work on several engines, in rounds.
import { measure } from 'mitata'
import { timed } from './rows.mjs'

/**
 * Makes one row. The work takes from nanoseconds to a few milliseconds: each round yields the median of many runs.
 *
 * @param {string} name
 * @param {Record<string, { run: () => unknown, calls?: number }>} engines `calls`: number of calls in a run
 * @param {boolean} quick
 */
export async function beside(name, engines, quick) {
  const [rounds, nanoseconds] = quick ? [2, 1e7] : [9, 1e8]
  const measured = Object.fromEntries(Object.keys(engines).map((engine) => [engine, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [engine, { run, calls = 1 }] of Object.entries(engines)) {
      const { p50 } = await measure(run, { min_cpu_time: nanoseconds })
      measured[engine].push(p50 / calls)
    }
  }
  return timed(name, measured)
}
