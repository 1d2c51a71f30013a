'use strict'

// `withTimeout`.

const { toMilliseconds, wrongType } = require('../options/arguments')
const interruption = require('../native/interruption')

/** Calls a function, with a deadline for all WebAssembly that runs until it returns. */
function withTimeout(milliseconds, block) {
  toMilliseconds(milliseconds, 'milliseconds')
  if (typeof block !== 'function') throw wrongType('a function', 'block', block)
  return interruption.withTimeout(milliseconds, block)
}

module.exports = { withTimeout }
