'use strict'

// The method `map` of exported functions.

const { formatValue, toOptions, wrongType } = require('../options/arguments')
const { rangeError, typeError } = require('../errors')

/** The classes of typed arrays for each type. A result without a given array goes into a new array of the first class. */
const ARRAYS = {
  i32: [Int32Array, Uint32Array],
  i64: [BigInt64Array, BigUint64Array],
  f32: [Float32Array],
  f64: [Float64Array],
}

/** The names of these classes: reading `name` of a class is slow. */
const NAMES = Object.fromEntries(
  Object.entries(ARRAYS).map(([type, classes]) => [type, classes.map(({ name }) => name)]),
)

/** The getter for the name of a typed array's class, which is the same in every realm; undefined for any other value. */
const classOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Int8Array.prototype), Symbol.toStringTag).get

/** Calls a function for each row of the columns, in one native call. */
function map(native, fn, given) {
  const { address, parameters, results, unsupported } = functionOf(native, fn)
  const options = takeOptions(given, parameters.length)
  for (let index = 0; index < parameters.length; index++) {
    checkArray(native, given[index], parameters[index], 'columns', index)
  }
  const { into } = toOptions(options, ['into'])
  if (parameters.length === 0 && into === undefined) {
    throw typeError(
      'expected `options.into` for a function without parameters, since its length is the number of calls, got none',
      'ERR_INVALID_ARG_VALUE',
    )
  }
  if (unsupported !== undefined) native.refuseColumn(unsupported)
  const targets = toTargets(native, into, results)
  const count = parameters.length > 0 ? lengthOf(given, 'columns') : lengthOf(targets, 'into')
  targets?.forEach((target, index) => checkRoom(target, count, results.length > 1 ? `into[${index}]` : 'into'))
  const made = targets ?? results.map((result) => new ARRAYS[result][0](count))
  // The function is an argument, so that V8 keeps it alive during the calls.
  native.mapCalls(address, count, given, made, fn)
  return results.length > 1 ? (into ?? made) : made[0]
}

/** The functions that were mapped, with their types and addresses. */
const functions = new WeakMap()

/** The address and type of a function, and the first of its types that no typed array holds. */
function functionOf(native, fn) {
  const known = functions.get(fn)
  if (known !== undefined) return known
  const [type, address] = [native.functionType(fn), native.addressOf(fn)]
  if (!type || address === undefined) throw wrongType('an exported WebAssembly function', 'this', fn)
  const unsupported = [...type.parameters, ...type.results].find((each) => !Object.hasOwn(ARRAYS, each))
  const learned = { ...type, unsupported, address }
  functions.set(fn, learned)
  return learned
}

/** Removes the options from the arguments, which leaves the columns. */
function takeOptions(given, count) {
  if (given.length < count || given.length > count + 1) {
    throw typeError(
      `expected ${count} typed array${count === 1 ? '' : 's'}, one for each parameter, got ${given.length}`,
      'ERR_INVALID_ARG_VALUE',
    )
  }
  return given.length > count ? given.pop() : undefined
}

/** The arrays for the results, if they are given. */
function toTargets(native, into, results) {
  if (into === undefined) return undefined
  if (results.length === 0) throw wrongType('undefined, since the function has no result,', 'options.into', into)
  const isList = results.length === 1 || Array.isArray(into)
  // Reads each element once, since that may run the user's code.
  const targets = results.length === 1 ? [into] : isList ? Array.from(into) : []
  if (!isList || targets.length !== results.length) {
    throw wrongType(`an array of ${results.length} typed arrays`, 'options.into', into)
  }
  if (results.length === 1) checkArray(native, into, results[0], 'options.into')
  else targets.forEach((target, index) => checkArray(native, target, results[index], 'options.into', index))
  return targets
}

function checkArray(native, value, type, list, index) {
  const names = NAMES[type]
  if (names === undefined) native.refuseColumn(type)
  const found = ArrayBuffer.isView(value) ? classOf.call(value) : undefined
  if (names.includes(found)) return
  const argument = index === undefined ? list : `${list}[${index}]`
  throw typeError(`expected ${names.join(' or ')} as \`${argument}\` (${type}), got ${formatValue(value)}`)
}

/** Number of calls: the length of all arrays. */
function lengthOf(columns, argument) {
  const [{ length }] = columns
  for (let other = 1; other < columns.length; other++) {
    if (columns[other].length === length) continue
    throw rangeError(
      `expected \`${argument}\` of the same length, got ${length} values in the first and ${columns[other].length} in [${other}]`,
    )
  }
  return length
}

function checkRoom({ length }, count, argument) {
  if (length >= count) return
  throw rangeError(`expected room for ${count} values in \`options.${argument}\`, got ${length}`)
}

/** Makes the method `map` of exported functions. `native` are the functions of the addon, which is above this file. */
const mapOf = (native) =>
  function (...given) {
    return map(native, this, given)
  }

module.exports = { mapOf }
