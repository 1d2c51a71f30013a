'use strict'

// Promises that JavaScript functions return where WebAssembly takes a number.

const { types } = require('node:util')
const { typeError } = require('../errors')

/** Most places of a function that are known. */
const MOST = 3

/** The places where each JavaScript function was given: imports, and names of slots. */
const places = new WeakMap()

/** Notes that a function is given as an import, `{ module, name }`, or for a slot, by its name. */
function noteUse(fn, place) {
  const known = places.get(fn)
  if (known === undefined) places.set(fn, [place])
  else if (known.length < MOST && !known.some((each) => isSame(each, place))) known.push(place)
}

const isSame = (one, other) =>
  one === other || (one?.name !== undefined && one.name === other?.name && one.module === other.module)

/** Names the places where a function was given: the native side knows only the function. */
function nameOf(fn) {
  const known = (places.get(fn) ?? []).filter((place) => place !== undefined)
  const names = known.map((place) =>
    typeof place === 'string' ? `the function of slot "${place}"` : `import "${place.module}"."${place.name}"`,
  )
  return names.length === 0 ? 'a JavaScript function' : names.join(' or ')
}

/** Whether a value is a promise, of any library. */
const isPromise = (value) =>
  types.isPromise(value) || (typeof value === 'object' && value !== null && typeof value.then === 'function')

/** Throws if the result of a function, or one of its results, is a promise: as a number it would be 0, without a word. */
function refusePromise(result, fn, due = 'a number') {
  if (!isPromise(result)) return
  // No code will await it.
  if (types.isPromise(result)) result.catch(() => {})
  const message = `${nameOf(fn)} returned a promise where WebAssembly takes ${due}: do the waiting before the call`
  throw typeError(
    `${message}, and return ${due === 'a number' ? 'the number itself' : 'the values themselves'}`,
    'ERR_INVALID_ARG_TYPE',
  )
}

module.exports = { noteUse, refusePromise }
