'use strict'

// Modules that this package generates between the memories of typed functions.

const { findMemory } = require('../api/memory')
const { compileSync } = require('../native/compilation')
const { toCompileLimits } = require('../options/resource-limits')

/** Compiles the bytes of a generated module: at once for full memories, and for small ones where an instance has one. */
function compileGenerated(bytes, compiler) {
  const compile = (reserve) =>
    compileSync(bytes, { compiler, reserve, slots: { kind: 'none' }, limits: toCompileLimits({}) })
  let small
  return { code: compile(undefined), forSmallMemories: () => (small ??= compile('small')) }
}

/**
 * Makes an instance of a generated module. `given` has the imports, by module and name; `making` the options of the instance.
 * Returns its id and exports.
 */
function instantiateGenerated(store, { code, forSmallMemories }, given, making = {}) {
  const held = []
  const imports = code.imports().map(({ module, name, kind }) => {
    const value = given[module][name]
    if (kind !== 'memory') return value
    held.push(value)
    return findMemory(value).id
  })
  return store.instantiate(code, Object.assign(imports, { held }), { ...making, forSmallMemories })
}

module.exports = { compileGenerated, instantiateGenerated }
