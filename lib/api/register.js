'use strict'

// `register`: the global `WebAssembly`.

const { formatValue, toOptions } = require('../options/arguments')
const { typeError } = require('../errors')
const { standard } = require('../options/option-mode')
const { WebAssembly } = require('./webassembly')

/** The variable that says which functions are slots. */
const VARIABLE = 'WASM_RELINK_SLOTS'

/** Replaces the global `WebAssembly`, and sets which functions of modules that it compiles are slots. */
function register(options = undefined) {
  const { slots = fromEnvironment() } = toOptions(options, ['slots'])
  // `undefined` selects the default slots, as elsewhere.
  standard.defaultSlots = slots === 'default' ? undefined : slots
  Object.defineProperty(globalThis, 'WebAssembly', { value: WebAssembly, writable: true, configurable: true })
  return WebAssembly
}

/** The slots that the environment asks for: a word, or patterns that commas separate. */
function fromEnvironment() {
  const text = process.env[VARIABLE]?.trim()
  if (text === undefined || text === '') return 'none'
  if (['all', 'none', 'default'].includes(text)) return text
  const patterns = text.split(',').map((pattern) => pattern.trim())
  if (patterns.every((pattern) => pattern !== '')) return patterns
  const message = `expected 'default', 'all', 'none' or patterns that commas separate as ${VARIABLE}, got ${formatValue(text)}`
  throw typeError(message, 'ERR_INVALID_ARG_VALUE')
}

module.exports = { register }
