'use strict'

// The class Interrupter.

const { typeError } = require('../errors')
const { Brand, onlyInternal } = require('../internal/handle')
const { formatValue, toOptions, wrongType } = require('../options/arguments')
const { OWN, encodeReason } = require('../internal/reasons')
const { checkInterruption, interrupt } = require('../native/interruption')
const { webidl } = require('../options/webidl')

/** The key to the constructor, which only this file has. */
const KEY = Symbol('Interrupter')

let brand

/**
 * Ends the calls of a store, from any thread. Its state is in own properties, so that a clone has it too. A clone loses its
 * class: `from` makes an Interrupter of it.
 */
class Interrupter {
  #token

  static {
    brand = new Brand('an Interrupter', (value) => (#token in value ? value : undefined))
    webidl(this)
  }

  constructor(key, token, origin) {
    if (key !== KEY) throw onlyInternal('Interrupter', 'store.interrupter()` or `Interrupter.from(posted)')
    this.#token = token
    Object.defineProperties(this, {
      token: { value: token, enumerable: true },
      origin: { value: origin, enumerable: true },
    })
  }

  static from(value, options = undefined) {
    // Each getter runs once.
    const { token, origin } = Object(value)
    if (!isToken(token) || typeof origin !== 'string') {
      throw wrongType('an Interrupter, or what arrived of a posted one,', 'value', value)
    }
    const interrupter = new Interrupter(KEY, token, origin)
    follow(interrupter, toOptions(options, ['signal']).signal)
    return interrupter
  }

  interrupt(reason = undefined) {
    const interrupter = brand.get(this)
    return interrupt(interrupter.#token, toText(reason, interrupter.origin))
  }
}

/** A reason as text. */
function toText(reason, origin) {
  try {
    return encodeReason(reason, origin)
  } catch {
    const expected = 'expected a value that can be cloned for the thread of the store as `reason`'
    throw typeError(`${expected}, got ${formatValue(reason)}`, 'ERR_INVALID_ARG_VALUE')
  }
}

const isToken = (value) => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)

/** Interrupts when a signal aborts, with its reason; at once if it has. */
function follow(interrupter, signal) {
  if (signal === undefined) return
  if (typeof signal?.addEventListener !== 'function' || typeof signal.aborted !== 'boolean') {
    throw wrongType('an AbortSignal', 'options.signal', signal)
  }
  const interrupt = () => void interrupter.interrupt(signal.reason)
  if (signal.aborted) interrupt()
  else signal.addEventListener('abort', interrupt, { once: true })
}

/** The Interrupter of a store with a token. */
function makeInterrupter(token, signal) {
  checkInterruption('store.interrupter')
  const interrupter = new Interrupter(KEY, token, OWN)
  follow(interrupter, signal)
  return interrupter
}

module.exports = { Interrupter, makeInterrupter }
