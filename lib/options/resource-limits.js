'use strict'

// The option `limits`: how much of each resource a store, an instance or a compile may have.

const { totalmem } = require('node:os')
const { formatValue, toOptions, wrongType } = require('./arguments')
const { nameFile, rangeError } = require('../errors')

/** The resources that objects hold, in the order of `Resource::ALL` in src/engine/alloc/quota.rs. */
const HELD = ['memorySize', 'tableElements', 'instances', 'functions', 'externrefs', 'buffers']

/** The limits of an instance: what of these it defines, the values that it was passed, and the buffers of its memories. */
const OF_INSTANCE = ['memorySize', 'tableElements', 'functions', 'externrefs', 'buffers']

/** The limits of a compile. */
const OF_COMPILE = ['moduleSize', 'codeSize', 'compileTime']

const [MiB, GiB] = [2 ** 20, 2 ** 30]

/** Bytes that this process may use: those of the machine, or of its container. */
function availableMemory() {
  const constrained = process.constrainedMemory?.() ?? 0
  return constrained > 0 ? Math.min(totalmem(), constrained) : totalmem()
}

/** The limits of a store by default. */
const ofStore = {
  memorySize: Math.max(64 * MiB, Math.floor(availableMemory() / 2)),
  tableElements: 100_000_000,
  instances: 100_000,
  functions: 20_000_000,
  externrefs: 10_000_000,
  buffers: 1_000_000,
  moduleSize: GiB,
  codeSize: GiB,
  compileTime: 180_000,
}

/**
 * Bytes that the memories of a plugin may grow to, unless its options say otherwise. A plugin is an instance of a module that
 * this package's own functions compiled. It may begin with more.
 */
const PLUGIN_MEMORY = GiB

/** The option `limits`, of which only these may be set: a copy. A value of undefined counts as not set. */
function toResourceLimits(limits, names) {
  const known = toOptions(limits, names, 'options.limits')
  const set = {}
  for (const name of names) {
    const value = known[name]
    if (value === undefined) continue
    const argument = `options.limits.${name}`
    if (typeof value !== 'number') throw wrongType('a number', argument, value)
    if (value !== Infinity && !(Number.isSafeInteger(value) && value >= 0)) {
      throw rangeError(`expected an integer from 0 on, or Infinity, as \`${argument}\`, got ${formatValue(value)}`)
    }
    set[name] = value
  }
  return set
}

/** The limits that a new store is given. */
const toStoreLimits = (limits) => toResourceLimits(limits, [...HELD, ...OF_COMPILE])

/** All limits of a store that was given these: a new object. */
const allLimits = (given) => ({ ...ofStore, ...given })

/** Amounts as the native side takes them. */
const amounts = (limits) => HELD.map((name) => limits[name] ?? Infinity)

/** The limits of an instance for the native side; undefined if it has none of its own. */
function toInstanceAmounts(limits, { isPlugin, native }) {
  if (isPlugin && limits.memorySize === undefined) {
    return amounts({ ...limits, memorySize: Math.max(PLUGIN_MEMORY, native.memorySize()) })
  }
  return Object.keys(limits).length > 0 ? amounts(limits) : undefined
}

/** The limits of a compile: those that were given for it or for its store, `ofIts`, the lower of both; else the default. */
function toCompileLimits(limits, ofIts = {}) {
  const lowest = (given) => (given.length === 0 ? undefined : Math.min(...given))
  const of = (name) => lowest([limits[name], ofIts[name]].filter((value) => value !== undefined)) ?? ofStore[name]
  return Object.fromEntries(OF_COMPILE.map((name) => [name, of(name)]))
}

/** The part of the option `limits` that an instance takes. */
const instancePart = (limits) => Object.fromEntries(OF_INSTANCE.map((name) => [name, limits[name]]))

/** Refuses a module that has more bytes than a compile may have. `file` is the module's file, if it has one. */
function checkModuleSize({ moduleSize }, size, file = undefined) {
  if (size <= moduleSize) return
  const message =
    `the limit \`moduleSize\` of the compile is ${moduleSize}, and this would take ${size}: ` +
    'raise the option `limits.moduleSize`'
  throw nameFile(rangeError(message, 'ERR_RELINK_LIMIT', { limit: 'moduleSize', value: moduleSize, asked: size }), file)
}

module.exports = {
  allLimits,
  OF_COMPILE,
  OF_INSTANCE,
  amounts,
  checkModuleSize,
  instancePart,
  toCompileLimits,
  toInstanceAmounts,
  toResourceLimits,
  toStoreLimits,
}
