'use strict'

// Actions on two tables that instances share. `this` is the history.

const { SIZE } = require('./history.cjs')

/** The entry of the model for the function of a plugin. */
const entryOf = (plugin) => (plugin === undefined ? null : { value: plugin.number, state: plugin.state })

const actions = {
  setEntry() {
    const [which, index] = [this.random.below(2), this.random.below(SIZE)]
    const plugin = this.random.pick(this.live)
    this.tables[which].set(index, plugin?.exports.id ?? null)
    this.entries[which][index] = entryOf(plugin)
  },
  callEntry() {
    const index = this.random.below(SIZE)
    const plugin = this.random.pick(this.live)
    if (plugin === undefined) return
    const expected = this.entries[0][index]
    if (expected === null) return this.refused('ERR_RELINK_TRAP', () => plugin.exports.call(index))
    this.same(plugin.exports.call(index), expected.value, 'call')
  },
  move() {
    const [from, to] = [this.random.below(SIZE), this.random.below(SIZE)]
    const env = { t0: this.tables[0], t1: this.tables[1] }
    if (this.mover === undefined || this.random.below(4) === 0) {
      this.mover = new this.relink.Instance(this.modules.mover, { env }, { store: this.store })
    }
    const { over, back, put, clear } = this.mover.exports
    const [first, second] = this.entries
    const plugin = this.random.pick(this.live)
    const ways = [
      () => (over(from, to), (second[to] = first[from])),
      () => (back(from, to), (first[to] = second[from])),
      () => (put(to, plugin?.exports.id ?? null), (second[to] = entryOf(plugin))),
      () => (clear(to), (second[to] = null)),
    ]
    this.random.pick(ways)()
  },
}

module.exports = { actions }
