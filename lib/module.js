'use strict'

const { toBytes, toCompiler, toOptions, wrongType } = require('./arguments')
const { Brand } = require('./handle')
const { inspectable } = require('./inspect')
const { compileSync } = require('./native')
const { toType } = require('./slot')
const { uncloneable } = require('./uncloneable')
const { webidl } = require('./webidl')

/** What is in a Module: the native one, and the file that it came from, if `load` made it. */
class Compiled {
  constructor(native, file) {
    this.native = native
    this.file = file
  }
}

let brand

/** Compiled code: immutable, and good for any number of instances in any store. */
class Module {
  #compiled

  static {
    brand = new Brand('a Module', (value) => (#compiled in value ? value.#compiled : undefined))
    webidl(this, 'WebAssembly.Module')
    inspectable(this, {
      imports: (module) => Module.imports(module).map(({ module: from, name }) => `${from}.${name}`),
      exports: (module) => Module.exports(module).map(({ name }) => name),
      slots: (module) => Module.slots(module).map(({ name }) => name),
    })
  }

  constructor(bytes, options = undefined) {
    this.#compiled = bytes instanceof Compiled ? bytes : new Compiled(compile(bytes, options))
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
    return native.customSections(`${name}`)
  }

  static slots(moduleObject) {
    const slots = toModule(moduleObject).native.slots()
    return slots.map(({ name, kind, rust, docs, ...type }) => ({ name, kind, type: toType(type), rust, docs }))
  }
}

function compile(bytes, options) {
  const compiler = toCompiler(toOptions(options, ['compiler']))
  return compileSync(toBytes(bytes), compiler)
}

/** The Module of a native one. */
const fromNative = (native, file) => new Module(new Compiled(native, file))

/** What is in a Module; undefined for anything else. */
const findModule = (value) => brand.find(value)

/** What is in an argument that must be a Module. */
const toModule = (value) => brand.get(value, 'module')

module.exports = { Module, fromNative, findModule, toModule }
