'use strict'

// Interruption of WebAssembly that runs: deadlines, and its end from another thread.

const { arch, platform } = require('node:process')
const { typeError } = require('../errors')
const { addon, runTranslated, translated } = require('../node/addon')

/** Refuses what needs interruption on a platform without it. */
function checkInterruption(what) {
  if (addon.hasInterruption()) return
  throw typeError(
    `\`${what}\` needs a platform where running WebAssembly can be interrupted: Linux on x64, got ${platform} on ${arch}`,
    'ERR_RELINK_UNSUPPORTED',
    { platform, arch },
  )
}

/** Calls `block`, which may throw the user's own errors, with a deadline for all WebAssembly of this thread. */
function withTimeout(milliseconds, block) {
  checkInterruption('withTimeout')
  return runTranslated(() => addon.withTimeout(milliseconds, block))
}

const interrupt = translated(addon.interrupt)

module.exports = { checkInterruption, interrupt, withTimeout }
