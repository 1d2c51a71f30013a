'use strict'

const { toBytes, toCompiler, toOptions, wrongType } = require('./arguments')
const { Brand } = require('./handle')
const { compileSync } = require('./native')
const { toType } = require('./slot')
const { webidl } = require('./webidl')

/** A native module on its way into a Module: how `compile` calls the constructor. */
class Compiled {
  constructor(native) {
    this.native = native
  }
}

let brand

/** Compiled code: immutable, and good for any number of instances in any store. */
class Module {
  #native

  static {
    brand = new Brand('a Module', (value) => (#native in value ? value.#native : undefined))
    webidl(this, 'WebAssembly.Module')
  }

  constructor(bytes, options = undefined) {
    this.#native = bytes instanceof Compiled ? bytes.native : compile(bytes, options)
  }

  static exports(moduleObject) {
    return toModule(moduleObject).exports()
  }

  static imports(moduleObject) {
    const imports = toModule(moduleObject).imports()
    return imports.map(({ module: from, name, kind }) => ({ module: from, name, kind }))
  }

  static customSections(moduleObject, name) {
    const native = toModule(moduleObject)
    if (name === undefined) throw wrongType('a string', 'name', name)
    return native.customSections(`${name}`)
  }

  static slots(moduleObject) {
    const slots = toModule(moduleObject).slots()
    return slots.map(({ name, kind, rust, docs, ...type }) => ({ name, kind, type: toType(type), rust, docs }))
  }
}

function compile(bytes, options) {
  const compiler = toCompiler(toOptions(options, ['compiler']))
  return compileSync(toBytes(bytes), compiler)
}

/** The Module of a native one. */
const fromNative = (native) => new Module(new Compiled(native))

/** The native module of a Module; undefined for anything else. */
const findModule = (value) => brand.find(value)

/** The native module of an argument that must be a Module. */
const toModule = (value) => brand.get(value, 'module')

module.exports = { Module, fromNative, findModule, toModule }
