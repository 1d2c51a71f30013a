'use strict'

// The options of `watch`.

const { formatValue, toOptions, wrongType } = require('./arguments')
const { rangeError } = require('../errors')
const { OF_RELINK, toRelinkOptions } = require('./commit-options')

const OF_BOTH = ['imports', 'onReload', 'onError', 'signal', 'settle']

/** For the file of a plugin, and for a manifest: the names of the options of watching, and of those of the commits. */
const FORMS = {
  file: { own: [...OF_BOTH, 'instance', 'load'], commit: [...OF_RELINK, 'strict'] },
  manifest: { own: [...OF_BOTH, 'base', 'store'], commit: OF_RELINK.filter((name) => name !== 'type') },
}

/** Milliseconds for which a file must stay the same, by default and at most. */
const SETTLE = 50
const LONGEST = 60_000

/** The options of `watch`, each read once: its own, and in `commit` those of `relink`. `form` is a key of `FORMS`. */
function toWatchOptions(options, form) {
  const names = FORMS[form]
  const { ...known } = toOptions(options, [...names.own, ...names.commit])
  const own = Object.fromEntries(names.own.map((name) => [name, known[name]]))
  const commit = Object.fromEntries(names.commit.filter((name) => name in known).map((name) => [name, known[name]]))
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
