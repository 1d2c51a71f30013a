'use strict'

// The reasons of interrupts, as text for the native side: any value that can be cloned, on its way to another thread.

const { deserialize, serialize } = require('node:v8')
const { threadId } = require('node:worker_threads')

/**
 * Prefix of the text of a value of this thread, which keeps its identity. Each copy of the package has a prefix of its own.
 */
const OWN = `${threadId}:${Math.random()}:`

/** The newest values of this thread that were sent, by number. Older values are dropped: most interrupts end no call. */
const values = new Map()
const MOST = 1000
let last = 0

/** The text of a reason for the thread that made an interrupter with `own`, the beginning of its texts. */
function encodeReason(reason, own) {
  if (own !== OWN) return serialize(toClone(reason)).toString('base64')
  values.set(++last, reason)
  values.delete(last - MOST)
  return OWN + last
}

/** The reason of a text. */
function decodeReason(text) {
  if (text.startsWith(OWN)) return values.get(Number(text.slice(OWN.length)))
  const { value, exception } = deserialize(Buffer.from(text, 'base64'))
  return exception === undefined ? value : new DOMException(...exception)
}

/**
 * A DOMException, like the reason of an `AbortSignal`, cannot be cloned on every Node: an object with its message and name is
 * sent instead.
 */
const toClone = (value) => (value instanceof DOMException ? { exception: [value.message, value.name] } : { value })

module.exports = { OWN, decodeReason, encodeReason }
