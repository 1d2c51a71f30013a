'use strict'

// The native addon, and the calls of it whose errors are of this realm.

const { isNative, nameFile, translate } = require('../errors')
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

/** Runs a block that may also throw the user's own errors, which come out unchanged. */
function runTranslated(block) {
  try {
    return block()
  } catch (error) {
    throw isNative(error) ? translate(error) : error
  }
}

/** Awaits a task of the addon, which may also fail to start. Its errors name the file, if there is one. */
async function translatedTask(file, start) {
  try {
    return await start()
  } catch (error) {
    throw nameFile(translate(error), file)
  }
}

module.exports = { addon: loadAddon(), runTranslated, translated, translatedTask }
