'use strict'

// Objects that cannot be cloned.

const threads = require('node:worker_threads')

/**
 * Makes `structuredClone` and `postMessage` refuse an object with a DataCloneError. Without it, an empty object arrives. Node 20
 * has no such function.
 */
const uncloneable = threads.markAsUncloneable ?? (() => {})

module.exports = { uncloneable }
