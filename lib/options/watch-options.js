'use strict'

// The options of `watch`.

const { formatValue, toOptions, wrongType } = require('./arguments')
const { rangeError } = require('../errors')
const { OF_RELINK, toRelinkOptions } = require('./commit-options')

const OWN = ['instance', 'imports', 'load', 'onReload', 'onError', 'signal', 'settle']
const COMMIT = [...OF_RELINK, 'strict']

/** Milliseconds for which a file must stay the same, by default and at most. */
const SETTLE = 50
const LONGEST = 60_000

/** The options of `watch`, each read once: its own, and in `commit` those of `relink`. */
function toWatchOptions(options) {
  const { ...known } = toOptions(options, [...OWN, ...COMMIT])
  const own = Object.fromEntries(OWN.map((name) => [name, known[name]]))
  const commit = Object.fromEntries(COMMIT.filter((name) => name in known).map((name) => [name, known[name]]))
  toRelinkOptions(commit, ['strict'])
  for (const name of ['onReload', 'onError']) {
    if (own[name] !== undefined && typeof own[name] !== 'function') {
      throw wrongType('a function', `options.${name}`, own[name])
    }
  }
  return { ...own, settle: toSettle(own.settle), signal: toSignal(own.signal), commit: Object.freeze(commit) }
}

function toSettle(value = SETTLE) {
  if (typeof value !== 'number') throw wrongType('a number of milliseconds', 'options.settle', value)
  if (value >= 1 && value <= LONGEST) return value
  throw rangeError(
    `expected a number of milliseconds from 1 to ${LONGEST} as \`options.settle\`, got ${formatValue(value)}`,
  )
}

function toSignal(signal) {
  if (signal === undefined) return undefined
  if (typeof signal?.addEventListener === 'function' && typeof signal.aborted === 'boolean') return signal
  throw wrongType('an AbortSignal', 'options.signal', signal)
}

module.exports = { toWatchOptions }
