// One measurement of `bench/packages.mjs`: prints the nanoseconds of a call in steady state, and the result.
//
//   node [--require ../register.cjs] bench/packages-task.mjs NAME MILLISECONDS
import { WORK } from './packages-work.mjs'

const [name, milliseconds] = process.argv.slice(2)
const { run, calls } = await WORK[name]()

/** Runs for some time, and returns the nanoseconds of each run. */
async function timesFor(duration) {
  const times = []
  for (const end = performance.now() + duration; performance.now() < end || times.length < 3;) {
    const start = performance.now()
    const result = run()
    if (result instanceof Promise) await result
    times.push(1e6 * (performance.now() - start))
  }
  return times
}

const result = await run()
// V8 optimizes during the first two thirds.
await timesFor(milliseconds * 2)
const times = (await timesFor(milliseconds)).sort((a, b) => a - b)
console.log(JSON.stringify({ time: times[Math.floor(times.length / 4)] / calls, result }))
// Some packages leave timers or a dispatcher behind.
process.exit(0)
