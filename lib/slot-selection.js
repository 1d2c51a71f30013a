'use strict'

const { types } = require('node:util')
const { inWords, wrongType } = require('./arguments')
const { typeError } = require('./errors')
const { means } = require('./slot-names')

/** Names for what the option `slots` may say in one word. */
const WORDS = ['all', 'none']

/** The option `slots`, checked: a word, or patterns. Reads a list once, so that no getter is asked twice. */
function toSelection({ slots }) {
  if (slots === undefined) return { kind: 'default' }
  if (WORDS.includes(slots)) return { kind: slots }
  if (typeof slots === 'string') {
    throw typeError(
      `expected 'all', 'none' or an array as \`options.slots\`, got ${inWords(slots)}; a name goes into an array`,
      'ERR_INVALID_ARG_VALUE',
    )
  }
  if (!Array.isArray(slots)) throw wrongType("'all', 'none' or an array", 'options.slots', slots)
  return { kind: 'more', patterns: Array.from(slots, toPattern) }
}

function toPattern(pattern, index) {
  if (typeof pattern === 'string' && pattern !== '') return pattern
  // Without `g` and `y`, which make a test remember the last one.
  if (types.isRegExp(pattern)) return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  throw wrongType('a name, a pattern or a RegExp', `options.slots[${index}]`, pattern)
}

/**
 * What the native side takes, once the names of the functions are known: `names` has those of each function, by index.
 * `missing` are the patterns that no function fits.
 */
function select(patterns, names) {
  const functions = new Set()
  const missing = []
  for (const pattern of patterns) {
    const fits = toTest(pattern)
    let found = false
    names.forEach((each, index) => {
      if (!fits(each)) return
      functions.add(index)
      found = true
    })
    if (!found) missing.push(String(pattern))
  }
  return { selection: { kind: 'more', functions: [...functions] }, missing }
}

const isIndex = (name) => /^func\[\d+\]$/.test(name)

/** Whether a function, by its names, is what the pattern means. */
function toTest(pattern) {
  if (typeof pattern === 'string' && !/[*?]/.test(pattern)) return (names) => means(names, pattern)
  const expression = typeof pattern === 'string' ? toExpression(pattern) : pattern
  // Every function may be called by its index; a pattern is for names.
  return ([name, ...others]) =>
    [name, ...others.filter((other) => !isIndex(other))].some((each) => expression.test(each))
}

/** A glob as a RegExp: `*` is any run of characters, `?` any one. */
function toExpression(glob) {
  const source = glob.replace(/\*+/g, '*').replace(/[*?]|[^*?]+/g, (part) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    return part.replace(/[\\^$.+()[\]{}|/]/g, '\\$&')
  })
  return new RegExp(`^${source}$`, 's')
}

module.exports = { toSelection, select }
