'use strict'

// `instantiate`.

const { toTimeout, toWit } = require('../options/arguments')
const modes = require('../options/option-mode')
const { toImports } = require('../internal/imports')
const { Instance } = require('./instance')
const { Module, OwnModule, compileAsync, findModule } = require('./module')
const { ON_TRAP, checkOnTrap } = require('../options/on-trap')
const { toSuspending } = require('./promising')
const { toStore } = require('./store')
const { OF_COMPILE, OF_INSTANCE, instancePart } = require('../options/resource-limits')
const { refuseTrust } = require('../options/trust')

/** As `WebAssembly.instantiate`: of a Module an Instance, of bytes both. */
async function instantiate(bytesOrModule, imports = undefined, options = undefined) {
  return make(OwnModule, bytesOrModule, imports, check(modes.own, imports, options), options)
}

/** The function of `WebAssembly`. */
const standard = {
  async instantiate(bytesOrModule, imports = undefined, options = undefined) {
    return make(Module, bytesOrModule, imports, check(modes.standard, imports, options), options)
  },
}

/** `options` are the user's, and before them what `check` has made of them. */
async function make(
  Class,
  bytesOrModule,
  imports,
  { store, suspending, timeout, onTrap, onRecycle, wasi, wit, ...compiling },
  options,
) {
  const limits = instancePart(compiling.limits)
  // Without options of the user, the constructor refuses imports that look like options.
  const making = options && { limits, store, suspending, timeout, onTrap, onRecycle, wasi, wit }
  if (findModule(bytesOrModule)) {
    refuseTrust(compiling.trust)
    return new Instance(bytesOrModule, imports, making)
  }
  const module = await compileAsync(Class, bytesOrModule, compiling, undefined, store && toStore({ store }))
  return { module, instance: new Instance(module, imports, making) }
}

/** Checks all arguments that can be checked before compiling, and returns the options. `more` are names of further options. */
function check(mode, imports, options, more = []) {
  const known = mode.compiling(
    options,
    ['store', 'suspending', 'timeout', 'wit', ...ON_TRAP, ...mode.others, ...more],
    [...OF_INSTANCE, ...OF_COMPILE],
  )
  if (known.store !== undefined) toStore(known)
  toTimeout(known)
  toSuspending(known)
  checkOnTrap(known)
  toWit(known)
  mode.checkImports(imports, options)
  toImports(imports)
  return known
}

module.exports = { check, instantiate, make, standard }
