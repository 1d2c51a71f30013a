'use strict'

// The option `trial` of a commit.

const { formatValue, toOptions, wrongType } = require('./arguments')
const { rangeError, typeError } = require('../errors')

/** Milliseconds in each unit of a duration. */
const UNITS = { us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 36e5 }

/** The longest time that a timer of Node's takes, in milliseconds. */
const LONGEST = 2 ** 31 - 1

/** The option `trial`, checked; undefined if it is not set. */
function toTrial(value) {
  if (value === undefined) return undefined
  const known = toOptions(value, ['calls', 'for', 'maxTraps', 'maxMean'], 'options.trial')
  const trial = {
    calls: known.calls === undefined ? undefined : toCount(known.calls, 'calls', 1),
    time: known.for === undefined ? undefined : toDuration(known.for, 'for'),
    maxTraps: known.maxTraps === undefined ? 0 : toCount(known.maxTraps, 'maxTraps', 0),
    maxMean: known.maxMean === undefined ? undefined : toDuration(known.maxMean, 'maxMean'),
  }
  if (trial.calls !== undefined || trial.time !== undefined) return trial
  throw typeError('expected `calls` or `for` in `options.trial`: a trial needs an end', 'ERR_INVALID_ARG_VALUE')
}

function toCount(value, name, least) {
  if (typeof value !== 'number') throw wrongType('a number', `options.trial.${name}`, value)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw rangeError(`expected an integer of at least ${least} as \`options.trial.${name}\`, got ${formatValue(value)}`)
}

/** A duration in milliseconds, or as text like '30s'. */
function toDuration(value, name) {
  const argument = `options.trial.${name}`
  const [, number, unit] = typeof value === 'string' ? (/^(\d+(?:\.\d+)?) ?(us|µs|ms|s|m|h)$/.exec(value) ?? []) : []
  if (typeof value !== 'number' && unit === undefined) {
    throw wrongType("a number of milliseconds or a text like '30s' or '500us'", argument, value)
  }
  const time = typeof value === 'number' ? value : Number(number) * UNITS[unit]
  if (time > 0 && time <= LONGEST) return time
  throw rangeError(
    `expected a positive duration of at most ${LONGEST} ms as \`${argument}\`, got ${formatValue(value)}`,
  )
}

module.exports = { toTrial }
