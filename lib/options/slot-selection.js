'use strict'

const { types } = require('node:util')
const { inWords, wrongType } = require('./arguments')
const { typeError } = require('../errors')
const { namesOf } = require('../names/function-names')
const { fitsGlob } = require('../names/glob')
const { NameIndex } = require('../names/name-index')

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
 * What the native side takes, once it is known what the functions are called. `missing` are the patterns that no
 * function fits.
 */
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

/** Every function may be called by its index; a pattern is for names. */
function namesForPatterns(each) {
  const [name, ...others] = namesOf(each)
  return [name, ...others.filter((other) => !isIndex(other))]
}

/** Whether a glob or a RegExp fits a name. */
function toTest(pattern) {
  return typeof pattern === 'string' ? (name) => fitsGlob(pattern, name) : (name) => pattern.test(name)
}

/** The positions of the functions of which a name fits. */
function fitting(test, names) {
  const positions = []
  names.forEach((each, position) => {
    if (each.some(test)) positions.push(position)
  })
  return positions
}

module.exports = { toSelection, select }
