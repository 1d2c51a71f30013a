'use strict'

// Adapters between typed functions: what is written into a typed slot in place of the function that the user gives.

const { suspendingFunction } = require('../api/promising')
const nativeTypes = require('../native/typed-functions')
const { findTyped, importedFunction, replacingFunction } = require('./functions')
const { compileGenerated, instantiateGenerated } = require('./generated-modules')

/** The adapter modules of each store, by the structure of the type and whether the callee has a function that frees. */
const modules = new WeakMap()

/** By implementation and instance of the slot: the core function that is written into slots. */
const written = new WeakMap()

/** The function that the user gave, by the core function that was written into a slot. */
const given = new WeakMap()

/** The value of a key, made on first use. */
function remember(map, key, make) {
  if (!map.has(key)) map.set(key, make())
  return map.get(key)
}

/** Refuses a function whose type differs from that of the slot; names the places that differ. */
function checkTypes(slot, expected, actual) {
  if (expected.structure === actual.structure) return
  nativeTypes.checkTypes(slot, JSON.stringify(expected.function), JSON.stringify(actual.function))
}

/**
 * The core function to write into a typed slot for `implementation`. `adapt` makes one of a JavaScript function that takes and
 * returns core values, and of whether that may return promises.
 */
function coreFunction(store, implementation, slot, adapt) {
  const { instance, type, plan } = slot
  const callee = findTyped(implementation)
  if (callee === undefined) {
    // A core function without a type gets core values.
    if (store.isWasmFunction(implementation)) return implementation
    const waits = suspendingFunction(implementation)
    const suspends = waits !== undefined || type.suspend === true
    const fn = waits ?? implementation
    return own(implementation, slot, fn, () =>
      adapt(importedFunction({ guest: instance.guest, plan, subject: slot.subject, fn, suspends }), suspends),
    )
  }
  checkTypes(slot.name, type, callee.type)
  if (callee.instance === instance && callee.lowered !== undefined) return callee.lowered
  // The link refuses it.
  if (callee.instance.store !== store || callee.instance.closed) return callee.raw
  return own(callee.fn, slot, callee.fn, () => connect(store, slot, callee))
}

/**
 * The core function to write in the place of a typed export for a function of values: one of JavaScript, or a typed function of
 * another export. Undefined for a core function. `adapt` is as for `coreFunction`.
 */
function replacementOf(store, implementation, slot, adapt) {
  const { instance, type, plan, subject } = slot
  const callee = findTyped(implementation)
  const waits = suspendingFunction(implementation)
  const fn = waits ?? implementation
  const isCore = callee === undefined ? store.isWasmFunction(implementation) : callee.fn !== implementation
  if (typeof fn !== 'function' || isCore) return undefined
  if (callee !== undefined) checkTypes(slot.name, type, callee.type)
  if (callee?.instance === instance) return callee.raw
  const suspends = waits !== undefined
  const make = () => adapt(replacingFunction({ guest: instance.guest, plan, subject, fn, suspends }), suspends)
  return own(implementation, { instance, key: `export ${type.structure}` }, fn, make)
}

/** The core function that was made for an implementation and the slot's instance and type. `fn` is the function for the user. */
function own(implementation, { instance, type, key = type.structure }, fn, make) {
  const instances = remember(written, implementation, () => new WeakMap())
  const types = remember(instances, instance, () => new Map())
  const core = remember(types, key, make)
  given.set(core, fn)
  return core
}

/** Makes the adapter between two instances. */
function connect(store, slot, { instance, type, raw, post, fn }) {
  const caller = slot.instance
  const { compiler } = caller
  // A guest of the `relinkable` crate checks what it receives. One of wit-bindgen, which has no records, trusts the adapter.
  const checks = [slot.type, type].map(({ wit }) => wit !== null)
  const key = `${compiler}:${post === undefined}:${checks}:${type.structure}`
  const compiled = remember(modules, store, () => new Map())
  const code = remember(compiled, key, () => {
    const bytes = nativeTypes.typedAdapter(JSON.stringify(type.function), post !== undefined, ...checks)
    return compileGenerated(bytes, compiler)
  })
  const functions = { a: caller.exports, b: { ...instance.exports, call: raw, post, keep: fn } }
  return instantiateGenerated(store, code, functions).exports[0].value
}

/** The function for the user of a core function in a typed slot. */
const functionOf = (core) => given.get(core) ?? findTyped(core)?.fn ?? core

module.exports = { coreFunction, functionOf, replacementOf }
