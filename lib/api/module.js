'use strict'

// The class Module.

const { toBytes, toOptions, wrongType } = require('../options/arguments')
const { toNative } = require('./cache')
const modes = require('../options/option-mode')
const { Brand } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const compilation = require('../native/compilation')
const { customSections, functionNames, functionNamesAsync } = require('../native/module-bytes')
const { isAllowed } = require('../node/permission')
const { carried, carries, carry } = require('../node/posted-module')
const { ModuleContent } = require('../internal/module-content')
const { describeMissing } = require('../internal/slot-descriptor')
const { checkModuleSize, toCompileLimits } = require('../options/resource-limits')
const { select } = require('../options/slot-selection')
const { uncloneable } = require('../node/uncloneable')
const { hasArrived, webidl } = require('../options/webidl')

/** The content of each Module that may be posted: these are objects of Node's own. */
const posted = new WeakMap()

let brand

/** Compiled code. This is `WebAssembly.Module`. */
class Module {
  #compiled

  static {
    brand = new Brand('a Module', (value) => (#compiled in value ? value.#compiled : posted.get(value)))
    webidl(this, 'WebAssembly.Module')
    hasArrived(this, carries)
    inspectable(this, {
      imports: (module) => Module.imports(module).map(({ module: from, name }) => `${from}.${name}`),
      exports: (module) => Module.exports(module).map(({ name }) => name),
      slots: (module) => Module.slots(module).map(({ name }) => name),
    })
  }

  constructor(bytes, options = undefined) {
    const compiled = bytes instanceof ModuleContent ? bytes : compile(bytes, modes.standard.compiling(options), true)
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
    // Names in a binary are valid UTF-8. The native side would replace lone surrogates.
    return wanted.isWellFormed() ? customSections(compiled.native, wanted) : []
  }

  static slots(moduleObject, options = undefined) {
    const compiled = toModule(moduleObject)
    const { all = false } = toOptions(options, ['all'])
    const { slots } = compiled
    const found = all
      ? [...slots, ...compiled.others()]
      : [...compiled.listed.map((position) => slots[position]), ...compiled.missing.map(describeMissing)]
    return found.map(copy)
  }
}

/** The Module of this package's own functions: by default, it has slots. */
const OwnModule = (() => {
  const Standard = Module
  return class Module extends Standard {
    constructor(bytes, options = undefined) {
      super(bytes instanceof ModuleContent ? bytes : compile(bytes, modes.own.compiling(options), false))
    }
  }
})()

/** A copy of a descriptor that the user may change. Its type is frozen. */
function copy(descriptor) {
  const { aliases, whyNot } = descriptor
  return { ...descriptor, aliases: [...aliases], ...(whyNot && { whyNot: { ...whyNot } }) }
}

/** Turns a carrier into a Module. */
function adopt(compiled, prototype) {
  const { carrier } = compiled
  posted.set(carrier, compiled)
  return Object.setPrototypeOf(carrier, prototype)
}

/** Compiles on this thread. `isPostable` is whether the Module may be posted. */
function compile(bytes, options, isPostable) {
  const {
    cache = false,
    compiler,
    limits,
    reserve,
    selection: { kind, patterns },
    trust,
  } = options
  const source = toBytes(bytes)
  const compileLimits = toCompileLimits(limits)
  checkModuleSize(compileLimits, source.byteLength)
  trust?.verify(source)
  const { selection, missing } =
    patterns === undefined ? { selection: { kind } } : select(patterns, functionNames(source))
  const compileOptions = {
    compiler,
    slots: selection,
    cache: cache ? toNative() : undefined,
    reserve,
    limits: compileLimits,
  }
  const module = compilation.compileSync(source, compileOptions)
  const carrier = isPostable ? carry(source, { compiler, selection, missing, reserve }) : undefined
  return new ModuleContent(module, { missing, carrier, isPlugin: !isPostable, compileOptions })
}

/**
 * Compiles a copy of the bytes on another thread, and makes a Module of `Class`. `file` is the file that the bytes came from,
 * if any; `store` is the native store that the module is for, if it is known.
 */
async function compileAsync(
  Class,
  bytes,
  { cache = false, compiler, limits, reserve, selection: { kind, patterns }, trust },
  file = undefined,
  store = undefined,
) {
  let source = toBytes(bytes)
  const compileLimits = toCompileLimits(limits, store?.limits)
  checkModuleSize(compileLimits, source.byteLength, file)
  // Several tasks need the same bytes, and the caller may write to them in between.
  if (patterns !== undefined || Class === Module) source = compilation.copyOf(source)
  // Until the native side copies them, no other code runs.
  trust?.verify(source, file)
  const { selection, missing } =
    patterns === undefined ? { selection: { kind } } : select(patterns, await functionNamesAsync(source, file))
  const compileOptions = {
    compiler,
    slots: selection,
    cache: cache ? toNative(file) : undefined,
    reserve,
    limits: compileLimits,
  }
  const module = await compilation.compileAsync(source, compileOptions, file)
  const carrier = Class === Module ? carry(source, { compiler, selection, missing, reserve }) : undefined
  return new Class(new ModuleContent(module, { file, missing, carrier, isPlugin: Class !== Module, compileOptions }))
}

/**
 * Compiles a file that the native side reads, which is faster. Resolves to undefined if the file cannot or may not be read, or
 * if its bytes are needed here: patterns take names from them, and `trust` checks them.
 */
async function compileFromPath(
  file,
  { cache, compiler, limits, reserve, selection: { kind, patterns }, trust },
  store = undefined,
) {
  if (patterns !== undefined || trust !== undefined || !isAllowed('fs.read', file)) return undefined
  const compileOptions = {
    compiler,
    slots: { kind },
    cache: cache ? toNative(file) : undefined,
    reserve,
    limits: toCompileLimits(limits, store?.limits),
  }
  const module = await compilation.compileFile(file, compileOptions)
  if (!module) return undefined
  return new OwnModule(new ModuleContent(module, { file, isPlugin: true, compileOptions }))
}

/** The content of a Module, including one that another thread has posted; undefined for any other value. */
function findModule(value) {
  const compiled = brand.find(value)
  if (compiled !== undefined) return compiled
  const content = carried(value)
  if (content === undefined) return undefined
  const { bytes, compileOptions } = content
  const { compiler, selection, missing, reserve } = compileOptions
  // While the other thread has the module, this finds the compiled code in the process.
  const options = { compiler, slots: selection, reserve, limits: toCompileLimits({}) }
  const module = compilation.compileSync(bytes, options)
  adopt(new ModuleContent(module, { missing, carrier: value, compileOptions: options }), Module.prototype)
  return posted.get(value)
}

/** The content of an argument that must be a Module. */
const toModule = (value) => findModule(value) ?? brand.get(value, 'module')

module.exports = { Module, OwnModule, compileAsync, compileFromPath, findModule, toModule }
