'use strict'

// Option modes.

const { isPlain, toCache, toCompiler, toLooseOptions, toOptions, toReserve } = require('./arguments')
const { typeError } = require('../errors')
const { ON_TRAP } = require('./on-trap')
const { OF_COMPILE, toResourceLimits } = require('./resource-limits')
const { toSelection } = require('./slot-selection')
const { TRUST, toTrust } = require('./trust')

/** The names of the options of compiling. */
const COMPILING = ['cache', 'compiler', 'limits', 'reserve', 'slots', ...TRUST]

/** How options are read, and which functions are slots by default. */
class OptionMode {
  #read
  #slots

  constructor(read, slots) {
    this.#read = read
    this.#slots = slots
  }

  /** Sets which functions are slots by default. */
  set defaultSlots(slots) {
    toSelection({ slots })
    this.#slots = slots
  }

  /** Options of instances that the JS API does not have. */
  others = []

  /** The options with these names. */
  options(options, names) {
    return this.#read(options, names)
  }

  /** The standard does not check whether options were given as the imports. */
  checkImports() {}

  /** The options for compiling, checked. `others` are the names of further options; `limits` those of the limits. */
  compiling(options, others = [], limits = OF_COMPILE) {
    const known = this.options(options, [...COMPILING, ...others])
    const { slots = this.#slots } = known
    const [cache, compiler, reserve] = [toCache(known), toCompiler(known), toReserve(known)]
    return {
      ...known,
      cache,
      compiler,
      reserve,
      limits: toResourceLimits(known.limits, limits),
      selection: toSelection({ slots }),
      trust: toTrust(known),
    }
  }
}

/** The options of `load` and `instantiate`. */
const NAMES = new Set([...COMPILING, 'store', 'suspending', 'timeout', 'types', 'wasi', 'wit', ...ON_TRAP])

/** The options whose value may be an object literal, as that of an import module is. */
const OBJECTS = new Set(['limits', 'onTrap', 'signature', 'wasi'])

/** The names in an imports object that has only names of options, and no options beside it; empty otherwise. */
function optionsIn(imports, options) {
  if (options !== undefined || typeof imports !== 'object' || imports === null) return []
  const names = Object.keys(imports)
  return names.every((name) => NAMES.has(name)) ? names : []
}

const asImports = (names) =>
  typeError(
    `expected the imports as the second argument, got options (${names.join(', ')}): give these as the third`,
    'ERR_INVALID_ARG_VALUE',
  )

/** The mode of this package's own functions: an unknown name is an error. */
class OwnMode extends OptionMode {
  others = ['wasi']

  /** Refuses options that are given as the imports: a module without imports would ignore them. */
  checkImports(imports, options) {
    const names = optionsIn(imports, options)
    if (names.length === 0) return
    // An import module may have such a name, but then its value is an object literal of imports.
    if (names.every((name) => isPlain(Object.getOwnPropertyDescriptor(imports, name)?.value))) return
    throw asImports(names)
  }

  /** `checkImports` for a module whose imports are known. */
  checkImportsOf(declared, imports, options) {
    const names = optionsIn(imports, options)
    if (names.length === 0 || names.some((name) => declared.some(({ module }) => module === name))) return
    this.checkImports(imports, options)
    if (names.some((name) => OBJECTS.has(name))) throw asImports(names)
  }
}

const own = new OwnMode(toOptions, undefined)

/** The mode of `WebAssembly`: unknown names are ignored, and a module has no slots by default. */
const standard = new OptionMode(toLooseOptions, 'none')

module.exports = { own, standard }
