'use strict'

// Expected failures of the command line.

const { getSystemErrorMap } = require('node:util')
const { printable } = require('./printable')

/** An expected failure, of a file or of the machine, as opposed to a bug of this program. */
class ExpectedFailure extends Error {
  /** The failure in one line. */
  get line() {
    return printable(`wasm-relink: ${this.message}`)
  }
}

/** Runs `action`. Its expected errors become failures that name `subject`. */
async function about(subject, action) {
  try {
    return await action()
  } catch (error) {
    throw toFailure(error, `${subject}: `)
  }
}

/** The failure for an expected error; any other error itself. */
function toFailure(error, prefix = '') {
  const message = messageOf(error)
  return message === undefined ? error : new ExpectedFailure(prefix + message, { cause: error })
}

/** The failures that an error stands for: each mistake of a manifest, `file`; otherwise itself. */
function failuresOf(error, file) {
  const { mistakes } = error.cause ?? {}
  if (mistakes === undefined) return [toFailure(error)]
  return mistakes.map(({ path, message }) => new ExpectedFailure(`${file}: ${path}: ${message}`))
}

/** The message of an error of the system or of the package, with its code. */
function messageOf({ code, errno, message }) {
  const [name, words] = getSystemErrorMap().get(errno) ?? []
  if (name !== undefined) return `${words} (${name})`
  // The message has the offset.
  return code?.startsWith?.('ERR_') ? `${message} (${code})` : undefined
}

module.exports = { ExpectedFailure, about, failuresOf, toFailure }
