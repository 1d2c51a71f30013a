'use strict'

/**
 * Whether Node's permission model lets this process do `scope` (`fs.read`, `fs.write`) to an absolute path. Native code is not
 * checked by Node, so it is asked before. Without the model, everything is allowed.
 */
const isAllowed = (scope, path) => process.permission?.has(scope, path) ?? true

module.exports = { isAllowed }
