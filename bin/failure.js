'use strict'

const { getSystemErrorMap } = require('node:util')
const { printable } = require('./printable')

/** What went wrong with a file, or on this machine, rather than in this program. */
class Failure extends Error {
  /** One line for people. */
  get line() {
    return printable(`wasm-relink: ${this.message}`)
  }
}

/** Runs `action`. What it throws about `subject` becomes a failure that names it. */
async function about(subject, action) {
  try {
    return await action()
  } catch (error) {
    throw toFailure(error, `${subject}: `)
  }
}

/** The failure that an error tells of, or the error itself if nobody expected it. */
function toFailure(error, prefix = '') {
  const words = inWords(error)
  return words === undefined ? error : new Failure(prefix + words, { cause: error })
}

/** An error of the system or of the package in words, with its code. */
function inWords({ code, errno, message }) {
  const [name, words] = getSystemErrorMap().get(errno) ?? []
  if (name !== undefined) return `${words} (${name})`
  // The message says at which offset.
  return code?.startsWith?.('ERR_') ? `${message} (${code})` : undefined
}

module.exports = { Failure, about, toFailure }
