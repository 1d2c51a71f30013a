'use strict'

const { inWords, toDescriptor, toOptions } = require('./arguments')
const { typeError } = require('./errors')
const { Brand, Handle } = require('./handle')
const { inspectable } = require('./inspect')
const { toStore } = require('./store')
const { uncloneable } = require('./uncloneable')
const { webidl } = require('./webidl')

let brand

/** A global variable. */
class Global {
  #handle

  static {
    brand = new Brand('a Global', (value) => (#handle in value ? value.#handle : undefined))
    webidl(this, 'WebAssembly.Global')
    inspectable(this, {
      type: (global) => typeOf(global.#handle).value,
      mutable: (global) => typeOf(global.#handle).mutable,
      value: (global) => global.value,
    })
  }

  constructor(descriptor, value = undefined, options = undefined) {
    this.#handle = descriptor instanceof Handle ? descriptor : create(descriptor, value, options)
    const { store, id } = this.#handle
    store.keep(Global, id, this)
    uncloneable(this)
  }

  get value() {
    const { store, id } = brand.get(this)
    return store.globalGet(id)
  }

  set value(value) {
    const { store, id } = brand.get(this)
    if (arguments.length === 0) throw typeError('expected a value to set, got none')
    const convert = numeric[typeOf({ store, id }).value]?.[0]
    store.globalSet(id, convert === undefined ? value : convert(value))
  }

  valueOf() {
    const { store, id } = brand.get(this)
    return store.globalGet(id)
  }
}

const typeOf = ({ store, id }) => store.globalType(id)

function create(descriptor, value, options) {
  const store = toStore(toOptions(options, ['store']))
  const { mutable, value: type } = toDescriptor(descriptor)
  return new Handle(store, createGlobal(store, `${type}`, Boolean(mutable), value))
}

/** ECMAScript's ToNumber, which refuses a BigInt. */
const toNumber = (value) => +value

/** The numeric types: what a value of each is made of, and what it is without one. */
const numeric = {
  __proto__: null,
  i32: [toNumber, 0],
  i64: [(value) => BigInt.asIntN(64, value), 0n],
  f32: [toNumber, 0],
  f64: [toNumber, 0],
}

/** Makes a native global of a numeric type and returns its id. */
function createGlobal(store, type, mutable, value) {
  const [convert, zero] = numeric[type] ?? unsupported(type)
  return store.globalCreate(type, mutable, value === undefined ? zero : convert(value))
}

function unsupported(type) {
  if (['anyfunc', 'externref', 'v128'].includes(type)) {
    throw typeError(`a Global of type ${type} cannot be made from JavaScript`, 'ERR_RELINK_UNSUPPORTED')
  }
  throw typeError(
    `expected 'i32', 'i64', 'f32' or 'f64' as \`descriptor.value\`, got ${inWords(type)}`,
    'ERR_INVALID_ARG_VALUE',
  )
}

/** The Global of a native one. */
const globalOf = (store, id) => store.find(Global, id) ?? new Global(new Handle(store, id))

module.exports = { Global, globalOf, createGlobal, findGlobal: (value) => brand.find(value) }
