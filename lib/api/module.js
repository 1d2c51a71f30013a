'use strict'

const { toBytes, toOptions, wrongType } = require('../options/arguments')
const { toNative } = require('./cache')
const modes = require('../options/option-mode')
const { Brand } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const native = require('../native')
const { isAllowed } = require('../node/permission')
const { carried, carries, carry } = require('../node/posted-module')
const { describe, describeMissing } = require('../internal/slot-descriptor')
const { select } = require('../options/slot-selection')
const { uncloneable } = require('../node/uncloneable')
const { Tiers } = require('../internal/tier-up')
const { hasArrived, webidl } = require('../options/webidl')

/**
 * What is in a Module: the native one, the file that it came from, if `load` made it, what was asked for in vain, and
 * the module of Node's own that carries it to other threads, if it may be posted.
 */
class Compiled {
  #slots

  constructor(module, { file, missing = [], carrier } = {}) {
    this.native = module
    this.file = file
    this.missing = missing
    this.carrier = carrier
    this.tiers = module.startSuccessor() ? new Tiers(module) : undefined
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

/** What is in each Module that may be posted: the object itself is one of Node's own. */
const posted = new WeakMap()

let brand

/** Compiled code: immutable, and good for any number of instances in any store. This is `WebAssembly.Module`. */
class Module {
  #compiled

  static {
    brand = new Brand('a Module', (value) => (#compiled in value ? value.#compiled : posted.get(value)))
    webidl(this, 'WebAssembly.Module')
    hasArrived(this, carries)
    inspectable(this, {
      imports: (module) => Module.imports(module).map(({ module: from, name }) => `${from}.${name}`),
      exports: (module) => Module.exports(module).map(({ name }) => name),
      slots: (module) => toModule(module).slots.map(({ name }) => name),
    })
  }

  constructor(bytes, options = undefined) {
    const compiled = bytes instanceof Compiled ? bytes : compile(bytes, modes.standard.compiling(options), true)
    if (compiled.carrier !== undefined) return adopt(compiled, new.target.prototype)
    this.#compiled = compiled
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
    const compiled = toModule(moduleObject)
    if (name === undefined) throw wrongType('a string', 'name', name)
    const wanted = `${name}`
    // No name in a binary has half a pair of surrogates, which the native side would replace.
    return wanted.isWellFormed() ? native.customSections(compiled.native, wanted) : []
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
      super(bytes instanceof Compiled ? bytes : compile(bytes, modes.own.compiling(options), false))
    }
  }
})()

/** A descriptor that its user may change. The type is frozen. */
function copy(descriptor) {
  const { aliases, whyNot } = descriptor
  return { ...descriptor, aliases: [...aliases], ...(whyNot && { whyNot: { ...whyNot } }) }
}

/** Makes a carrier the Module itself. */
function adopt(compiled, prototype) {
  const { carrier } = compiled
  posted.set(carrier, compiled)
  return Object.setPrototypeOf(carrier, prototype)
}

/** Compiles on this thread; `posts` says whether the Module may be posted. */
function compile(bytes, { cache = false, compiler, reserve, selection: { kind, patterns } }, posts) {
  const source = toBytes(bytes)
  const { selection, missing } =
    patterns === undefined ? { selection: { kind } } : select(patterns, native.functionNames(source))
  const module = native.compileSync(source, compiler, selection, cache ? toNative() : undefined, reserve)
  const how = { compiler, selection, missing, reserve }
  return new Compiled(module, { missing, carrier: posts ? carry(source, how) : undefined })
}

/**
 * Compiles on another thread; `Class` is the Module to make. The bytes are copied first. `file` is where they came
 * from, if from any.
 */
async function compileAsync(
  Class,
  bytes,
  { cache = false, compiler, reserve, selection: { kind, patterns } },
  file = undefined,
) {
  let source = toBytes(bytes)
  // More than one task needs them, and the caller may write to them in between.
  if (patterns !== undefined || Class === Module) source = native.copyOf(source)
  const { selection, missing } =
    patterns === undefined ? { selection: { kind } } : select(patterns, await native.functionNamesAsync(source, file))
  const kept = cache ? toNative(file) : undefined
  const module = await native.compileAsync(source, compiler, selection, file, kept, reserve)
  const carrier = Class === Module ? carry(source, { compiler, selection, missing, reserve }) : undefined
  return new Class(new Compiled(module, { file, missing, carrier }))
}

/**
 * Compiles a file that the native side reads itself, which is quicker; undefined where it cannot or may not be read, or where
 * its functions must be known first.
 */
async function compileFromPath(file, { cache, compiler, reserve, selection: { kind, patterns } }) {
  if (patterns !== undefined || !isAllowed('fs.read', file)) return undefined
  const module = await native.compileFile(file, compiler, { kind }, cache ? toNative(file) : undefined, reserve)
  return module ? new OwnModule(new Compiled(module, { file })) : undefined
}

/** What is in a Module, also in one that another thread has posted; undefined for anything else. */
function findModule(value) {
  const compiled = brand.find(value)
  if (compiled !== undefined) return compiled
  const content = carried(value)
  if (content === undefined) return undefined
  const { bytes, how } = content
  const { compiler, selection, missing, reserve } = how
  // Not compiled again, as long as the thread that posted it has it.
  const module = native.compileSync(bytes, compiler, selection, undefined, reserve)
  adopt(new Compiled(module, { missing, carrier: value }), Module.prototype)
  return posted.get(value)
}

/** What is in an argument that must be a Module. */
const toModule = (value) => findModule(value) ?? brand.get(value, 'module')

module.exports = { Module, OwnModule, compileAsync, compileFromPath, findModule, toModule }
