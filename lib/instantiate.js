'use strict'

const { toBytes, toCompiler, toOptions } = require('./arguments')
const { compile } = require('./compile')
const { toImports } = require('./imports')
const { Instance } = require('./instance')
const { findModule } = require('./module')
const { toStore } = require('./store')

/** As WebAssembly.instantiate: an Instance of a Module, or both of bytes. */
async function instantiate(bytesOrModule, imports = undefined, options = undefined) {
  const { compiler, store } = toOptions(options, ['compiler', 'store'])
  // What can be refused before the work of compiling is refused before it.
  toCompiler({ compiler })
  toStore({ store })
  toImports(imports)
  if (findModule(bytesOrModule)) return new Instance(bytesOrModule, imports, { store })
  const module = await compile(toBytes(bytesOrModule), { compiler })
  return { module, instance: new Instance(module, imports, { store }) }
}

module.exports = { instantiate }
