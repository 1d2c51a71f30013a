'use strict'

// The objects of a store by kind, and the instances that own them.

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
  'split',
  'module',
  'watcher',
]

/** Greatest number of objects of a kind. */
const MOST = 5

class Population {
  #relink
  #random
  #pools = Object.fromEntries(KINDS.map((kind) => [kind, []]))
  /** The instance that a memory, a table, a global, a tag or a slot belongs to */
  #owners

  constructor(relink, random, owners) {
    this.#relink = relink
    this.#random = random
    this.#owners = owners
  }

  /** A random object of a kind; undefined if there is none. */
  pick(kind) {
    return this.#random.pick(this.#pools[kind])
  }

  /** Adds an object; if there are many, it replaces another one. */
  add(kind, value) {
    const pool = this.#pools[kind]
    pool.push(value)
    if (pool.length > MOST) pool.splice(this.#random.below(pool.length), 1)
  }

  #addOwned(kind, value, instance) {
    this.#owners.set(value, instance)
    this.add(kind, value)
  }

  /** Adds an instance of the owner module, which returns `number` from then on, with one of its exports of each kind. */
  addInstance(instance, number) {
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
      this.#addOwned(kind, exports[this.#random.pick(names)], instance)
    }
    for (const index of [1, 2]) exports.table.set(index, exports.step)
    const { step } = instance.slots
    if (step !== undefined) this.addSlot(instance, step)
  }

  /** Adds a slot that may be linked: the checks of a world call the other functions. */
  addSlot(instance, slot) {
    if (slot.kind === 'table' || ['step', 'env.f'].includes(slot.name)) this.#addOwned('slot', slot, instance)
  }

  get instances() {
    return this.#pools.instance
  }

  /** The instance that an object belongs to; undefined if there is none. */
  ownerOf(value) {
    const relink = this.#relink
    if (value instanceof relink.Link) return this.#owners.get(value.slot)
    if (value instanceof relink.Relink) return this.#owners.get(value.links[0]?.slot)
    return value?.instance instanceof relink.Instance ? value.instance : this.#owners.get(value)
  }

  /** Removes most objects of closed instances, so that most calls have open ones. */
  removeClosed() {
    for (const pool of Object.values(this.#pools)) {
      const goes = (value) => this.ownerOf(value)?.closed && this.#random.below(4) > 0
      pool.splice(0, pool.length, ...pool.filter((value) => !goes(value)))
    }
  }
}

module.exports = { Population }
