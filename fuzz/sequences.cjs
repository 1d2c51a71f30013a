'use strict'

// Random histories of a store, as in months of use: instances come and go, are linked and unlinked, grow, throw, trap, are
// closed and dropped, functions move between tables, and V8 and the store collect at any time. A model has the result of every
// call: a use of something freed returns another value, or ends the process.

const { History } = require('./sequences/history.cjs')
const { texts } = require('./sequences/modules.cjs')

const actions = Object.assign(
  {},
  ...['instances', 'links', 'tables', 'exceptions', 'collections', 'deadlines', 'entered'].map(
    (noun) => require(`./sequences/${noun}.cjs`).actions,
  ),
)

/**
 * Runs one history of this number of steps, then closes the store, in which nothing may be left. `modules` are the compiled
 * texts. Throws at the first difference from the model.
 */
async function run({ relink, modules, gc, seed, steps }) {
  const history = new History({ relink, modules, gc, seed, actions })
  for (let step = 0; step < steps; step++) await history.step()
  history.check()
  const { store } = history
  const most = store.stats().instances
  store.close()
  const { instances, memories, freed } = store.stats()
  if (instances + memories > 0) throw new Error(`${instances} instances and ${memories} memories are left`)
  return { most, freed: freed.instances }
}

module.exports = { run, texts }
