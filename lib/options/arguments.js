'use strict'

// Conversions and checks of arguments.

const { inspect, types } = require('node:util')
const { typeError, rangeError } = require('../errors')
const { MOST_UNSIGNED } = require('./limits')
const { nearest } = require('../names/nearest')
const { whose } = require('../internal/whose')

/** A value as short text, for messages. Errors of the user's code, like a getter for a string tag, are dropped. */
function formatValue(value) {
  const options = { depth: -1, customInspect: false, getters: false, maxStringLength: 40, breakLength: Infinity }
  try {
    return whose(value) ?? inspect(value, options)
  } catch {
    return `a value of type ${typeof value}`
  }
}

/** The TypeError for an argument that is not what was expected. */
function wrongType(expected, argument, value, hint = '') {
  return typeError(`expected ${expected} as \`${argument}\`, got ${formatValue(value)}${hint && `; ${hint}`}`)
}

/** Whether a value is a plain object, of any realm. */
function isPlain(value) {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
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
  // Another thread may change shared bytes during the compile: the code that is checked must be the code that runs.
  return types.isSharedArrayBuffer(bytes.buffer) ? bytes.slice() : bytes
}

/** The bytes of a range; empty, as in WebIDL, if the buffer is detached or ends before its view does. */
function unlessDetached(range) {
  try {
    return new Uint8Array(...range())
  } catch {
    return new Uint8Array()
  }
}

/**
 * An options object, in which only the names in `known` may be set: an unknown name is probably a mistake. `argument` names the
 * object in messages.
 */
function toOptions(value, known, argument = 'options') {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null) throw wrongType('an object', argument, value)
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue
    const [guess] = nearest(name, known, { atMost: 3 })
    const advice = guess
      ? `did you mean \`${guess}\`?`
      : `expected one of ${known.map((option) => `\`${option}\``).join(', ')}`
    const where = argument === 'options' ? '' : ` in \`${argument}\``
    throw typeError(`unknown option \`${name}\`${where}, ${advice}`, 'ERR_INVALID_ARG_VALUE')
  }
  return value
}

/** The known options of an object, for the functions of the JS API: they ignore unknown names. */
function toLooseOptions(value, known) {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(known.filter((name) => value[name] !== undefined).map((name) => [name, value[name]]))
}

/** The option `lateCalls` of `close`: whether later uses do nothing. */
function toSilent(options) {
  const { lateCalls = 'throw' } = toOptions(options, ['lateCalls'])
  if (lateCalls === 'throw' || lateCalls === 'ignore') return lateCalls === 'ignore'
  const message = `expected 'throw' or 'ignore' as \`options.lateCalls\`, got ${formatValue(lateCalls)}`
  throw typeError(message, 'ERR_INVALID_ARG_VALUE')
}

const compilers = ['auto', 'cranelift', 'singlepass']

/** The option `compiler`. */
function toCompiler({ compiler = 'cranelift' }) {
  if (compilers.includes(compiler)) return compiler
  const message = `expected 'auto', 'cranelift' or 'singlepass' as \`options.compiler\`, got ${formatValue(compiler)}`
  throw typeError(message, 'ERR_INVALID_ARG_VALUE')
}

/** The option `reserve`; undefined if it is not set. */
function toReserve({ reserve }) {
  if (reserve === undefined || reserve === 'full' || reserve === 'small') return reserve
  const message = `expected 'full' or 'small' as \`options.reserve\`, got ${formatValue(reserve)}`
  throw typeError(message, 'ERR_INVALID_ARG_VALUE')
}

/** The option `cache`; undefined if it is not set. */
function toCache({ cache }) {
  if (cache === undefined || typeof cache === 'boolean') return cache
  throw wrongType('a boolean', 'options.cache', cache)
}

/** The option `timeout`, in milliseconds; undefined if it is not set. */
function toTimeout({ timeout }) {
  return timeout === undefined ? undefined : toMilliseconds(timeout, 'options.timeout')
}

/** A timeout in milliseconds. */
function toMilliseconds(value, argument) {
  if (typeof value !== 'number') throw wrongType('a number of milliseconds', argument, value)
  if (value > 0 && value < Infinity) return value
  throw rangeError(`expected a positive, finite number of milliseconds as \`${argument}\`, got ${formatValue(value)}`)
}

/** A dictionary of WebIDL: undefined and null count as empty ones. */
function toDescriptor(value) {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' && typeof value !== 'function') throw wrongType('an object', 'descriptor', value)
  return value
}

/** WebIDL's `[EnforceRange] unsigned long`. */
function toUnsignedLong(value, argument) {
  const number = Math.trunc(+value) + 0
  if (number >= 0 && number <= MOST_UNSIGNED) return number
  throw typeError(
    `expected an integer from 0 to ${MOST_UNSIGNED} as \`${argument}\`, got ${formatValue(value)}`,
    'ERR_INVALID_ARG_VALUE',
  )
}

/** The `initial` and `maximum` of a memory or a table, read and converted in this order. `most` are their limits. */
function toLimits(descriptor, most) {
  const givenInitial = descriptor.initial
  if (givenInitial === undefined) throw wrongType('an integer', 'descriptor.initial', givenInitial)
  const initial = toUnsignedLong(givenInitial, 'descriptor.initial')
  const givenMaximum = descriptor.maximum
  const maximum = givenMaximum === undefined ? undefined : toUnsignedLong(givenMaximum, 'descriptor.maximum')
  for (const [name, value] of Object.entries({ initial, maximum })) {
    if (value <= most[name] || value === undefined) continue
    throw rangeError(`expected at most ${most[name]} as \`descriptor.${name}\`, got ${value}`)
  }
  if (maximum < initial) {
    throw rangeError(`expected a \`descriptor.maximum\` of at least \`descriptor.initial\`, ${initial}, got ${maximum}`)
  }
  return { initial, maximum }
}

/** The option `wit`: the text of a WIT world. */
function toWit({ wit }) {
  if (wit === undefined || typeof wit === 'string') return wit
  throw wrongType('a string', 'options.wit', wit)
}

module.exports = {
  isPlain,
  toWit,
  formatValue,
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
  toMilliseconds,
  toTimeout,
}
