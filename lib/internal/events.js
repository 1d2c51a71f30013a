'use strict'

// The events of this package: channels of `node:diagnostics_channel`.

const { channel } = require('node:diagnostics_channel')
const { nextTick } = require('node:process')

/** The names of the channels, without the prefix `wasm-relink:`. */
const NAMES = [
  'link',
  'relink',
  'undo',
  'rollback',
  'trap',
  'timeout',
  'collect',
  'load',
  'tier-up',
  'trial',
  'recycle',
]

/** The channels, by name. Node holds channels weakly, so this holds them. */
const channels = Object.fromEntries(NAMES.map((name) => [name, channel(`wasm-relink:${name}`)]))

/**
 * Publishes when the JavaScript that runs now has ended, for events that happen where no user code may run. `message` makes the
 * message, if someone listens.
 */
function publishLater(name, message) {
  const events = channels[name]
  if (events.hasSubscribers) nextTick(() => events.publish(message()))
}

module.exports = { channels, publishLater }
