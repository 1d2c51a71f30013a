'use strict'

const { toBytes, toOptions, wrongType } = require('./arguments')
const dialects = require('./dialect')
const { Brand } = require('./handle')
const { inspectable } = require('./inspect')
const native = require('./native')
const { describe, describeMissing } = require('./slot-descriptor')
const { select } = require('./slot-selection')
const { uncloneable } = require('./uncloneable')
const { webidl } = require('./webidl')

/** What is in a Module: the native one, the file that it came from, if `load` made it, and what was asked for in vain. */
class Compiled {
  #slots

  constructor(module, { file, missing = [] } = {}) {
    this.native = module
    this.file = file
    this.missing = missing
  }

  /** The slots, in the order in which an instance is asked for them. */
  get slots() {
    return (this.#slots ??= this.native.slots().map(describe))
  }

  /** The functions that are no slots, and the names that no function has. */
  others() {
    return [...this.native.noSlots().map(describe), ...this.missing.map(describeMissing)]
  }
}

let brand

/** Compiled code: immutable, and good for any number of instances in any store. This is `WebAssembly.Module`. */
class Module {
  #compiled

  static {
    brand = new Brand('a Module', (value) => (#compiled in value ? value.#compiled : undefined))
    webidl(this, 'WebAssembly.Module')
    inspectable(this, {
      imports: (module) => Module.imports(module).map(({ module: from, name }) => `${from}.${name}`),
      exports: (module) => Module.exports(module).map(({ name }) => name),
      slots: (module) => toModule(module).slots.map(({ name }) => name),
    })
  }

  constructor(bytes, options = undefined) {
    this.#compiled = bytes instanceof Compiled ? bytes : compile(bytes, dialects.standard.compiling(options))
    uncloneable(this)
  }

  static exports(moduleObject) {
    return toModule(moduleObject).native.exports()
  }

  static imports(moduleObject) {
    const imports = toModule(moduleObject).native.imports()
    return imports.map(({ module: from, name, kind }) => ({ module: from, name, kind }))
  }

  static customSections(moduleObject, name) {
    const { native } = toModule(moduleObject)
    if (name === undefined) throw wrongType('a string', 'name', name)
    const wanted = `${name}`
    // No name in a binary has half a pair of surrogates, which the native side would replace.
    return wanted.isWellFormed() ? native.customSections(wanted) : []
  }

  static slots(moduleObject, options = undefined) {
    const compiled = toModule(moduleObject)
    const { all = false } = toOptions(options, ['all'])
    const others = all ? compiled.others() : compiled.missing.map(describeMissing)
    return [...compiled.slots, ...others].map(copy)
  }
}

/** The Module of this package's own functions: the same, but that it has slots unless it is told otherwise. */
const OwnModule = (() => {
  const Standard = Module
  return class Module extends Standard {
    constructor(bytes, options = undefined) {
      super(bytes instanceof Compiled ? bytes : compile(bytes, dialects.own.compiling(options)))
    }
  }
})()

/** A descriptor that its user may change. The type is frozen. */
function copy(descriptor) {
  const { aliases, whyNot } = descriptor
  return { ...descriptor, aliases: [...aliases], ...(whyNot && { whyNot: { ...whyNot } }) }
}

function compile(bytes, { compiler, selection: { kind, patterns } }) {
  const source = toBytes(bytes)
  if (patterns === undefined) return new Compiled(native.compileSync(source, compiler, { kind }))
  const { selection, missing } = select(patterns, native.functionNames(source))
  return new Compiled(native.compileSync(source, compiler, selection), { missing })
}

/**
 * Compiles on another thread; `Class` is the Module to make. The bytes are copied first. `file` is where they came
 * from, if from any.
 */
async function compileAsync(Class, bytes, { compiler, selection: { kind, patterns } }, file = undefined) {
  const source = toBytes(bytes)
  if (patterns === undefined) {
    return new Class(new Compiled(await native.compileAsync(source, compiler, { kind }, file), { file }))
  }
  // Two tasks need them, and the caller may write to them in between.
  const copy = source.slice()
  const { selection, missing } = select(patterns, await native.functionNamesAsync(copy, file))
  return new Class(new Compiled(await native.compileAsync(copy, compiler, selection, file), { file, missing }))
}

/** What is in a Module; undefined for anything else. */
const findModule = (value) => brand.find(value)

/** What is in an argument that must be a Module. */
const toModule = (value) => brand.get(value, 'module')

module.exports = { Module, OwnModule, compileAsync, findModule, toModule }
