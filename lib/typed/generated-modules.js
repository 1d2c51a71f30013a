'use strict'

// Modules that this package generates between the memories of typed functions.

const { findMemory } = require('../api/memory')
const native = require('../native')
const { toCompileLimits } = require('../options/resource-limits')

/** Compiles the bytes of a generated module. */
const compileGenerated = (bytes, compiler) =>
  native.compileSync(bytes, { compiler, slots: { kind: 'none' }, limits: toCompileLimits({}) })

/**
 * Makes an instance of a generated module. `given` has the imports, by module and name; `making` the options of the instance.
 * Returns its id and exports.
 */
function instantiateGenerated(store, code, given, making = {}) {
  const held = []
  const imports = code.imports().map(({ module, name, kind }) => {
    const value = given[module][name]
    if (kind !== 'memory') return value
    held.push(value)
    return findMemory(value).id
  })
  return store.instantiate(code, Object.assign(imports, { held }), making)
}

module.exports = { compileGenerated, instantiateGenerated }
