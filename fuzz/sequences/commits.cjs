'use strict'

// Actions on commits: several slots at once, rollbacks, trials, splits. Each takes back what it did. `this` is the history.

/** Some different plugins that are live. */
function several(history) {
  return [...new Set([1, 2, 3].map(() => history.random.pick(history.live)))].filter((each) => each !== undefined)
}

/** Links all these plugins in one commit, each to a number of its own. */
function commit(history, plugins, label) {
  const values = plugins.map(() => history.nextNumber())
  const changes = plugins.map((plugin, index) => [() => values[index], history.slotOf(plugin)])
  const change = history.relink.relink(changes, { label })
  plugins.forEach((plugin, index) => plugin.stack.push({ link: change, value: values[index] }))
  for (const plugin of plugins) history.same(plugin.run(), history.valueOf(plugin), 'run')
  return change
}

function takenBack(history, plugins) {
  for (const plugin of plugins) plugin.stack.pop()
  for (const plugin of plugins) history.same(plugin.run(), history.valueOf(plugin), 'run')
}

/** The steps between two commits. None changes a slot for longer. */
function pause(history) {
  const name = history.random.pick(['garbage', 'collect', 'garbageWhileRunning', 'instantiateAndDrop', 'throw', 'grow'])
  history.actions[name].call(history)
}

const actions = {
  relink() {
    const plugins = several(this)
    if (plugins.length === 0) return
    const change = commit(this, plugins, 'together')
    pause(this)
    change.undo()
    takenBack(this, plugins)
  },
  rollback() {
    const plugins = several(this)
    if (plugins.length === 0) return
    const first = commit(this, plugins, 'first')
    const later = Array.from({ length: 1 + this.random.below(3) }, () => several(this))
    for (const each of later) {
      commit(this, each, 'later')
      pause(this)
    }
    const undone = this.store.rollback(first.id)
    this.same(undone.filter(({ label }) => label === 'later').length, later.length, 'the commits of a rollback')
    takenBack(this, later.toReversed().flat())
    first.undo()
    takenBack(this, plugins)
  },
  trial() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined) return
    const [value, before, calls] = [this.nextNumber(), this.valueOf(plugin), 1 + this.random.below(4)]
    const thrown = this.random.below(2) === 0 ? { value } : undefined
    let left = this.random.below(calls)
    const implementation = () => {
      if (thrown && left-- === 0) throw thrown
      return value
    }
    const change = this.relink.relink([[implementation, this.slotOf(plugin)]], { trial: { calls } })
    for (let call = 0; call < calls; call++) {
      if (thrown && left === 0) {
        this.same(this.thrownBy(plugin.run), thrown, 'what an implementation on trial threw')
        this.same(change.undone, true, 'whether the trial took the commit back')
        this.same(plugin.run(), before, 'run')
        return
      }
      this.same(plugin.run(), value, 'run')
      if (this.random.below(4) === 0) pause(this)
    }
    this.same(change.undone, false, 'whether the trial took the commit back')
    this.same(plugin.run(), value, 'run')
    change.undo()
    this.same(plugin.run(), before, 'run')
  },
  split() {
    const [plugin, other] = [this.random.pick(this.live), this.random.pick(this.live)]
    if (plugin === undefined || plugin === other) return
    const [value, before] = [this.nextNumber(), this.valueOf(plugin)]
    const { split } = this.relink
    const ways = { script: () => value, plugin: other.exports.id }
    const made = split(this.slotOf(plugin), ways, { weights: { script: 1, plugin: 1 } })
    const sum = () => plugin.run() + plugin.run()
    this.same(sum(), value + other.number, 'the results of a split')
    pause(this)
    this.same(sum(), value + other.number, 'the results of a split')
    if (this.random.below(2) === 0) {
      const end = made.end('plugin')
      this.same(plugin.run(), other.number, 'run')
      end.undo()
    }
    made.undo()
    this.same(plugin.run(), before, 'run')
  },
}

module.exports = { actions }
