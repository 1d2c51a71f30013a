'use strict'

// The imports of an instance.

const { types } = require('node:util')
const { formatValue, wrongType } = require('../options/arguments')
const { nameFile } = require('../errors')
const { findGlobal, globalOf } = require('../api/global')
const { findMemory } = require('../api/memory')
const { findTable } = require('../api/table')
const { findTag } = require('../api/tag')
const { coreOf, suspendingFunction } = require('../api/promising')
const { addressOf } = require('./lib-functions')
const { wasiImport } = require('./wasi-functions')
const { checkSuspension } = require('../native/promising-call')
const { refuseImport, refuseStoreOfImport } = require('../native/refusals')
const { noteUse } = require('./promised')

const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function'

/** Checks the argument `imports`: an object or undefined. */
function toImports(imports) {
  if (imports !== undefined && !isObject(imports)) throw wrongType('an object', 'imports', imports)
  return imports
}

/**
 * Reads the imports of a module from the user's object, in the order of the binary. As in the JS API, a module name without
 * an object is a TypeError, and a value that does not fit is a LinkError.
 *
 * Returns what the native side takes for each: a function, or the id of a memory, table, global or tag. The property `held` of
 * the list keeps the objects with these ids alive, as long as the instance; `suspending`, if any function may suspend its
 * caller, has 1 for each that may: those of `Suspending`, and those whose names are in `suspending`. A refusal names the module's
 * file, if the module has a file; an error of a user's getter comes out unchanged. `typed` are the typed functions, if the module
 * has any: their names may be in camelCase, and JavaScript functions for them take and return values of JavaScript.
 */
function readImports(store, declared, imports, file, { suspending = [], typed } = {}) {
  toImports(imports)
  const held = []
  const flags = new Map()
  const given = declared.map((item, index) => {
    if (imports === undefined) throw nameFile(noImports(item), file)
    const namespace = givenIn(imports, item.module)
    if (!isObject(namespace)) throw nameFile(noNamespace(item, namespace), file)
    let value = typed === undefined ? givenIn(namespace, item.name) : typedIn(namespace, item, typed)
    if (item.kind === 'function') {
      const fn = suspendingFunction(value)
      if (fn !== undefined || isNamed(suspending, item, typed) || typed?.suspends(item)) flags.set(index, 1)
      value = coreOf(fn ?? value)
    }
    // The fast path: most imports are functions, and there may be many.
    if (item.kind === 'function' && typeof value === 'function') {
      const fn = wasiImport(value) ?? typed?.imported(item, value, flags.has(index)) ?? value
      if (typeof fn === 'function' && addressOf(fn) === undefined) noteUse(fn, item)
      return fn
    }
    return about(file, () => {
      if (item.kind === 'function') refuse(item, value, typed?.describe(item))
      const object = item.kind === 'global' ? toGlobal(store, item, value) : value
      held.push(object)
      return readers[item.kind](store, item, object)
    })
  })
  if (flags.size === 0) return Object.assign(given, { held })
  checkSuspension('a suspending import')
  return Object.assign(given, { held, suspending: declared.map((_, index) => flags.get(index) ?? 0) })
}

/** Whether the list has an import, by one of its names. */
function isNamed(list, item, typed) {
  if (list.length === 0) return false
  const names = typed?.namesOf(item) ?? [item.name]
  return names.some((name) => list.includes(`${item.module}.${name}`))
}

/** The first property of the user's object that is there, of the names of a typed import. */
function typedIn(object, item, typed) {
  let value
  for (const name of typed.namesOf(item)) if (value === undefined) value = givenIn(object, name)
  return value
}

/**
 * A property of the user's object, also an inherited one. Undefined for a property that every object or function has: else a
 * module could import `toString.constructor`, which makes functions from text.
 */
function givenIn(object, name) {
  const value = object[name]
  for (let holder = object; holder !== null; holder = Object.getPrototypeOf(holder)) {
    // The traps of the proxy have already run.
    if (types.isProxy(holder)) return value
    if (Object.hasOwn(holder, name)) return isEverywhere(object, holder, name) ? undefined : value
  }
  return value
}

/** Whether every object has the property that `object` inherits from `holder`. */
const isEverywhere = (object, holder, name) => isRoot(holder) || (name === 'constructor' && holder !== object)

/** Whether an object is `Object.prototype` or `Function.prototype`, of any realm. */
function isRoot(object) {
  if (typeof object === 'function')
    return Object.hasOwn(object, Symbol.hasInstance) && !Object.hasOwn(object, 'prototype')
  return Object.hasOwn(object, '__proto__') && Object.getPrototypeOf(object) === null
}

/** Runs code that throws only errors of this package, and adds the module's file to them. */
function about(file, run) {
  try {
    return run()
  } catch (error) {
    throw nameFile(error, file)
  }
}

const noImports = ({ module, name }) =>
  wrongType('an object', 'imports', undefined, `the module imports "${module}"."${name}"`)

const noNamespace = ({ module, name }, value) =>
  wrongType('an object', `imports[${JSON.stringify(module)}]`, value, `the module imports "${name}" from it`)

const readers = {
  memory: (store, item, value) => idOf(store, item, value, findMemory(value, store)),
  table: (store, item, value) => idOf(store, item, value, findTable(value)),
  global: (store, item, value) => idOf(store, item, value, findGlobal(value)),
  tag: (store, item, value) => idOf(store, item, value, findTag(value)),
}

/** The Global for a plain value of the type of an immutable global; any other value as it is. */
function toGlobal(store, { global: { value: type, mutable } }, value) {
  if (findGlobal(value) || mutable || !isPlain(type, value, store)) return value
  return globalOf(store, store.globalCreate(type, false, value))
}

function isPlain(type, value, store) {
  if (type === 'externref') return true
  if (type === 'funcref') return value === null || store.isWasmFunction(value)
  return typeof value === (type === 'i64' ? 'bigint' : 'number') && type !== 'v128' && type !== 'exnref'
}

/** The id of an object of this package, which must belong to the same store. */
function idOf(store, item, value, handle) {
  if (handle === undefined) refuse(item, value)
  if (handle.store !== store) refuseStoreOfImport(item.kind, item.module, item.name)
  return handle.id
}

const refuse = ({ module, name, type }, value, expected = type) =>
  refuseImport(module, name, expected, formatValue(value))

module.exports = { about, toImports, readImports }
