'use strict'

// `apply`: brings a store to the state of a manifest.

const { above } = require('../internal/above')
const { toOptions, wrongType } = require('../options/arguments')
const { toRelinkOptions } = require('../options/commit-options')
const { readManifest, refused } = require('../manifest/document')
const { changesOf, mistakesOf } = require('../manifest/links')
const { ManifestModules, compileAll } = require('../manifest/modules')
const { stateOf } = require('../manifest/state')
const { manifestOf } = require('../manifest/write')
const { relink } = require('./relink')
const { toStore } = require('./store')

above.manifestOf = (store) => manifestOf(store, toStore({ store }))

const OF_COMMIT = ['by', 'check', 'label', 'merged', 'migrate', 'pointers', 'trial']

/** Brings a store to the state of a manifest: all or nothing. Resolves to what it has changed. */
async function apply(store, manifest, options = undefined) {
  if (store === undefined) throw wrongType('a Store', 'store', store)
  const native = toStore({ store }, 'store')
  const { imports, base, ...commit } = toOptions(options, ['base', 'imports', ...OF_COMMIT])
  if (imports !== undefined && (typeof imports !== 'object' || imports === null)) {
    throw wrongType('an object', 'options.imports', imports)
  }
  if (base !== undefined && typeof base !== 'string' && !(base instanceof URL)) {
    throw wrongType('a path or a file: URL', 'options.base', base)
  }
  toRelinkOptions(commit)
  // It would wait for the commit, and the commit for its hook.
  native.commits.refuseInHook('apply')
  const state = stateOf(native)
  return state.queue(async () => {
    const known = await readManifest(manifest, base)
    const compiled = await compileAll(known)
    const modules = new ManifestModules(store, state, known, imports)
    modules.make(compiled)
    try {
      return await bring(native, state, known, modules, { label: known.label, ...commit })
    } catch (error) {
      modules.close()
      throw error
    }
  })
}

/** Makes the commit, and then says what has changed. */
async function bring(native, state, manifest, modules, options) {
  const { found, loaded } = modules
  const { changes, made, ended, emptied } = changesOf(native, manifest, found)
  const filled = emptied.map((slot) => [slot.current, slot])
  const isChanged = changes.length > 0 || filled.length > 0
  const change = isChanged ? await commit(changes, options, { manifest, made, ended }) : undefined
  for (const slot of emptied) slot.reset()
  if (filled.length > 0) above.noteEmptied(change, filled)
  const removed = [...state.named].filter(([name, { instance }]) => found.get(name)?.instance !== instance)
  state.take([...found.values()])
  const instances = Object.fromEntries(manifest.modules.map(({ name }) => [name, found.get(name).instance]))
  return Object.freeze({
    changed: change !== undefined || emptied.length > 0 || loaded.length > 0 || removed.length > 0,
    change,
    instances: Object.freeze(instances),
    loaded: Object.freeze(loaded),
    removed: Object.freeze(removed.map(([name]) => name)),
    linked: Object.freeze(made.map(({ link }) => Object.freeze({ ...link }))),
    unlinked: Object.freeze([...ended, ...emptied].map((slot) => slot.name)),
  })
}

async function commit(changes, options, { manifest, made, ended }) {
  try {
    return await relink(changes, options)
  } catch (error) {
    if (error?.code !== 'ERR_RELINK_REFUSED') throw error
    throw refused(mistakesOf(error, made, ended), manifest.file, error)
  }
}

module.exports = { apply }
