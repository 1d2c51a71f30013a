'use strict'

const { toOptions } = require('./arguments')
const { compileWith, toCompiling } = require('./compile')
const { toImports } = require('./imports')
const { Instance } = require('./instance')
const { findModule } = require('./module')
const { toStore } = require('./store')

/** As WebAssembly.instantiate: an Instance of a Module, or both of bytes. */
async function instantiate(bytesOrModule, imports = undefined, options = undefined) {
  const { compiling, store } = check(imports, options)
  if (findModule(bytesOrModule)) return new Instance(bytesOrModule, imports, { store })
  const module = await compileWith(compiling, bytesOrModule)
  return { module, instance: new Instance(module, imports, { store }) }
}

/** Refuses what can be refused before the work of compiling, and returns the options. */
function check(imports, options) {
  const known = toOptions(options, ['compiler', 'slots', 'store'])
  const { store } = known
  toStore({ store })
  toImports(imports)
  return { compiling: toCompiling(known), store }
}

module.exports = { instantiate, check }
