'use strict'

// The option `slots`.

const { types } = require('node:util')
const { formatValue, wrongType } = require('./arguments')
const { typeError } = require('../errors')
const { namesOf } = require('../names/function-names')
const { fitsGlob } = require('../names/glob')
const { NameIndex } = require('../names/name-index')

/** The texts that the option `slots` takes instead of a list. */
const WORDS = ['all', 'none']

/** The option `slots`, checked. Reads a list once, so that no getter runs twice. */
function toSelection({ slots }) {
  if (slots === undefined) return { kind: 'default' }
  if (WORDS.includes(slots)) return { kind: slots }
  if (typeof slots === 'string') {
    throw typeError(
      `expected 'all', 'none' or an array as \`options.slots\`, got ${formatValue(slots)}; put a name into an array`,
      'ERR_INVALID_ARG_VALUE',
    )
  }
  if (!Array.isArray(slots)) throw wrongType("'all', 'none' or an array", 'options.slots', slots)
  return { kind: 'more', patterns: Array.from(slots, toPattern) }
}

function toPattern(pattern, index) {
  if (typeof pattern === 'string' && pattern !== '') return pattern
  // Without the flags `g` and `y`, with which `test` keeps state.
  if (types.isRegExp(pattern)) return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  throw wrongType('a name, a pattern or a RegExp', `options.slots[${index}]`, pattern)
}

/** The native selection for patterns and the names of all functions. `missing` are the patterns that match no function. */
function select(patterns, functions) {
  const index = new NameIndex(functions)
  const names = patterns.every(isName) ? [] : functions.map(namesForPatterns)
  const selected = new Set()
  const missing = []
  for (const pattern of patterns) {
    const found = isName(pattern) ? index.meant(pattern) : fitting(toTest(pattern), names)
    if (found.length === 0) missing.push(String(pattern))
    for (const position of found) selected.add(position)
  }
  return { selection: { kind: 'more', functions: [...selected] }, missing }
}

const isName = (pattern) => typeof pattern === 'string' && !/[*?]/.test(pattern)

const isIndex = (name) => /^func\[\d+\]$/.test(name)

/** The names of a function without its indices: patterns match names only. */
function namesForPatterns(each) {
  const [name, ...others] = namesOf(each)
  return [name, ...others.filter((other) => !isIndex(other))]
}

/** Makes a test for a glob or a RegExp. */
function toTest(pattern) {
  return typeof pattern === 'string' ? (name) => fitsGlob(pattern, name) : (name) => pattern.test(name)
}

/** The positions of the functions with a name that passes the test. */
function fitting(test, names) {
  const positions = []
  names.forEach((each, position) => {
    if (each.some(test)) positions.push(position)
  })
  return positions
}

module.exports = { toSelection, select }
