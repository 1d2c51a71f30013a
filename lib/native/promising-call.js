'use strict'

// A call that an import may suspend.

const { arch, platform } = require('node:process')
const { typeError } = require('../errors')
const { addressOf } = require('../internal/lib-functions')
const { addon, runTranslated } = require('../node/addon')

/** Refuses what needs suspendable calls on a platform without them. */
function checkSuspension(what) {
  if (addon.hasSuspension()) return
  throw typeError(
    `\`${what}\` needs a platform where calls can be suspended: Linux on x64, got ${platform} on ${arch}`,
    'ERR_RELINK_UNSUPPORTED',
    { platform, arch },
  )
}

/** Whether a value is a WebAssembly function that this copy of the package has made. */
const isExportedFunction = (value) => addressOf(value) !== undefined

/** A call of an exported function whose imports may suspend it. */
function promisingCall(fn, args) {
  const { Begin, Fulfilled, Rejected } = addon.NativeOutcome
  const running = addon.NativePromisingCall
  const call = runTranslated(() => running.of(addressOf(fn)))
  const goOn = (outcome, value) => runTranslated(() => call.goOn(outcome, value))
  return {
    begin: () => goOn(Begin, args),
    fulfill: (value) => goOn(Fulfilled, value),
    reject: (reason) => goOn(Rejected, reason),
    get ended() {
      return call.ended
    },
  }
}

module.exports = { checkSuspension, isExportedFunction, promisingCall }
