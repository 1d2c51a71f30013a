'use strict'

// Faults: errors that no API may throw.

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { Planned } = require('./hostile.cjs')

/** The documented codes, without the code of an internal error. */
const documented = readFileSync(join(__dirname, '../../docs/errors.md'), 'utf8').matchAll(/^### (ERR_\w+)$/gm)
const CODES = new Set([...documented].map(([, code]) => code).filter((code) => code !== 'ERR_RELINK_INTERNAL'))

/** Node's own codes, of functions that take paths. */
const OF_NODE = /^(ENOENT|ENOTDIR|EISDIR|ERR_INVALID_(URL\w*|FILE_URL_\w+))$/

/** The `cause` of an error that reports a fault: it never counts as a planned one. */
const Fault = Symbol('fault')

/** Describes what is wrong with a thrown value; undefined for an allowed one. */
function fault(relink, error) {
  if (error instanceof Planned || error instanceof relink.Exception) return undefined
  const { code, refusals = [] } = Object(error)
  if (code !== undefined) {
    const bad = [code, ...refusals.map((refusal) => refusal.code)].find(
      (each) => !CODES.has(each) && !OF_NODE.test(each),
    )
    return bad && `the code ${bad}`
  }
  // Conversions of JavaScript throw these, without a code.
  const isPlain = [TypeError, SyntaxError, RangeError].some((Class) => error instanceof Class)
  return isPlain ? undefined : `${Object.prototype.toString.call(error)} without a code`
}

module.exports = { Fault, fault }
