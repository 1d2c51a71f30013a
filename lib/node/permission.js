'use strict'

// Node's permission model.

const { resolve } = require('node:path')

/**
 * Whether Node's permission model allows `scope` (`fs.read`, `fs.write`) for a path. Node does not check native code, so check
 * this before a native file access. Without the model, everything is allowed.
 */
const isAllowed = (scope, path) => process.permission === undefined || process.permission.has(scope, resolve(path))

module.exports = { isAllowed }
