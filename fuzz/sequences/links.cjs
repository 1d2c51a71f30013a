'use strict'

// Actions on links and slots. `this` is the history.

const actions = {
  link() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined) return
    const { fn, value } = this.implementation()
    const link = this.relink.link(fn, this.slotOf(plugin))
    plugin.stack.push({ link, value })
    this.links.push({ plugin, link })
  },
  undo() {
    if (this.links.length === 0) return
    const { plugin, link } = this.takeOut(this.links)
    if (plugin.state.closed) return this.refused('ERR_RELINK_CLOSED', () => link.undo())
    const position = plugin.stack.findIndex((each) => each.link === link)
    if (position < 0) return this.refused('ERR_RELINK_UNDONE', () => link.undo())
    if (position < plugin.stack.length - 1) return this.refused('ERR_RELINK_ORDER', () => link.undo())
    link.undo()
    plugin.stack.pop()
  },
  dropLink() {
    if (this.links.length === 0) return
    const { plugin, link } = this.takeOut(this.links)
    // Neither this link nor those below it can be undone any more.
    for (const each of plugin.stack) if (each.link === link) each.link = undefined
  },
  reset() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined) return
    this.slotOf(plugin).reset()
    plugin.stack.length = 0
  },
  throw() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined) return
    const thrown = { number: plugin.number }
    const link = this.relink.link(() => {
      throw thrown
    }, this.slotOf(plugin))
    let caught
    try {
      plugin.run()
    } catch (error) {
      caught = error
    }
    this.same(caught, thrown, 'what was thrown')
    link.undo()
  },
}

module.exports = { actions }
