'use strict'

// What an API may throw, and what it may not.

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { Planned } = require('./hostile.cjs')

/** The codes that the documentation has; a fault of the package itself is none of them. */
const documented = readFileSync(join(__dirname, '../../docs/errors.md'), 'utf8').matchAll(/^### (ERR_\w+)$/gm)
const CODES = new Set([...documented].map(([, code]) => code).filter((code) => code !== 'ERR_RELINK_INTERNAL'))

/** Those of Node's own, of functions that take paths. */
const OF_NODE = /^(ENOENT|ENOTDIR|EISDIR|ERR_INVALID_(URL\w*|FILE_URL_\w+))$/

/** What marks an error as one of the package, or of what it does: it is never taken for one that was planned. */
const Fault = Symbol('fault')

/** What is wrong with what an API threw; undefined if nothing is. */
function fault(relink, error) {
  if (error instanceof Planned || error instanceof relink.Exception) return undefined
  const { code, refusals = [] } = Object(error)
  if (code !== undefined) {
    const bad = [code, ...refusals.map((refusal) => refusal.code)].find(
      (each) => !CODES.has(each) && !OF_NODE.test(each),
    )
    return bad && `the code ${bad}`
  }
  // What conversions of JavaScript throw.
  const isPlain = [TypeError, SyntaxError, RangeError].some((Class) => error instanceof Class)
  return isPlain ? undefined : `${Object.prototype.toString.call(error)} without a code`
}

module.exports = { Fault, fault }
