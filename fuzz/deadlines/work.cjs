'use strict'

// Calls of real code that deadlines end at random points. Each time the instance is recycled, or a new one is made, and must then
// give the right answer.

const { random } = require('../random.cjs')
const { PACKAGES } = require('./packages.cjs')

const COMPILERS = ['cranelift', 'singlepass', 'auto']

/** Deadlines between two reports. */
const REPORT = 1000

/** The program of a package on each compiler, with its answer and the time that it takes, in milliseconds. */
function prepare(relink, name) {
  const { bytes, isAlone, make } = PACKAGES[name]()
  const reference = make((imports) => new WebAssembly.Instance(new WebAssembly.Module(bytes), imports))
  return COMPILERS.map((compiler) => {
    const module = new relink.Module(bytes, { compiler })
    const run = make((imports) => new relink.Instance(module, imports))
    const answer = reference()
    const program = { name, module, isAlone, make, answer, time: 0, recycled: undefined }
    check(program, run())
    const start = performance.now()
    run()
    program.time = performance.now() - start
    return program
  })
}

/**
 * Ends `most` calls, or lets them end by chance. Throws at the first wrong answer. `report` gets the numbers of deadlines and of
 * calls that they ended. Returns the latter.
 */
async function interrupted({ relink, most, seed, report = () => {} }) {
  const { below, pick } = random(seed)
  const programs = Object.keys(PACKAGES).flatMap((name) => prepare(relink, name))
  const store = new relink.Store()
  let [done, ended] = [0, 0]
  while (done < most) {
    const program = pick(programs)
    const isRecycled = program.isAlone && below(2) === 0
    const make = (options) => {
      let instance
      const run = program.make(
        (imports) => (instance = new relink.Instance(program.module, imports, { store, ...options })),
      )
      return { instance, run }
    }
    const guarded = isRecycled ? (program.recycled ??= make({ onTrap: { recycle: { most: Infinity } } })) : make({})
    try {
      const timeout = Math.max(0.01, (program.time * (1 + below(1300))) / 1000)
      check(program, relink.withTimeout(timeout, guarded.run))
    } catch (error) {
      if (error.code !== 'ERR_RELINK_TIMEOUT') throw error
      if (isRecycled && error.recycled !== true) throw new Error(`${program.name} was not recycled`, { cause: error })
      ended++
    }
    const fresh = isRecycled ? guarded : make({})
    check(program, fresh.run())
    if (!isRecycled) for (const { instance } of [guarded, fresh]) instance.close()
    // Tier-ups happen between two turns of the event loop.
    if (++done % 16 === 0) await new Promise(setImmediate)
    if (done % REPORT === 0) report(done, ended)
  }
  store.close()
  return ended
}

function check({ name, answer }, actual) {
  if (!Object.is(actual, answer)) throw new Error(`${name}: expected ${answer}, got ${actual}`)
}

module.exports = { interrupted }
