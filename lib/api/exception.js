'use strict'

// The class Exception.

const { toUnsignedLong, wrongType } = require('../options/arguments')
const { isTrap, rangeError, typeError } = require('../errors')
const { Brand, Handle } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { refuseValue } = require('../native/refusals')
const { NativeStore } = require('../native/store')
const { tagBrand, tagOf } = require('./tag')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

/** The types of values that WebAssembly may throw, but JavaScript cannot have. */
const OPAQUE = ['v128', 'exnref']

let brand

/** An exception that WebAssembly throws or can catch: a tag, and a value for each of its parameters. */
class Exception {
  #content

  static {
    brand = new Brand('an Exception', (value) => (#content in value ? value.#content : undefined))
    webidl(this, 'WebAssembly.Exception')
    inspectable(this, {
      tag: (exception) => tagOf(exception.#content.store, exception.#content.tag),
      payload: (exception) => exception.#content.values,
    })
  }

  constructor(exceptionTag, payload, options = undefined) {
    this.#content = exceptionTag instanceof Handle ? exceptionTag.details : create(exceptionTag, payload)
    uncloneable(this)
    const traceStack = options === undefined || options === null ? false : options.traceStack
    const trace = {}
    if (traceStack) Error.captureStackTrace?.(trace, Exception)
    // As in V8: an own property, undefined unless it was asked for.
    Object.defineProperty(this, 'stack', { value: trace.stack, writable: true, configurable: true })
  }

  is(exceptionTag) {
    const { store, tag } = brand.get(this)
    return isTag(store, tag, exceptionTag)
  }

  getArg(exceptionTag, index) {
    const { store, tag, types, values } = brand.get(this)
    if (!isTag(store, tag, exceptionTag))
      throw typeError('expected the tag of the exception as `exceptionTag`, got another Tag', 'ERR_INVALID_ARG_VALUE')
    const position = toUnsignedLong(index, 'index')
    if (position >= values.length) {
      throw rangeError(
        `expected an \`index\` below ${values.length}, the number of values of the exception, got ${position}`,
      )
    }
    if (OPAQUE.includes(types[position])) refuseValue(types[position])
    return values[position]
  }
}

function isTag(store, tag, exceptionTag) {
  const other = tagBrand.get(exceptionTag, 'exceptionTag')
  return other.store === store && other.id === tag
}

function create(exceptionTag, payload) {
  const { store, id: tag } = tagBrand.get(exceptionTag, 'exceptionTag')
  if (payload === undefined || payload === null || typeof payload[Symbol.iterator] !== 'function') {
    throw wrongType('an iterable', 'payload', payload)
  }
  const given = [...payload]
  const types = store.tagParameters(tag)
  if (given.length !== types.length) {
    throw typeError(
      `expected ${types.length} values as \`payload\`, one for each parameter of the tag, got ${given.length}`,
      'ERR_INVALID_ARG_VALUE',
    )
  }
  const values = given.map((value, index) => store.convert(types[index], value))
  // The conversions may have closed the tag's instance: check again.
  store.tagParameters(tag)
  // `held` keeps the tag alive.
  return {
    store,
    tag,
    held: exceptionTag,
    types,
    values,
  }
}

NativeStore.exceptions = {
  /** Converts a thrown value for wasm that catches: see src/napi/env/lib_functions.rs. */
  toList(store, value) {
    // A trap ends all wasm on the stack, as in V8.
    if (isTrap(value)) return null
    const content = brand.find(value)
    return content?.store === store ? [content.tag, ...content.values] : undefined
  },
  /** Makes the Exception for an exception that wasm threw, from the id of its tag, the tag's types, and the values. */
  fromList(store, [tag, types, ...values]) {
    return new Exception(new Handle(store, undefined, { store, tag, held: tagOf(store, tag), types, values }))
  },
}

module.exports = { Exception }
