'use strict'

const threads = require('node:worker_threads')

/**
 * Makes `structuredClone` and `postMessage` refuse an object with a DataCloneError. Without this, what arrives is
 * an empty object. Nothing in Node 20 does it.
 */
const uncloneable = threads.markAsUncloneable ?? (() => {})

module.exports = { uncloneable }
