'use strict'

// The functions of instances by name, for manifests.

const { coreOf } = require('../internal/owners')

/** The function that an instance exports under this name, or the original function of its slot of this name. */
function functionNamed(instance, name) {
  const exported = Object.hasOwn(instance.exports, name) ? instance.exports[name] : undefined
  return typeof exported === 'function' ? exported : instance.slot(name).original
}

/** A name by which `functionNamed` finds a function of an instance; undefined if it has none. */
function nameOf(instance, fn, known = undefined) {
  const isSame = (other) => other !== null && coreOf(other) === coreOf(fn)
  for (const [name, value] of Object.entries(instance.exports)) {
    if (typeof value === 'function' && isSame(value)) return name
  }
  try {
    return known !== undefined && isSame(functionNamed(instance, known)) ? known : undefined
  } catch (error) {
    // No slot has this name, or several have.
    if (error?.code === undefined) throw error
    return undefined
  }
}

/** Whether two functions are the same for a slot. */
const isSameFunction = (one, other) => coreOf(one) === coreOf(other)

module.exports = { functionNamed, isSameFunction, nameOf }
