'use strict'

// Deadlines that end loops. `this` is the history.

const CAN_INTERRUPT = process.platform === 'linux' && process.arch === 'x64'

/** Deadlines in milliseconds. */
const TIMES = [0.01, 0.05, 0.5, 2]

/** Runs an endless export until a deadline; the instance works on afterwards. */
function spin(history, name) {
  const plugin = history.random.pick(history.live)
  if (plugin === undefined || !CAN_INTERRUPT) return
  const milliseconds = history.random.pick(TIMES)
  history.refused('ERR_RELINK_TIMEOUT', () => history.relink.withTimeout(milliseconds, plugin.exports[name]))
  history.same(plugin.run(), history.valueOf(plugin), 'run')
}

const actions = {
  spin() {
    spin(this, 'spin')
  },
  spinInImport() {
    spin(this, 'spinInImport')
  },
}

module.exports = { actions }
