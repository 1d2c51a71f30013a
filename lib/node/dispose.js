'use strict'

// The symbol for `using`.

/** The key of the method that `using` calls. Early versions of Node 20 only have it under this registered name. */
module.exports = Symbol.dispose ?? Symbol.for('nodejs.dispose')
