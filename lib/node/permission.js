'use strict'

const { resolve } = require('node:path')

/**
 * Whether Node's permission model lets this process do `scope` (`fs.read`, `fs.write`) to a path. Node does not check what
 * native code does, so this is asked before. Without the model, everything is allowed.
 */
const isAllowed = (scope, path) => process.permission === undefined || process.permission.has(scope, resolve(path))

module.exports = { isAllowed }
