'use strict'

// The options of a commit.

const { formatValue, toOptions, wrongType } = require('./arguments')
const { rangeError } = require('../errors')
const { LINK_OPTIONS, toLinkOptions: toPermissions } = require('./link-options')
const { toTrial } = require('./trial-options')

/** Most characters of a label, and of the name of who commits. */
const MOST_CHARACTERS = 1000

/** Most commits that a store's history holds. */
const MOST_COMMITS = 100_000

/** Number of commits that a store's history holds by default. */
const COMMITS = 32

const OF_LINK = [...LINK_OPTIONS, 'label', 'by']
const OF_RELINK = [...OF_LINK, 'check', 'migrate', 'trial']

/** The options of `link`: those of `link-options`, and `about`, the label and the author. */
function toLinkOptions(options) {
  if (options === undefined) return NONE
  return { ...toPermissions(options, OF_LINK), about: toAbout(options.label, options.by) }
}

/** The options of `relink`; `others` are the names of further ones. */
function toRelinkOptions(options, others = []) {
  if (options === undefined) return NONE
  const known = toOptions(options, [...OF_RELINK, ...others])
  const { label, by, check, migrate, trial } = known
  return {
    ...toPermissions(options, [...OF_RELINK, ...others]),
    strict: Boolean(known.strict),
    about: toAbout(label, by),
    check: toHook(check, 'check'),
    migrate: toHook(migrate, 'migrate'),
    trial: toTrial(trial),
  }
}

const NONE = Object.freeze({ ...toPermissions(undefined), about: undefined })

/** The label of a commit, and who made it; undefined if it has neither. */
function toAbout(label, by) {
  if (label === undefined && by === undefined) return undefined
  return { label: toText(label, 'label'), by: toText(by, 'by') }
}

function toText(value, name) {
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw wrongType('a string', `options.${name}`, value)
  if (value.length <= MOST_CHARACTERS) return value
  throw rangeError(
    `expected at most ${MOST_CHARACTERS} characters as \`options.${name}\`, got ${value.length}, beginning with ` +
      JSON.stringify(value.slice(0, 20)),
  )
}

/** A hook: a function, or false to leave out the guest's own. */
function toHook(value, name) {
  if (value === undefined || value === false || typeof value === 'function') return value
  throw wrongType('a function or false', `options.${name}`, value)
}

/** The option `historyLimit` of a store; undefined if it is not set. */
function toHistoryLimit({ historyLimit }) {
  if (historyLimit === undefined) return undefined
  if (typeof historyLimit !== 'number') throw wrongType('a number of commits', 'options.historyLimit', historyLimit)
  if (Number.isInteger(historyLimit) && historyLimit >= 0 && historyLimit <= MOST_COMMITS) return historyLimit
  const expected = `expected an integer from 0 to ${MOST_COMMITS} as \`options.historyLimit\``
  throw rangeError(`${expected}, got ${formatValue(historyLimit)}`)
}

module.exports = { COMMITS, OF_RELINK, toHistoryLimit, toLinkOptions, toRelinkOptions }
