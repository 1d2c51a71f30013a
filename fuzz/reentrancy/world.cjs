'use strict'

// A store with a few objects of each kind, hostile code that uses it at any time, and checks of its state.

const { ACTIONS } = require('./actions.cjs')
const { Fault, fault } = require('./faults.cjs')
const { Hostile } = require('./hostile.cjs')
const { Population } = require('./population.cjs')

class World {
  /** The APIs of which a call has succeeded */
  done = new Set()
  /** Stores and instances that were closed with `lateCalls: 'ignore'`: their results are not checked */
  #silent = new WeakSet()
  /** Whether an API is being called */
  #calls = false
  #depth = 0
  #number = 0
  #population
  /** The instance that a memory, a table, a global, a tag or a slot belongs to, of all stores */
  #owners = new WeakMap()

  constructor({ relink, texts, gc, random, file }) {
    Object.assign(this, { relink, texts, gc, random, file })
    this.hostile = new Hostile(random, () => this.#act())
    this.begin()
    // A formatter of stacks is user code too.
    Error.prepareStackTrace = (error, frames) => {
      if (this.#calls && random.below(20) === 0) this.#act()
      return [String(error), ...frames].join('\n    at ')
    }
  }

  /** Makes a new store with a few instances. */
  begin() {
    this.store = new this.relink.Store()
    this.#population = new Population(this.relink, this.random, this.#owners)
    this.involved = []
    for (let count = 0; count < 2; count++) this.makeInstance()
  }

  /** A random object of a kind, which counts as involved in the call. */
  pick(kind) {
    const value = this.#population.pick(kind)
    if (value !== undefined) this.involved.push([kind, value])
    return value
  }

  /** Adds an object that a call has made. */
  add(kind, value) {
    this.#population.add(kind, value)
  }

  get options() {
    return this.random.below(8) === 0 ? this.hostile.junk() : this.hostile.object({ store: this.store })
  }

  nextNumber() {
    return ++this.#number
  }

  imports() {
    return {
      env: {
        f: this.hostile.callback((number) => this.hostile.primitive(number * 2)),
        pair: this.hostile.callback((number) =>
          this.hostile.list([this.hostile.primitive(number), this.hostile.primitive(0.5)]),
        ),
        start: this.hostile.callback(() => undefined),
        plain: 7n,
      },
    }
  }

  module(name) {
    this.modules ??= {}
    return (this.modules[name] ??= new this.relink.Module(this.texts[name], { slots: ['step', 'id', 'add'] }))
  }

  /** Makes an instance without hostile code. */
  makeInstance() {
    const imports = this.imports()
    imports.env.start = () => undefined
    const owner = new this.relink.Instance(this.module('owner'), imports, { store: this.store })
    this.addInstance(owner)
    const user = new this.relink.Instance(this.module('user'), { env: owner.exports }, { store: this.store })
    this.add('user', { instance: user, exports: user.exports })
  }

  addInstance(instance) {
    this.#population.addInstance(instance, this.nextNumber())
  }

  addSlot(instance, slot) {
    this.#population.addSlot(instance, slot)
  }

  /** Runs hostile code. */
  #act() {
    if (this.#depth >= 3 || this.random.below(4) === 0) return
    this.#depth++
    try {
      this.random.pick(ACTIONS)(this)
    } catch (error) {
      this.judge(error)
      // Half of the errors leave the hostile code.
      if (this.random.below(2) === 0) throw error
    } finally {
      this.#depth--
    }
  }

  judge(error) {
    const what = error?.cause === Fault ? undefined : fault(this.relink, error)
    // The caller may handle it like a user's error: note it.
    if (what !== undefined)
      this.late = new Error(`an API threw ${what}: ${error?.stack ?? String(error)}`, { cause: Fault })
    if (this.late !== undefined) throw this.late
  }

  judgeLater(error) {
    try {
      this.judge(error)
    } catch (found) {
      this.late ??= found
    }
  }

  /** Calls an API, which may throw any documented error, and checks the result. */
  async call(name) {
    let result
    this.#calls = true
    try {
      result = await this.calls[name](this)
      if (result !== SKIPPED) this.done.add(name)
    } catch (error) {
      this.#calls = false
      this.judge(error)
    }
    this.#calls = false
    if (typeof result === 'function') await result()
    this.involved.length = 0
  }

  /** Closes an instance or a store, sometimes with `lateCalls: 'ignore'`. */
  close(closable) {
    const ignores = this.random.below(4) === 0
    closable.close(ignores ? this.hostile.object({ lateCalls: 'ignore' }) : undefined)
    if (ignores) this.#silent.add(closable)
  }

  #isSilent(value) {
    return this.#silent.has(this.store) || this.#silent.has(this.ownerOf(value) ?? this)
  }

  same(actual, expected, what) {
    if (this.involved.some(([, value]) => this.#isSilent(value))) return
    if (!Object.is(actual, expected))
      throw new Error(`${what}: expected ${String(expected)}, got ${String(actual)}`, { cause: Fault })
  }

  /** Runs code that must throw CLOSED if, and only if, its object is closed. */
  unlessClosed(isClosed, run) {
    try {
      run()
    } catch (error) {
      if (!isClosed || error?.code !== 'ERR_RELINK_CLOSED') throw error
      return
    }
    if (isClosed) throw new Error('expected ERR_RELINK_CLOSED', { cause: Fault })
  }

  /** Checks every instance, and ends the store now and then. */
  check() {
    if (this.late !== undefined) throw this.late
    for (const { instance, exports, number } of this.#population.instances) {
      if (this.#isSilent({ instance })) continue
      this.unlessClosed(instance.closed, () => {
        this.same(exports.id(), number, 'the number of an instance')
        this.same(new Int32Array(exports.memory.buffer)[2], number, 'its memory')
        this.same(exports.add(1, 2n, 0.5), 3.5, 'a call')
        exports.table.get(0)
      })
    }
    if (this.store.closed || this.random.below(50) === 0) {
      this.store.close()
      this.begin()
    }
    this.#population.removeClosed()
    if (this.#population.instances.length < 3) this.makeInstance()
  }

  ownerOf(value) {
    return this.#population.ownerOf(value)
  }

  /** Closes the instance of an object that is involved in the call. */
  endInvolved() {
    const [, value] = this.random.pick(this.involved) ?? []
    const instance = this.ownerOf(value) ?? this.#population.pick('instance')?.instance
    if (instance !== undefined) this.close(instance)
  }
}

/** The result of a call for which there was no object. */
const SKIPPED = Symbol('skipped')

module.exports = { SKIPPED, World }
