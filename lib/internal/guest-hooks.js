'use strict'

// The hooks that guests export: a self-test, and the hand-over of state.

const { TextDecoder } = require('node:util')
const { LinkError } = require('../errors')

/** The exports of the crate `relinkable`: `#[relinkable::self_test]`, `hand_over` and `take_over`. */
const SELF_TEST = 'relink:self_test'
const HAND_OVER = 'relink:hand_over'
const BUFFER = 'relink:buffer'
const TAKE_OVER = 'relink:take_over'

/** Whether an instance has hooks that a commit runs. */
const hasGuestHooks = (exports) => [SELF_TEST, HAND_OVER].some((name) => typeof exports[name] === 'function')

/** Runs the self-test of an instance, if it has one. Throws if it fails. */
function selfTest({ exports }) {
  const run = exports[SELF_TEST]
  if (typeof run === 'function') refuse(SELF_TEST, exports, run())
}

/** Hands the state of an instance over to another one, if both have the exports for it. Throws if that fails. */
function handOver(previous, next) {
  const [give, buffer, take] = [previous.exports[HAND_OVER], next.exports[BUFFER], next.exports[TAKE_OVER]]
  if ([give, buffer, take].some((fn) => typeof fn !== 'function')) return
  const state = bytesAt(HAND_OVER, previous.exports, give()).slice()
  const address = buffer(state.length) >>> 0
  bytesOf(BUFFER, next.exports, address, state.length).set(state)
  refuse(TAKE_OVER, next.exports, take())
}

/** Throws if a hook has returned a message: 0 means that it agrees. */
function refuse(hook, exports, result) {
  if (result === 0n) return
  const reason = new TextDecoder().decode(bytesAt(hook, exports, result))
  throw new LinkError(`\`${hook}\` of the new instance says: ${reason}; no change was made`, {
    code: 'ERR_RELINK_VETO',
    details: { reason },
  })
}

/** The bytes that a hook has returned: their address in the upper 32 bits, their number in the lower ones. */
function bytesAt(hook, exports, result) {
  if (typeof result !== 'bigint') throw malformed(hook, `expected a result of type i64, got ${String(result)}`)
  const all = BigInt.asUintN(64, result)
  return bytesOf(hook, exports, Number(all >> 32n), Number(all & 0xffff_ffffn))
}

function bytesOf(hook, exports, address, length) {
  const buffer = exports.memory?.buffer
  if (buffer === undefined) throw malformed(hook, 'expected the instance to export its memory as `memory`')
  if (address + length > buffer.byteLength) {
    throw malformed(hook, `expected bytes inside of the memory, got ${length} at ${address}`)
  }
  return new Uint8Array(buffer, address, length)
}

const malformed = (hook, what) =>
  new LinkError(`\`${hook}\`: ${what}; no change was made`, { code: 'ERR_RELINK_VETO', details: { reason: what } })

module.exports = { handOver, hasGuestHooks, selfTest }
