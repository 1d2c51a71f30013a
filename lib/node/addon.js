'use strict'

// The native addon.

const { translate } = require('../errors')
const { platformError } = require('./platform')

/** Loads the addon. If it fails, the error says what to install. */
function loadAddon() {
  try {
    return require('../../native.cjs')
  } catch (cause) {
    // The permission model forbids reading the loader: Node's own error names the file.
    throw cause.code === 'ERR_ACCESS_DENIED' ? cause : platformError(cause)
  }
}

/** Wraps a native function, so that it throws errors of this realm. */
function translated(call) {
  return function (...args) {
    try {
      return call.apply(this, args)
    } catch (error) {
      throw translate(error)
    }
  }
}

module.exports = { addon: loadAddon(), translated }
