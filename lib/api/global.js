'use strict'

// The class Global.

const { formatValue, toDescriptor, toOptions } = require('../options/arguments')
const { typeError } = require('../errors')
const { Brand, Handle } = require('../internal/handle')
const { refuseValue } = require('../native/refusals')
const { inspectable } = require('../node/inspect')
const { toStore } = require('./store')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

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
    this.#handle.keep('global', this)
    uncloneable(this)
  }

  get value() {
    const { store, id } = brand.get(this)
    return store.globalGet(id)
  }

  set value(value) {
    const { store, id } = brand.get(this)
    if (arguments.length === 0) throw typeError('expected a value for the global, got no argument')
    store.globalSet(id, value)
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
  const [isMutable, name] = [Boolean(mutable), toType(type)]
  return new Handle(store, store.globalCreate(name, isMutable, value === undefined ? ZERO[name] : value))
}

/** The value of a global of each type where none is given. */
const ZERO = { __proto__: null, i32: 0, i64: 0n, f32: 0, f64: 0, anyfunc: null, externref: undefined }

function toType(type) {
  const name = `${type}`
  if (name in ZERO) return name
  if (name === 'v128') refuseValue(name)
  const known = Object.keys(ZERO).map((each) => `'${each}'`)
  throw typeError(
    `expected one of ${known.join(', ')} as \`descriptor.value\`, got ${formatValue(type)}`,
    'ERR_INVALID_ARG_VALUE',
  )
}

/** The wrapper of a native global. */
const globalOf = (store, id) => store.find('global', id) ?? new Global(new Handle(store, id))

module.exports = { Global, globalOf, findGlobal: (value) => brand.find(value) }
