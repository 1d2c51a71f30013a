'use strict'

/** The symbol that `using` calls. Early versions of Node 20 have it under this registered name only. */
module.exports = Symbol.dispose ?? Symbol.for('nodejs.dispose')
