'use strict'

// Promises that JavaScript functions return where WebAssembly takes a number.

const { types } = require('node:util')
const { typeError } = require('../errors')

/** The last place where each JavaScript function was given: an import, or the name of a slot. */
const places = new WeakMap()

/** Notes that a function is given as an import, `{ module, name }`, or for a slot, by its name. */
const noteUse = (fn, place) => void places.set(fn, place)

const nameOf = (place) => {
  if (place === undefined) return 'a JavaScript function'
  return typeof place === 'string' ? `the function of slot "${place}"` : `import "${place.module}"."${place.name}"`
}

/** Throws if the result of a function is a promise: as a number it would be 0, without a word. */
function refusePromise(result, fn) {
  if (!types.isPromise(result)) return
  // Nobody will await it.
  result.catch(() => {})
  const message = `${nameOf(places.get(fn))} returned a promise where WebAssembly takes a number: do the waiting before the call`
  throw typeError(`${message}, and return the number itself`, 'ERR_INVALID_ARG_TYPE')
}

module.exports = { noteUse, refusePromise }
