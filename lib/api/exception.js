'use strict'

const { toUnsignedLong, wrongType } = require('../options/arguments')
const { isTrap, rangeError, typeError } = require('../errors')
const { Brand, Handle } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { NativeStore } = require('../native')
const { tagBrand, tagOf } = require('./tag')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

/** The types whose values WebAssembly may throw, and JavaScript not see. */
const UNSEEN = ['v128', 'exnref']

let brand

/** What WebAssembly throws, or JavaScript throws for WebAssembly to catch: a tag and the values that it asks for. */
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
    // Where V8 shows it: an own property, with nothing in it if it was not asked for.
    Object.defineProperty(this, 'stack', { value: trace.stack, writable: true, configurable: true })
  }

  is(exceptionTag) {
    const { store, tag } = brand.get(this)
    return isTag(store, tag, exceptionTag)
  }

  getArg(exceptionTag, index) {
    const { store, tag, types, values } = brand.get(this)
    if (!isTag(store, tag, exceptionTag)) throw typeError('the exception has another tag', 'ERR_INVALID_ARG_VALUE')
    const position = toUnsignedLong(index, 'index')
    if (position >= values.length) {
      throw rangeError(`index ${position} is out of range: the exception carries ${values.length} values`)
    }
    if (!UNSEEN.includes(types[position])) return values[position]
    throw typeError(
      `values of type ${types[position]} do not cross between WebAssembly and JavaScript`,
      'ERR_RELINK_UNSUPPORTED',
    )
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
    throw typeError(`expected ${types.length} values as \`payload\`, got ${given.length}`, 'ERR_INVALID_ARG_VALUE')
  }
  const values = given.map((value, index) => store.convert(types[index], value))
  // The conversions may have closed it.
  store.tagParameters(tag)
  // The tag is held, as long as the exception may be asked about it.
  return {
    store,
    tag,
    held: exceptionTag,
    types,
    values,
  }
}

NativeStore.exceptions = {
  /** What a thrown value is for wasm that catches: see `NativeHost`. */
  toList(store, value) {
    // A trap ends all wasm on the stack, as in V8.
    if (isTrap(value)) return null
    const content = brand.find(value)
    return content?.store === store ? [content.tag, ...content.values] : undefined
  },
  /** The Exception of one that wasm threw: its tag, the types of that, and the values. */
  fromList(store, [tag, types, ...values]) {
    return new Exception(new Handle(store, undefined, { store, tag, held: tagOf(store, tag), types, values }))
  },
}

module.exports = { Exception }
