'use strict'

// Misfits: values that do not have their type.

const { RuntimeError, typeError } = require('../errors')

/** A value that does not have its type. It is thrown while a value is converted; each level adds its part of the path. */
class Misfit {
  path = ''

  /** `expected` is what the type asks for, `got` what came. */
  constructor(expected, got) {
    this.expected = expected
    this.got = got
  }

  /** Adds a part of the path to an error that is passing, if it is a misfit. Returns the error. */
  static at(error, part) {
    if (error instanceof Misfit) error.path = part + error.path
    return error
  }
}

const join = (root, path) => (root === '' ? path.replace(/^\./, '') : root + path)

/** The TypeError for a value of JavaScript that does not fit. Any other error comes back as it is. */
function refusal(error, root) {
  if (!(error instanceof Misfit)) return error
  const path = join(root, error.path)
  return typeError(`${path}: expected ${error.expected}, got ${error.got}`, 'ERR_INVALID_ARG_TYPE', { path })
}

/** The error for a value of a guest that is not valid. Any other error comes back as it is. */
function fault(error, subject, root) {
  if (!(error instanceof Misfit)) return error
  const path = join(root, error.path)
  const message = `${subject}: ${path} is not valid: expected ${error.expected}, got ${error.got}`
  return new RuntimeError(message, { code: 'ERR_RELINK_VALUE', details: { path } })
}

/** A value of JavaScript in a message. */
function described(value) {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'string':
      return value.length <= 40 ? JSON.stringify(value) : `a string of ${value.length} characters`
    case 'object':
      return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
    case 'function':
      return 'a function'
    case 'bigint':
      return `${value}n`
    default:
      return String(value)
  }
}

/** The kind of a value, for a message about a kind. */
function kindOf(value) {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

module.exports = { Misfit, described, fault, kindOf, refusal }
