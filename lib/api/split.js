'use strict'

// The class Split, and `split`: several implementations in one slot.

const { formatValue, toOptions, wrongType } = require('../options/arguments')
const { toLinkOptions } = require('../options/commit-options')
const { LinkError, rangeError, typeError } = require('../errors')
const dispose = require('../node/dispose')
const { Brand, onlyInternal } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { Instance } = require('./instance')
const { checkImplementation, isOver, link, toSlot } = require('./link')
const { Suspending, suspendingFunction } = require('./promising')
const { coreFor } = require('../typed/core-for')
const { OwnModule } = require('./module')
const { RequestedChanges } = require('./requested-changes')
const { above } = require('../internal/above')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

let brand

/** A slot whose calls are split between implementations. */
class Split {
  /** The names of the implementations, in order */
  #names
  #implementations
  /** The functions that a chooser's calls go to */
  #functions
  #link
  /** The function in the slot */
  #function
  /** By weight: the exports of the generated module. By a chooser: the counts */
  #exports
  #counts
  #weights

  static {
    brand = new Brand('a Split', (value) => (#names in value ? value : undefined))
    webidl(this)
    inspectable(this, {
      slot: (all) => all.slot.name,
      weights: (all) => all.weights,
      calls: (all) => all.calls,
    })
  }

  constructor(plan) {
    if (!(plan instanceof SplitPlan)) throw onlyInternal('Split', 'split(slot, implementations, options)')
    const { slot, names, implementations, weights, choose, linking } = plan
    this.#names = names
    this.#implementations = implementations
    if (choose === undefined) {
      this.#exports = generated(slot, implementations, toLinkOptions(linking))
      this.#setWeights(weights)
      // It passes on what it gets: `generated` has checked the memories of the implementations.
      this.#link = link(this.#exports.split, slot, { ...linking, pointers: true })
    } else {
      this.#counts = names.map(() => 0)
      const chooser = (...args) => this.#choose(choose, args)
      const suspends = implementations.some((each) => suspendingFunction(each) !== undefined)
      this.#functions = implementations.map((each) => suspendingFunction(each) ?? each)
      this.#link = link(suspends ? new Suspending(chooser) : chooser, slot, linking)
    }
    this.#function = slot.current
    uncloneable(this)
  }

  get slot() {
    return brand.get(this).#link.slot
  }

  get link() {
    return brand.get(this).#link
  }

  get weights() {
    const all = brand.get(this)
    return all.#weights && Object.freeze({ ...all.#weights })
  }

  get calls() {
    const all = brand.get(this)
    const count = (index) => all.#counts?.[index] ?? Number(all.#exports[`calls:${index}`].value)
    return Object.fromEntries(all.#names.map((name, index) => [name, count(index)]))
  }

  set(weights) {
    const all = brand.get(this)
    if (all.#exports === undefined) throw typeError('a split with `choose` has no weights', 'ERR_INVALID_ARG_VALUE')
    all.#setWeights(toWeights(weights, all.#names, 'weights'))
  }

  end(name, options = undefined) {
    const all = brand.get(this)
    const index = all.#names.indexOf(name)
    if (index < 0) throw unknownName(name, all.#names, 'name')
    const { slot } = all.#link
    if (slot.current !== all.#function) throw gone(slot.name)
    return link(all.#implementations[index], slot, options)
  }

  undo() {
    brand.get(this).#link.undo()
  }

  [dispose]() {
    try {
      this.undo()
    } catch (error) {
      if (!isOver(error)) throw error
    }
  }

  #setWeights(weights) {
    const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0)
    let sum = 0
    this.#names.slice(0, -1).forEach((name, index) => {
      sum += weights[name]
      this.#exports[`limit:${index}`].value = BigInt(Math.round((sum / total) * 2 ** 32))
    })
    this.#weights = weights
  }

  #choose(choose, args) {
    const name = choose(...args)
    const index = this.#names.indexOf(name)
    if (index < 0) throw unknownName(name, this.#names, 'choose(…)')
    this.#counts[index]++
    return this.#functions[index](...args)
  }
}

/** The exports of the generated module over the implementations. */
function generated(slot, implementations, permissions) {
  const { store, id, details } = toSlot(slot, () => 'slot')
  const first = store.slotType(id, 0, undefined).split(' ').at(-1) || 'cranelift'
  // Code that has tiered up calls code of its compiler directly, and other code over a bridge.
  const compiler = details.instance?.deref()?.compiler === 'cranelift' ? 'cranelift' : first
  const module = new OwnModule(store.splitModule(id, implementations.length), { slots: 'none', compiler })
  const mayWait = (fn) =>
    details.suspend && !store.isWasmFunction(fn) && typeof fn === 'function' ? new Suspending(fn) : fn
  const core = (fn) => mayWait(coreFor(store, fn, id, details, permissions))
  return new Instance(module, { '': implementations.map(core) }, { store: above.storeOf(store) }).exports
}

/** The checked arguments of `split`. */
class SplitPlan {
  constructor(slot, variants, options) {
    toSlot(slot, () => 'slot')
    if (typeof variants !== 'object' || variants === null) {
      throw wrongType('an object of implementations', 'implementations', variants)
    }
    const { weights, choose, ...linking } = toOptions(options, [
      'weights',
      'choose',
      'label',
      'by',
      'merged',
      'pointers',
    ])
    this.slot = slot
    this.names = Object.keys(variants)
    this.implementations = Object.values(variants)
    if (this.names.length < 2 || this.names.length > MOST) {
      throw rangeError(`expected from 2 to ${MOST} implementations, got ${this.names.length}`)
    }
    this.names.forEach((name, index) =>
      checkImplementation(this.implementations[index], () => `implementations[${JSON.stringify(name)}]`),
    )
    if ((weights === undefined) === (choose === undefined)) {
      throw typeError('expected either `weights` or `choose` in `options`', 'ERR_INVALID_ARG_VALUE')
    }
    if (choose !== undefined && typeof choose !== 'function') throw wrongType('a function', 'options.choose', choose)
    this.choose = choose
    this.weights = weights === undefined ? undefined : toWeights(weights, this.names, 'options.weights')
    this.linking = linking
    for (const implementation of this.implementations) {
      const requested = new RequestedChanges(1, toLinkOptions(linking))
      requested.addPair([implementation, slot], 0)
      requested.check()
    }
  }
}

/** Most implementations of a split. */
const MOST = 16

/** Weights by name: a number for each implementation, not all 0. */
function toWeights(value, names, argument) {
  if (typeof value !== 'object' || value === null) throw wrongType('an object of numbers', argument, value)
  for (const name of Object.keys(value)) if (!names.includes(name)) throw unknownName(name, names, argument)
  const own = (name) => (Object.hasOwn(value, name) ? value[name] : undefined)
  const weights = Object.fromEntries(names.map((name) => [name, own(name) ?? 0]))
  for (const [name, weight] of Object.entries(weights)) {
    if (typeof weight !== 'number') throw wrongType('a number', `${argument}.${name}`, weight)
    if (!(weight >= 0 && weight < Infinity)) {
      throw rangeError(`expected a finite number of at least 0 as \`${argument}.${name}\`, got ${weight}`)
    }
  }
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0)
  if (total > 0 && total < Infinity) return weights
  throw rangeError(`expected weights with a positive, finite sum as \`${argument}\`, got ${total}`)
}

const unknownName = (name, names, argument) =>
  typeError(
    `expected one of ${names.map((each) => `'${each}'`).join(', ')} as \`${argument}\`, got ${formatValue(name)}`,
    'ERR_INVALID_ARG_VALUE',
  )

const gone = (slot) =>
  new LinkError(`slot "${slot}" no longer holds the split: it was undone, or linked again`, {
    code: 'ERR_RELINK_ORDER',
    details: { slot },
  })

/** Splits the calls of a slot between implementations. */
function split(slot, implementations, options = undefined) {
  return new Split(new SplitPlan(slot, implementations, options))
}

module.exports = { Split, split }
