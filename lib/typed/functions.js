'use strict'

// Typed functions of JavaScript: over an export of a guest, and for an import of one.

const { inspect, types } = require('node:util')
const { LateResult } = require('./late-result')

/** The record of each typed function that a guest exports, by the function for JavaScript and by its core functions. */
const exported = new WeakMap()

/** The typed function of a value: the description of a guest's function; undefined for any other value. */
const findTyped = (value) => exported.get(value)

/** Calls a core function. Without a spread, the common counts take less time. */
function apply(raw, core) {
  switch (core.length) {
    case 0:
      return raw()
    case 1:
      return raw(core[0])
    case 2:
      return raw(core[0], core[1])
    case 3:
      return raw(core[0], core[1], core[2])
    default:
      return raw(...core)
  }
}

/** The value of a function's result: an err is thrown. */
function outcome({ tag, val }, name) {
  if (tag === 'ok') return val
  const words = typeof val === 'string' ? val : `${name} failed: ${inspect(val, { breakLength: Infinity })}`
  const error = new Error(words)
  Error.captureStackTrace?.(error, outcome)
  throw Object.assign(error, { payload: val })
}

/** A function that calls the present one. Without a rest parameter, the common counts take less time. */
function forwarding(count, present) {
  switch (count) {
    case 0:
      return () => present()()
    case 1:
      return (a) => present()(a)
    case 2:
      return (a, b) => present()(a, b)
    case 3:
      return (a, b, c) => present()(a, b, c)
    default:
      return (...values) => present()(...values)
  }
}

/**
 * The function for JavaScript over a guest's function. `raw` is the core function in the lifted shape, and `post` frees what the
 * result owns. `lowered` is the same function in the shape of the slot's import, if it is a slot's original.
 */
function exportedFunction({ instance, plan, type, subject, name, raw, post, lowered }) {
  const { guest } = instance
  const finish = (returned) => {
    const value = plan.liftResult(guest, returned, subject)
    if (post !== undefined) post(returned)
    return plan.throws ? outcome(value, name) : value
  }
  const classic = (...values) => {
    // Throws, or does nothing if late calls are ignored.
    if (instance.closed) return void apply(raw, plan.zeros)
    return finish(apply(raw, plan.lowerArguments(guest, values)))
  }
  let present = classic
  const fn = forwarding(plan.count, () => present)
  /** The same over a function that takes core values and `finish`, and returns a promise. */
  const over =
    (core) =>
    async (...values) =>
      instance.closed ? core(plan.zeros) : core(plan.lowerArguments(guest, values), finish)
  const description = { instance, plan, type, subject, name, raw, post, lowered, fn, over }
  present = instance.hastened(description, { classic, finish, outcome }, (faster) => (present = faster))
  for (const each of [fn, raw, lowered]) if (each !== undefined) exported.set(each, description)
  return Object.defineProperties(fn, {
    name: { value: name, configurable: true },
    length: { value: plan.count, configurable: true },
  })
}

/** Whether an error says the err of a result. */
const hasPayload = (error) => typeof error === 'object' && error !== null && 'payload' in error

/**
 * The function that a guest calls for a function of JavaScript: it takes and returns core values. With `suspends`, the function of
 * JavaScript may return a promise, and then this one does.
 */
function importedFunction({ guest, plan, subject, fn, suspends = false }) {
  const lift = (core) => plan.liftArguments(guest, core, subject)
  const lower = (value, core) => plan.lowerResult(guest, value, core[plan.width] >>> 0, subject)
  return coreFunction({ plan, fn, suspends, lift, lower })
}

/**
 * The function of core values for a function of JavaScript that takes the place of a guest's export: it owns its arguments, and its
 * result is in memory of its own, as for the export. The arguments are copied and freed.
 */
function replacingFunction({ guest, plan, subject, fn, suspends = false }) {
  const lift = (core) => guest.take(() => plan.liftArguments(guest, core, subject))
  const lower = (value) => {
    if (!plan.hasArea) return plan.lowerResult(guest, value, 0, subject)
    const area = guest.resultArea(plan)
    plan.lowerResult(guest, value, area, subject)
    return area
  }
  return coreFunction({ plan, fn, suspends, lift, lower })
}

/** A function of core values over a function of JavaScript. `lift` makes the arguments of them, and `lower` the result. */
function coreFunction({ plan, fn, suspends, lift, lower }) {
  const refused = (error) => {
    if (!plan.throws || !hasPayload(error)) throw error
    return { tag: 'err', val: error.payload }
  }
  const returned = plan.throws ? (val) => ({ tag: 'ok', val }) : (value) => value
  return (...core) => {
    const values = lift(core)
    const finish = (value) => lower(value, core)
    let value
    try {
      value = fn(...values)
    } catch (error) {
      return finish(refused(error))
    }
    if (suspends && types.isPromise(value)) return late(value, returned, refused, finish)
    return finish(returned(value))
  }
}

/** Waits for the promise of an import. Not by `then`, which a promise may have of its own. */
async function late(promise, returned, refused, finish) {
  let result
  try {
    result = returned(await promise)
  } catch (reason) {
    result = refused(reason)
  }
  return new LateResult(() => finish(result))
}

module.exports = { exportedFunction, findTyped, importedFunction, replacingFunction }
