'use strict'

// Actions on instances: they come and go, grow, trap, and are closed. `this` is the history.

/** Greatest number of instances that a history holds. */
const MOST = 24

const actions = {
  instantiate() {
    if (this.live.length < MOST) this.live.push(this.make())
  },
  instantiateAndDrop() {
    this.same(this.make().run() > 1_000_000, true, 'run')
  },
  fail() {
    const make = () =>
      new this.relink.Instance(this.modules.failing, { env: { t1: this.tables[1] } }, { store: this.store })
    this.refused('ERR_RELINK_TRAP', make)
    this.entries[1][7] = { value: 777 }
  },
  grow() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined) return
    const { memory, grow } = plugin.exports
    const { buffer } = memory
    const before = buffer.byteLength / 65_536
    this.same(grow(), before < 3 ? before : -1, 'memory.grow')
    if (before < 3) this.same(buffer.byteLength, 0, 'the buffer from before')
  },
  keep() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined) return
    const value = { number: this.nextNumber(), plugin }
    plugin.exports.keep(value)
    plugin.kept = value.number
  },
  trap() {
    const plugin = this.random.pick(this.live)
    if (plugin !== undefined) this.refused('ERR_RELINK_TRAP', plugin.exports.trap)
  },
  close() {
    if (this.live.length === 0) return
    const plugin = this.takeOut(this.live)
    plugin.buffer = plugin.exports.memory.buffer
    plugin.bytes = plugin.buffer.byteLength
    plugin.instance.close()
    plugin.state.closed = true
    this.closed.push(plugin)
    if (this.closed.length > MOST) this.closed.shift()
  },
  useClosed() {
    const plugin = this.random.pick(this.closed)
    if (plugin === undefined) return
    const { exports, instance, slot, buffer, bytes, number } = plugin
    // The buffer stays as it was, unless code that is still linked grows the memory.
    if (buffer.byteLength !== 0) {
      this.same(buffer.byteLength, bytes, 'the buffer of a closed instance')
      this.same(new Int32Array(buffer)[2], number, 'the buffer of a closed instance')
    }
    const uses = [
      () => exports.id(),
      () => exports.memory.buffer,
      () => exports.values.get(0),
      () => instance.slot('env.f'),
      () => this.tables[0].set(0, exports.id),
      ...(slot === undefined ? [] : [() => slot.reset(), () => this.relink.link(() => 1, slot)]),
    ]
    this.refused('ERR_RELINK_CLOSED', this.random.pick(uses))
  },
  drop() {
    if (this.live.length === 0) return
    const plugin = this.takeOut(this.live)
    for (const held of this.links.filter((each) => each.plugin === plugin)) {
      this.links.splice(this.links.indexOf(held), 1)
    }
  },
  dropClosed() {
    this.closed.length = 0
  },
}

module.exports = { actions }
