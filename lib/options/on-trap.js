'use strict'

// The options `onTrap` and `onRecycle`: what a trap does to an instance.

const { formatValue, toOptions, wrongType } = require('./arguments')
const { rangeError, typeError } = require('../errors')

/** The names of the options. */
const ON_TRAP = ['onRecycle', 'onTrap']

/** How often an instance is recycled, unless its options say otherwise: `most` times within `within` milliseconds. */
const BY_DEFAULT = { most: 1000, within: 1000 }

/** The limits of the option `onTrap`; undefined for 'keep', which is the default. */
function toOnTrap({ onTrap = 'keep' }) {
  if (onTrap === 'keep') return undefined
  if (onTrap === 'recycle') return BY_DEFAULT
  if (typeof onTrap !== 'object' || onTrap === null) {
    const expected = "'keep', 'recycle' or { recycle: { most, within } }"
    const message = `expected ${expected} as \`options.onTrap\`, got ${formatValue(onTrap)}`
    throw typeError(message, 'ERR_INVALID_ARG_VALUE')
  }
  const { recycle } = toOptions(onTrap, ['recycle'], 'options.onTrap')
  if (typeof recycle !== 'object' || recycle === null) {
    throw wrongType('an object { most, within }', 'options.onTrap.recycle', recycle)
  }
  const { most = BY_DEFAULT.most, within = BY_DEFAULT.within } = toOptions(
    recycle,
    ['most', 'within'],
    'options.onTrap.recycle',
  )
  check('most', most, 'a positive integer, or Infinity,', (number) => number === Infinity || Number.isInteger(number))
  check('within', within, 'a positive, finite number of milliseconds', (number) => number < Infinity)
  return { most, within }
}

function check(name, value, expected, fits) {
  const argument = `options.onTrap.recycle.${name}`
  if (typeof value !== 'number') throw wrongType('a number', argument, value)
  if (value > 0 && fits(value)) return
  throw rangeError(`expected ${expected} as \`${argument}\`, got ${formatValue(value)}`)
}

/** The option `onRecycle`; undefined if it is not set. */
function toOnRecycle({ onRecycle }) {
  if (onRecycle === undefined || typeof onRecycle === 'function') return onRecycle
  throw wrongType('a function', 'options.onRecycle', onRecycle)
}

/** Checks both options. */
function checkOnTrap(options) {
  toOnTrap(options)
  toOnRecycle(options)
}

module.exports = { ON_TRAP, checkOnTrap, toOnRecycle, toOnTrap }
