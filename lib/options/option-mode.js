'use strict'

const { toCache, toCompiler, toLooseOptions, toOptions, toReserve } = require('./arguments')
const { typeError } = require('../errors')
const { toSelection } = require('./slot-selection')

/** How options are read, and which functions are slots where nothing is said. */
class OptionMode {
  #read
  #slots

  constructor(read, slots) {
    this.#read = read
    this.#slots = slots
  }

  /** The options of these names. */
  options(options, names) {
    return this.#read(options, names)
  }

  /** The standard knows nothing of options that stand in the place of the imports. */
  checkImports() {}

  /** What options say about compiling, checked. `others` are the names that are not about it. */
  compiling(options, others = []) {
    const known = this.options(options, ['cache', 'compiler', 'reserve', 'slots', ...others])
    const { slots = this.#slots } = known
    const [cache, compiler, reserve] = [toCache(known), toCompiler(known), toReserve(known)]
    return { ...known, cache, compiler, reserve, selection: toSelection({ slots }) }
  }
}

/** Whether a value is an object as a literal makes it. */
function isPlain(value) {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** The options of `load` and `instantiate`. */
const NAMES = new Set(['cache', 'compiler', 'reserve', 'slots', 'store'])

/** That of this package's own functions: a name that is not known is a mistake. */
class OwnMode extends OptionMode {
  /** Refuses options in the place of the imports, which a module without imports would ignore. */
  checkImports(imports, options) {
    if (options !== undefined || typeof imports !== 'object' || imports === null) return
    const names = Object.keys(imports)
    if (names.length === 0 || !names.every((name) => NAMES.has(name))) return
    // An import module may have such a name, but then it is an object of imports, made in place.
    if (names.every((name) => isPlain(Object.getOwnPropertyDescriptor(imports, name)?.value))) return
    throw typeError(
      `expected the imports as the second argument, got options (${names.join(', ')}): these are the third`,
      'ERR_INVALID_ARG_VALUE',
    )
  }
}

const own = new OwnMode(toOptions, undefined)

/** That of `WebAssembly`: what is not known is ignored, and a module is what it is without slots. */
const standard = new OptionMode(toLooseOptions, 'none')

module.exports = { own, standard }
