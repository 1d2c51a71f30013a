'use strict'

const { inWords, toOptions, wrongType } = require('../options/arguments')
const { rangeError, typeError } = require('../errors')

/** The typed arrays whose elements are values of a type; a result without an array of its own goes into the first. */
const ARRAYS = {
  i32: [Int32Array, Uint32Array],
  i64: [BigInt64Array, BigUint64Array],
  f32: [Float32Array],
  f64: [Float64Array],
}

/** Their names: to ask a class for its own takes long. */
const NAMES = Object.fromEntries(
  Object.entries(ARRAYS).map(([type, classes]) => [type, classes.map(({ name }) => name)]),
)

/** The name of a typed array's class, which is the same in every realm; undefined for anything else. */
const classOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Int8Array.prototype), Symbol.toStringTag).get

/** A call for each row of the columns, all in one crossing. */
function map(native, fn, given) {
  const { address, parameters, results, strange } = functionOf(native, fn)
  const options = takeOptions(given, parameters.length)
  for (let index = 0; index < parameters.length; index++) {
    checkArray(given[index], parameters[index], 'columns', index)
  }
  const { into } = toOptions(options, ['into'])
  if (parameters.length === 0 && into === undefined) {
    throw typeError(
      'a function without parameters needs `into`, which says how many calls to make',
      'ERR_INVALID_ARG_VALUE',
    )
  }
  if (strange !== undefined) throw unsupported(strange)
  const targets = toTargets(into, results)
  const count = parameters.length > 0 ? lengthOf(given, 'columns') : lengthOf(targets, 'into')
  targets?.forEach((target, index) => checkRoom(target, count, results.length > 1 ? `into[${index}]` : 'into'))
  const made = targets ?? results.map((result) => new ARRAYS[result][0](count))
  // The function is handed over, or V8 could see that no one looks at it any more.
  native.mapCalls(address, count, given, made, fn)
  return results.length > 1 ? (into ?? made) : made[0]
}

/** What is known of the functions that were asked. */
const functions = new WeakMap()

/** Where the native side has a function, its type, and a type of its values that stands in no typed array, if one does. */
function functionOf(native, fn) {
  const known = functions.get(fn)
  if (known !== undefined) return known
  const [type, address] = [native.functionType(fn), native.addressOf(fn)]
  if (!type || address === undefined) throw wrongType('an exported WebAssembly function', 'this', fn)
  const strange = [...type.parameters, ...type.results].find((each) => !Object.hasOwn(ARRAYS, each))
  const learned = { ...type, strange, address }
  functions.set(fn, learned)
  return learned
}

/** Takes the options off the arguments, which leaves the columns. */
function takeOptions(given, count) {
  if (given.length < count || given.length > count + 1) {
    throw typeError(
      `expected ${count} typed arrays, one for each parameter, got ${given.length} arguments`,
      'ERR_INVALID_ARG_VALUE',
    )
  }
  return given.length > count ? given.pop() : undefined
}

/** The arrays that results go into, if they were given. */
function toTargets(into, results) {
  if (into === undefined) return undefined
  if (results.length === 0) throw wrongType('nothing, since the function has no result,', 'options.into', into)
  const isList = results.length === 1 || Array.isArray(into)
  // Each element is read once, since that may run the user's code.
  const targets = results.length === 1 ? [into] : isList ? Array.from(into) : []
  if (!isList || targets.length !== results.length) {
    throw wrongType(`an array of ${results.length} typed arrays`, 'options.into', into)
  }
  if (results.length === 1) checkArray(into, results[0], 'options.into')
  else targets.forEach((target, index) => checkArray(target, results[index], 'options.into', index))
  return targets
}

function checkArray(value, type, list, index) {
  const names = NAMES[type]
  if (names === undefined) throw unsupported(type)
  const found = ArrayBuffer.isView(value) ? classOf.call(value) : undefined
  if (names.includes(found)) return
  const argument = index === undefined ? list : `${list}[${index}]`
  throw typeError(`expected ${names.join(' or ')} as \`${argument}\` (${type}), got ${inWords(value)}`)
}

/** How many calls there are to make. */
function lengthOf(columns, argument) {
  const [{ length }] = columns
  for (let other = 1; other < columns.length; other++) {
    if (columns[other].length === length) continue
    throw rangeError(
      `expected \`${argument}\` of one length, got ${length} values in the first and ${columns[other].length} in [${other}]`,
    )
  }
  return length
}

function checkRoom({ length }, count, argument) {
  if (length >= count) return
  throw rangeError(`expected room for ${count} values in \`options.${argument}\`, got ${length}`)
}

const unsupported = (type) => typeError(`values of type ${type} do not stand in typed arrays`, 'ERR_RELINK_UNSUPPORTED')

/** The method `map` of exported functions, with the addon that it calls, which is above this file. */
const mapOf = (native) =>
  function (...given) {
    return map(native, this, given)
  }

module.exports = { mapOf }
