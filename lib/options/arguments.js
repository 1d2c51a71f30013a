'use strict'

const { inspect, types } = require('node:util')
const { typeError, rangeError } = require('../errors')
const { nearest } = require('../names/nearest')
const { whose } = require('../internal/whose')

/** A value in a few words, for messages. What the user's code throws meanwhile (a string tag) is not told. */
function inWords(value) {
  const options = { depth: -1, customInspect: false, getters: false, maxStringLength: 40, breakLength: Infinity }
  try {
    return whose(value) ?? inspect(value, options)
  } catch {
    return `a value of type ${typeof value}`
  }
}

/** The TypeError for an argument that is not what was expected. */
function wrongType(expected, argument, value, hint = '') {
  return typeError(`expected ${expected} as \`${argument}\`, got ${inWords(value)}${hint && `; ${hint}`}`)
}

/** The bytes of an ArrayBuffer, a SharedArrayBuffer or a view of one. */
function toBytes(value) {
  let bytes
  if (ArrayBuffer.isView(value)) bytes = unlessDetached(() => [value.buffer, value.byteOffset, value.byteLength])
  else if (types.isAnyArrayBuffer(value)) bytes = unlessDetached(() => [value])
  else {
    const hint = typeof value === 'string' ? '`load(path)` reads a file' : ''
    throw wrongType('an ArrayBuffer or a view of one', 'bytes', value, hint)
  }
  // Shared bytes may change while they are compiled: what is checked must be what is run.
  return types.isSharedArrayBuffer(bytes.buffer) ? bytes.slice() : bytes
}

/** A buffer that is detached, or that ends before the view of it does, has no bytes: so says WebIDL. */
function unlessDetached(range) {
  try {
    return new Uint8Array(...range())
  } catch {
    return new Uint8Array()
  }
}

/**
 * An options object of which only the names in `known` may be set: what is not known is a mistake that
 * would otherwise go unseen.
 */
function toOptions(value, known) {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null) throw wrongType('an object', 'options', value)
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue
    const [guess] = nearest(name, known, { atMost: 3 })
    const advice = guess
      ? `did you mean \`${guess}\`?`
      : `there is ${known.map((option) => `\`${option}\``).join(', ')}`
    throw typeError(`unknown option \`${name}\`, ${advice}`, 'ERR_INVALID_ARG_VALUE')
  }
  return value
}

/** The same for the functions of the JS API, which pay no heed to what they do not know. */
function toLooseOptions(value, known) {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(known.filter((name) => value[name] !== undefined).map((name) => [name, value[name]]))
}

/** Whether `close` is asked to let late uses do nothing. */
function toSilent(options) {
  const { lateCalls = 'throw' } = toOptions(options, ['lateCalls'])
  if (lateCalls === 'throw' || lateCalls === 'ignore') return lateCalls === 'ignore'
  const message = `expected 'throw' or 'ignore' as \`options.lateCalls\`, got ${inWords(lateCalls)}`
  throw typeError(message, 'ERR_INVALID_ARG_VALUE')
}

const compilers = ['auto', 'cranelift', 'singlepass']

/** The compiler that the options ask for. */
function toCompiler({ compiler = 'cranelift' }) {
  if (compilers.includes(compiler)) return compiler
  const message = `expected 'auto', 'cranelift' or 'singlepass' as \`options.compiler\`, got ${inWords(compiler)}`
  throw typeError(message, 'ERR_INVALID_ARG_VALUE')
}

/** What memories reserve, as the options say; undefined where they do not say. */
function toReserve({ reserve }) {
  if (reserve === undefined || reserve === 'full' || reserve === 'small') return reserve
  const message = `expected 'full' or 'small' as \`options.reserve\`, got ${inWords(reserve)}`
  throw typeError(message, 'ERR_INVALID_ARG_VALUE')
}

/** Whether the options ask for the disk cache; undefined where they do not say. */
function toCache({ cache }) {
  if (cache === undefined || typeof cache === 'boolean') return cache
  throw wrongType('a boolean', 'options.cache', cache)
}

/** A dictionary of WebIDL: an object, or nothing for one that is empty. */
function toDescriptor(value) {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' && typeof value !== 'function') throw wrongType('an object', 'descriptor', value)
  return value
}

/** WebIDL's `[EnforceRange] unsigned long`. */
function toUnsignedLong(value, argument) {
  const number = Math.trunc(+value) + 0
  if (number >= 0 && number <= 0xffff_ffff) return number
  throw typeError(
    `expected an integer from 0 to 4294967295 as \`${argument}\`, got ${inWords(value)}`,
    'ERR_INVALID_ARG_VALUE',
  )
}

/** The `initial` and `maximum` of a memory or a table, each read and converted in turn; `most` says how much each may be. */
function toLimits(descriptor, most) {
  const givenInitial = descriptor.initial
  if (givenInitial === undefined) throw wrongType('an integer', 'descriptor.initial', givenInitial)
  const initial = toUnsignedLong(givenInitial, 'descriptor.initial')
  const givenMaximum = descriptor.maximum
  const maximum = givenMaximum === undefined ? undefined : toUnsignedLong(givenMaximum, 'descriptor.maximum')
  for (const [name, value] of Object.entries({ initial, maximum })) {
    if (value <= most[name] || value === undefined) continue
    throw rangeError(`\`descriptor.${name}\` is ${value}, more than the ${most[name]} that there can be`)
  }
  if (maximum < initial) {
    throw rangeError(`\`descriptor.maximum\` is ${maximum}, less than \`descriptor.initial\`, which is ${initial}`)
  }
  return { initial, maximum }
}

module.exports = {
  inWords,
  wrongType,
  toBytes,
  toOptions,
  toLooseOptions,
  toCache,
  toCompiler,
  toSilent,
  toDescriptor,
  toReserve,
  toUnsignedLong,
  toLimits,
}
