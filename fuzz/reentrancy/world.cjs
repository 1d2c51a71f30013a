'use strict'

// A store with a few objects of each kind, the actions of hostile code on it, and the checks that must always hold.

const { ACTIONS } = require('./actions.cjs')
const { Fault, fault } = require('./faults.cjs')
const { Hostile } = require('./hostile.cjs')

const KINDS = [
  'instance',
  'user',
  'shared',
  'memory',
  'table',
  'global',
  'tag',
  'exception',
  'slot',
  'link',
  'relink',
  'module',
]
const MOST = 5

class World {
  /** The APIs that have succeeded */
  done = new Set()
  /** Objects that were closed with `lateCalls: 'ignore'`, which the model no longer checks */
  #silent = new WeakSet()
  /** Whether a call is being made */
  #calls = false
  #depth = 0
  #number = 0
  #pools
  /** The instance that owns a memory, a table, a global or a tag, if one does */
  #owners = new WeakMap()

  constructor({ relink, texts, gc, random, file }) {
    Object.assign(this, { relink, texts, gc, random, file })
    this.hostile = new Hostile(random, () => this.#act())
    this.begin()
    // This runs when the package reads an error's stack, so it is user code too.
    Error.prepareStackTrace = (error, frames) => {
      if (this.#calls && random.below(20) === 0) this.#act()
      return [String(error), ...frames].join('\n    at ')
    }
  }

  /** A new store with some objects. */
  begin() {
    this.store = new this.relink.Store()
    this.#pools = Object.fromEntries(KINDS.map((kind) => [kind, []]))
    this.involved = []
    for (let count = 0; count < 2; count++) this.makeInstance()
  }

  /** An object of a kind. It counts as involved in the current call. */
  pick(kind) {
    const value = this.random.pick(this.#pools[kind])
    if (value !== undefined) this.involved.push([kind, value])
    return value
  }

  /** Adds an object that a call has made. */
  add(kind, value) {
    const pool = this.#pools[kind]
    pool.push(value)
    if (pool.length > MOST) pool.splice(this.random.below(pool.length), 1)
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

  /** An instance that hostile code does not know yet. */
  makeInstance() {
    const imports = this.imports()
    imports.env.start = () => undefined
    const owner = new this.relink.Instance(this.module('owner'), imports, { store: this.store })
    this.addInstance(owner)
    const user = new this.relink.Instance(this.module('user'), { env: owner.exports }, { store: this.store })
    this.add('user', { instance: user, exports: user.exports })
  }

  addInstance(instance) {
    const number = this.nextNumber()
    const { exports } = instance
    exports.setId(number)
    this.add('instance', { instance, exports, number })
    const parts = {
      memory: ['memory'],
      table: ['table', 'values'],
      global: ['number', 'double', 'any', 'fn'],
      tag: ['tag'],
    }
    for (const [kind, names] of Object.entries(parts)) {
      const part = exports[this.random.pick(names)]
      this.#owners.set(part, instance)
      this.add(kind, part)
    }
    for (const index of [1, 2]) exports.table.set(index, exports.step)
    const { step } = instance.slots
    if (step !== undefined) this.addSlot(instance, step)
  }

  addSlot(instance, slot) {
    // Only these slots are linked, so that the model stays right.
    if (slot.kind !== 'table' && !['step', 'env.f'].includes(slot.name)) return
    this.#owners.set(slot, instance)
    this.add('slot', slot)
  }

  /** An action of hostile code. */
  #act() {
    if (this.#depth >= 3 || this.random.below(4) === 0) return
    this.#depth++
    try {
      this.random.pick(ACTIONS)(this)
    } catch (error) {
      this.judge(error)
      // Half of the errors are thrown on.
      if (this.random.below(2) === 0) throw error
    } finally {
      this.#depth--
    }
  }

  judge(error) {
    const what = error?.cause === Fault ? undefined : fault(this.relink, error)
    // The API may take the fault for an error of the user, and go on.
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

  /** Makes a call, which may throw any documented error, and checks the outcome. */
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

  /** The result of `run`, or CLOSED if its object is closed. */
  unlessClosed(isClosed, run) {
    try {
      run()
    } catch (error) {
      if (!isClosed || error?.code !== 'ERR_RELINK_CLOSED') throw error
      return
    }
    if (isClosed) throw new Error('expected ERR_RELINK_CLOSED', { cause: Fault })
  }

  /** Every instance answers, or is closed. */
  check() {
    if (this.late !== undefined) throw this.late
    for (const { instance, exports, number } of this.#pools.instance) {
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
    // Most objects must work.
    for (const pool of Object.values(this.#pools)) {
      const isOver = (value) => this.ownerOf(value)?.closed && this.random.below(4) > 0
      pool.splice(0, pool.length, ...pool.filter((value) => !isOver(value)))
    }
    if (this.#pools.instance.length < 3) this.makeInstance()
  }

  /** The instance that owns an object, if one does. */
  ownerOf(value) {
    const { relink } = this
    if (value instanceof relink.Link) return this.#owners.get(value.slot)
    if (value instanceof relink.Relink) return this.#owners.get(value.links[0]?.slot)
    return value?.instance instanceof relink.Instance ? value.instance : this.#owners.get(value)
  }

  /** Closes one of the objects that are involved in the call. */
  endInvolved() {
    const [, value] = this.random.pick(this.involved) ?? []
    const instance = this.ownerOf(value) ?? this.random.pick(this.#pools.instance)?.instance
    if (instance !== undefined) this.close(instance)
  }
}

/** The result of a call that was skipped, since it found no objects. */
const SKIPPED = Symbol('skipped')

module.exports = { SKIPPED, World }
