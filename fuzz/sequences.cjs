'use strict'

// Random histories of a store, as in months of use: instances come and go, are linked and unlinked, grow, throw, trap, are
// closed and dropped, functions move between tables, and V8 and the store collect at any time. A model has the result of every
// call: a use of something freed returns another value, or ends the process.

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { History } = require('./sequences/history.cjs')
const { texts } = require('./sequences/modules.cjs')
const { settleAll } = require('./sequences/suspended.cjs')

const NOUNS = [
  'instances',
  'links',
  'commits',
  'tables',
  'exceptions',
  'collections',
  'deadlines',
  'entered',
  'recycled',
  'suspended',
  'typed',
]
const SHOP = join(__dirname, '..', 'fixtures', 'wasm', 'shop.wasm')

const actions = Object.assign({}, ...NOUNS.map((noun) => require(`./sequences/${noun}.cjs`).actions))

/**
 * Runs one history of this number of steps, then closes the store, in which nothing may be left. `modules` are the compiled
 * texts. Throws at the first difference from the model.
 */
async function run({ relink, modules, gc, seed, steps }) {
  const shop = new relink.Module(readFileSync(SHOP))
  const history = new History({ relink, modules: { ...modules, shop }, gc, seed, actions })
  for (let step = 0; step < steps; step++) await history.step()
  await settleAll(history)
  history.check()
  // Calls that V8 has collected keep what they use until the store hears of it.
  for (let round = 0; round < 4; round++) {
    await new Promise(setImmediate)
    gc()
  }
  await new Promise(setImmediate)
  const { store } = history
  const most = store.stats().instances
  store.close()
  const { instances, memories, freed } = store.stats()
  if (instances + memories > 0) throw new Error(`${instances} instances and ${memories} memories are left`)
  return { most, freed: freed.instances }
}

module.exports = { run, texts }
