'use strict'

// The class Tag.

const { formatValue, toDescriptor, toOptions, wrongType } = require('../options/arguments')
const { typeError } = require('../errors')
const { Brand, Handle } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { toStore } = require('./store')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

/** The types of values that an exception of JavaScript may carry. */
const TYPES = ['i32', 'i64', 'f32', 'f64', 'anyfunc', 'externref']

let brand

/** A kind of exception, by which wasm catches it. */
class Tag {
  #handle

  static {
    brand = new Brand('a Tag', (value) => (#handle in value ? value.#handle : undefined))
    webidl(this, 'WebAssembly.Tag')
    inspectable(this, { parameters: (tag) => tag.#handle.store.tagParameters(tag.#handle.id) })
  }

  constructor(descriptor, options = undefined) {
    this.#handle = descriptor instanceof Handle ? descriptor : create(descriptor, options)
    this.#handle.keep('tag', this)
    uncloneable(this)
  }
}

function create(descriptor, options) {
  const store = toStore(toOptions(options, ['store']))
  const { parameters } = toDescriptor(descriptor)
  return new Handle(store, store.tagCreate(toTypes(parameters)))
}

/** The types of a tag, from an iterable or, as in V8, an array-like object. */
function toTypes(list) {
  if (list === null || typeof list !== 'object') throw wrongType('a list of types', 'descriptor.parameters', list)
  const types = typeof list[Symbol.iterator] === 'function' ? [...list] : Array.from(list)
  return types.map((type, index) => toType(type, `descriptor.parameters[${index}]`))
}

function toType(type, argument) {
  const name = `${type}`
  if (TYPES.includes(name)) return name
  const known = TYPES.map((each) => `'${each}'`).join(', ')
  throw typeError(`expected one of ${known} as \`${argument}\`, got ${formatValue(type)}`, 'ERR_INVALID_ARG_VALUE')
}

/** The wrapper of a native tag. */
const tagOf = (store, id) => store.find('tag', id) ?? new Tag(new Handle(store, id))

module.exports = { Tag, tagOf, tagBrand: brand, findTag: (value) => brand.find(value) }
