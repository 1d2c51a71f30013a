'use strict'

// The reasons of interrupts, as text for the native side: any value that can be cloned, on its way to another thread.

const { deserialize, serialize } = require('node:v8')
const { threadId } = require('node:worker_threads')

/** Begins the text of a value of this thread, which keeps its identity. Another copy of the package has another one. */
const OWN = `${threadId}:${Math.random()}:`

/** The values of this thread that are on their way, by number. The last ones only: most interrupts end nothing. */
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

/** A DOMException, such as that of an `AbortSignal`, cannot be cloned on every Node: its message and name stand for it. */
const toClone = (value) => (value instanceof DOMException ? { exception: [value.message, value.name] } : { value })

module.exports = { OWN, decodeReason, encodeReason }
