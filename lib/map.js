'use strict'

const { inWords, toOptions, wrongType } = require('./arguments')
const { rangeError, typeError } = require('./errors')

/** The typed arrays whose elements are values of a type; a result without an array of its own goes into the first. */
const ARRAYS = {
  i32: [Int32Array, Uint32Array],
  i64: [BigInt64Array, BigUint64Array],
  f32: [Float32Array],
  f64: [Float64Array],
}

/** The name of a typed array's class, which is the same in every realm; undefined for anything else. */
const classOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Int8Array.prototype), Symbol.toStringTag).get

/** A call for each row of the columns, all in one crossing. */
function map(native, fn, given) {
  const { parameters, results } = typeOf(native, fn)
  const { columns, into } = parse(given, parameters)
  for (const each of [...parameters, ...results]) {
    if (!Object.hasOwn(ARRAYS, each)) throw unsupported(each)
  }
  const targets = toTargets(into, results)
  const count = lengthOf(columns.length > 0 ? columns : targets, columns.length > 0 ? 'columns' : 'into')
  targets?.forEach((target, index) => checkRoom(target, count, results.length > 1 ? `into[${index}]` : 'into'))
  const made = targets ?? results.map((result) => new ARRAYS[result][0](count))
  native.mapCalls(fn, count, columns, made)
  return results.length > 1 ? (into ?? made) : made[0]
}

/** The types of functions that were asked for. */
const types = new WeakMap()

function typeOf(native, fn) {
  const known = types.get(fn)
  if (known !== undefined) return known
  const type = native.functionType(fn)
  if (!type) throw wrongType('an exported WebAssembly function', 'this', fn)
  types.set(fn, type)
  return type
}

/** The columns, and the option behind them. */
function parse(given, parameters) {
  const columns = given.slice(0, parameters.length)
  if (columns.length < parameters.length || given.length > parameters.length + 1) {
    throw typeError(
      `expected ${parameters.length} typed arrays, one for each parameter, got ${given.length} arguments`,
      'ERR_INVALID_ARG_VALUE',
    )
  }
  columns.forEach((column, index) => checkArray(column, parameters[index], `columns[${index}]`))
  const { into } = toOptions(given[parameters.length], ['into'])
  if (parameters.length === 0 && into === undefined) {
    throw typeError(
      'a function without parameters needs `into`, which says how many calls to make',
      'ERR_INVALID_ARG_VALUE',
    )
  }
  return { columns, into }
}

/** The arrays that results go into, if they were given. */
function toTargets(into, results) {
  if (into === undefined) return undefined
  if (results.length === 0) throw wrongType('nothing, since the function has no result,', 'options.into', into)
  const targets = results.length === 1 ? [into] : into
  if (!Array.isArray(targets) || targets.length !== results.length) {
    throw wrongType(`an array of ${results.length} typed arrays`, 'options.into', into)
  }
  targets.forEach((target, index) =>
    checkArray(target, results[index], results.length === 1 ? 'options.into' : `options.into[${index}]`),
  )
  return targets
}

function checkArray(value, type, argument) {
  const classes = ARRAYS[type]?.map(({ name }) => name)
  if (classes === undefined) throw unsupported(type)
  const found = ArrayBuffer.isView(value) ? classOf.call(value) : undefined
  if (classes.includes(found)) return
  throw typeError(`expected ${classes.join(' or ')} as \`${argument}\` (${type}), got ${inWords(value)}`)
}

/** How many calls there are to make. */
function lengthOf(columns, argument) {
  const [{ length }] = columns
  const other = columns.findIndex((column) => column.length !== length)
  if (other === -1) return length
  throw rangeError(
    `expected \`${argument}\` of one length, got ${length} values in the first and ${columns[other].length} in [${other}]`,
  )
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
