'use strict'

// Actions on instances that begin again after traps. `this` is the history.

/** Greatest number of them that a history holds. */
const MOST = 6

const CAN_INTERRUPT = process.platform === 'linux' && process.arch === 'x64'

/** Brings the state of a new instance into the one that the history knows. */
function prepare(history, plugin) {
  const { exports, number } = plugin
  history.same(exports.id(), 0, 'the memory after recycling')
  history.same(exports.memory.buffer.byteLength, 65_536, 'the size of the memory after recycling')
  history.same(exports.kept(), null, 'the value after recycling')
  exports.setId(number)
}

/** The result of a call, or its error. */
function outcomeOf(run) {
  try {
    return run()
  } catch (error) {
    return error
  }
}

/** The ways in which a call of the plugin may end. */
function ways(history, plugin) {
  const { exports, run } = plugin
  const traps = [
    () => history.refused('ERR_RELINK_TRAP', exports.trap),
    () => history.refused('ERR_RELINK_TRAP', () => exports.call(1_000_000)),
    () => {
      if (!CAN_INTERRUPT) return history.refused('ERR_RELINK_TRAP', exports.trap)
      history.refused('ERR_RELINK_TIMEOUT', () => history.relink.withTimeout(0.05, exports.spin))
    },
  ]
  const within = () => {
    let begun = false
    const link = history.relink.link(() => {
      if (begun) return 1
      begun = true
      history.actWithin()
      if (!plugin.state.closed) exports.trap()
      return 1
    }, plugin.slot)
    const ended = outcomeOf(run)
    history.same(plugin.state.closed ? ended : ended.code, plugin.state.closed ? 1 : 'ERR_RELINK_TRAP', 'how it ended')
    if (plugin.state.closed) history.refused('ERR_RELINK_CLOSED', () => link.undo())
    else link.undo()
  }
  return [...traps, within]
}

const actions = {
  recyclable() {
    if (this.recyclable.length >= MOST) return
    const plugin = { number: this.nextNumber(), times: 0, state: { closed: false } }
    const { relink, store, tables } = this
    const imports = { env: { f: () => plugin.exports.id(), t0: tables[0] } }
    const onTrap = { recycle: { most: 1_000_000, within: 1 } }
    plugin.instance = new relink.Instance(this.modules.plugin, imports, {
      store,
      onTrap,
      onRecycle: ({ recycled }) => {
        plugin.times += recycled ? 1 : 0
        this.recycled++
      },
    })
    plugin.exports = plugin.instance.exports
    plugin.run = plugin.exports.run
    plugin.slot = plugin.instance.slot('env.f')
    plugin.exports.setId(plugin.number)
    this.recyclable.push(plugin)
  },
  recycle() {
    const plugin = this.random.pick(this.recyclable)
    // Below an import, an instance begins again only when the outermost call has left.
    if (plugin === undefined || this.depth > 0) return
    const { exports, number, run } = plugin
    this.same(exports.id(), number, 'id')
    if (this.random.below(2) === 0) exports.grow()
    exports.keep({ plugin })
    const buffer = exports.memory.buffer
    const value = this.nextNumber()
    const link = this.random.below(2) === 0 ? this.relink.link(() => value, plugin.slot) : undefined
    const before = plugin.times
    this.random.pick(ways(this, plugin))()
    if (plugin.state.closed) return
    this.same(plugin.times > before, true, 'whether the instance was recycled')
    this.same(buffer.byteLength, 0, 'the buffer from before')
    prepare(this, plugin)
    this.same(run(), link === undefined ? number : value, 'run')
    link?.undo()
    this.same(run(), number, 'run')
  },
  endRecyclable() {
    // Below an import, it may be the one that waits.
    if (this.recyclable.length === 0) return
    const plugin = this.takeOut(this.recyclable)
    if (this.random.below(2) === 0) return
    plugin.instance.close()
    plugin.state.closed = true
  },
}

module.exports = { actions }
