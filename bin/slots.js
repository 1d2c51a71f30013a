'use strict'

// The option `--slots`.

const { InvalidArgumentError } = require('commander')

const WORDS = ['all', 'none']

/** Adds a value of `--slots` to the earlier ones. The result is the option `slots` of the package. */
function addSlots(text, earlier) {
  if (WORDS.includes(text) || WORDS.includes(earlier)) {
    if (earlier === undefined) return text
    throw new InvalidArgumentError('`all` and `none` cannot be combined with other values.')
  }
  return [...(earlier ?? []), toPattern(text)]
}

function toPattern(text) {
  if (WORDS.includes(text.toLowerCase())) throw new InvalidArgumentError('The words are `all` and `none`.')
  if (text.startsWith('/')) return toRegExp(text)
  // Probably the next option: the value of this one was forgotten.
  if (text === '' || text.startsWith('-')) throw new InvalidArgumentError('Expected a name or a pattern.')
  // Names of Rust have a space after each comma.
  if (/,(?! )/.test(text)) throw new InvalidArgumentError('Give `--slots` once for each pattern.')
  return text
}

function toRegExp(text) {
  const [, source, flags] = /^\/(.+)\/(\w*)$/s.exec(text) ?? []
  if (source === undefined) throw new InvalidArgumentError('A RegExp is written /…/ or /…/flags.')
  try {
    return new RegExp(source, flags)
  } catch ({ message }) {
    throw new InvalidArgumentError(`${message}.`)
  }
}

module.exports = { addSlots }
