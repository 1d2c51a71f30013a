'use strict'

// `withTimeout`.

const { toMilliseconds, wrongType } = require('../options/arguments')
const native = require('../native')

/** Calls a function, with a deadline for all WebAssembly that runs until it returns. */
function withTimeout(milliseconds, block) {
  toMilliseconds(milliseconds, 'milliseconds')
  if (typeof block !== 'function') throw wrongType('a function', 'block', block)
  return native.withTimeout(milliseconds, block)
}

module.exports = { withTimeout }
