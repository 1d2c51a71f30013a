'use strict'

const { toCache, toCompiler, toLooseOptions, toOptions, toReserve } = require('./arguments')
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

  /** What options say about compiling, checked. `others` are the names that are not about it. */
  compiling(options, others = []) {
    const known = this.options(options, ['cache', 'compiler', 'reserve', 'slots', ...others])
    const { slots = this.#slots } = known
    const [cache, compiler, reserve] = [toCache(known), toCompiler(known), toReserve(known)]
    return { ...known, cache, compiler, reserve, selection: toSelection({ slots }) }
  }
}

/** That of this package's own functions: a name that is not known is a mistake. */
const own = new OptionMode(toOptions, undefined)

/** That of `WebAssembly`: what is not known is ignored, and a module is what it is without slots. */
const standard = new OptionMode(toLooseOptions, 'none')

module.exports = { own, standard }
