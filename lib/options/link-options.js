'use strict'

// Options of linking.

const { formatValue, toOptions, wrongType } = require('./arguments')
const { typeError } = require('../errors')

/** The bits of permissions, as in `Allowed` of src/link/allowed.rs. */
const ALLOWED = { merged: 1, callSites: 2, pointers: 4 }

/** The names of the options. */
const LINK_OPTIONS = ['merged', 'pointers', 'type']

/** No permission. */
const NOTHING_ALLOWED = { allowed: 0, type: undefined, callSite: false }

/**
 * The options of linking: `allowed` are the permissions as bits, `callSite` says whether a table entry may take a function by the
 * type of a call site, and `type` is that type if it is given. `known` are the names that may be set.
 */
function toLinkOptions(options, known = LINK_OPTIONS) {
  if (options === undefined) return NOTHING_ALLOWED
  const { merged, pointers, type } = toOptions(options, known)
  const callSite = type !== undefined
  const bits = [merged && ALLOWED.merged, pointers && ALLOWED.pointers, callSite && ALLOWED.callSites]
  return { allowed: bits.reduce((all, bit) => all | bit, 0), type: callSite ? toCallType(type) : undefined, callSite }
}

/** The type of a call site: undefined for `'call-site'`, which leaves the choice to the native side. */
function toCallType(type) {
  if (type === 'call-site') return undefined
  if (typeof type !== 'object' || type === null) {
    throw wrongType("'call-site' or a function type", 'options.type', type)
  }
  const { parameters = [], results = [] } = toOptions(type, ['parameters', 'results'], 'options.type')
  return {
    parameters: toValueTypes(parameters, 'options.type.parameters'),
    results: toValueTypes(results, 'options.type.results'),
  }
}

const VALUE_TYPES = ['i32', 'i64', 'f32', 'f64', 'v128', 'funcref', 'externref']

function toValueTypes(types, argument) {
  if (!Array.isArray(types)) throw wrongType('an array of value types', argument, types)
  const wrong = types.findIndex((type) => !VALUE_TYPES.includes(type))
  if (wrong === -1) return [...types]
  const expected = VALUE_TYPES.map((name) => `'${name}'`).join(', ')
  const message = `expected one of ${expected} as \`${argument}[${wrong}]\`, got ${formatValue(types[wrong])}`
  throw typeError(message, 'ERR_INVALID_ARG_VALUE')
}

module.exports = { ALLOWED, LINK_OPTIONS, toLinkOptions }
