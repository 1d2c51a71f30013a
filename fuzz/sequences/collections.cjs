'use strict'

// Collections by V8 and by the store. `this` is the history.

const actions = {
  garbage() {
    this.gc()
  },
  collect() {
    this.same(this.store.collect() === null, this.depth > 0, 'whether wasm is running')
  },
  garbageWhileRunning() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined) return
    const link = this.relink.link(() => {
      this.gc()
      this.same(this.store.collect(), null, 'collect')
      this.make().exports.memory.buffer.slice(0)
      return 5
    }, this.slotOf(plugin))
    this.same(plugin.run(), 5, 'run')
    link.undo()
  },
  async turn() {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  },
}

module.exports = { actions }
