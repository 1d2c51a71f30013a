'use strict'

// A history of a store, and the model of it.

const { random } = require('../random.cjs')

/** Number of entries of each table. */
const SIZE = 8

/** Actions that await. */
const ASYNCHRONOUS = new Set(['turn', 'endThread', 'settle'])

/** Actions that call wasm whose import runs further actions. */
const ENTERING = ['enter', 'enterCatcher', 'start', 'discountOfJavaScript']

/** One history of a store, with the model that its state is compared with. */
class History {
  #number = 0
  #step = 0
  /** Number of imports that are running actions */
  depth = 0
  /** The first failed comparison, which wasm may have caught since */
  #failure
  /** The instances that JavaScript holds */
  #live = []
  /** Closed instances, whose exports and buffers JavaScript still holds */
  #closed = []
  /** Links that JavaScript holds */
  #links = []
  /** The instances that throw and catch */
  #catchers = []
  /** Values that JavaScript may throw, each with its payload and the catcher whose tag it has, if any */
  #throwable = []
  /** Suspended calls, with the functions that settle the promises for which they wait */
  waiting = []
  /** Weak references to suspended calls that nothing settles */
  forgotten = []
  /** Instances that begin again after a trap */
  recyclable = []
  /** Number of times that any of them has begun again */
  recycled = 0
  /** Instances with typed functions */
  shops = []
  /** The entries of both tables: the result of a call, and the state of the function's instance; or null */
  #entries = [Array(SIZE).fill(null), Array(SIZE).fill(null)]

  constructor({ relink, modules, gc, seed, actions }) {
    this.actions = actions
    this.relink = relink
    this.gc = gc
    this.random = random(seed)
    this.modules = modules
    this.store = new relink.Store()
    const table = () => new relink.Table({ element: 'anyfunc', initial: SIZE }, null, { store: this.store })
    this.tables = [table(), table()]
    this.tag = new relink.Tag({ parameters: ['i32'] }, { store: this.store })
  }

  /** Runs one random action. Some let the event loop turn. */
  async step() {
    this.#step++
    const name = this.random.pick(Object.keys(this.actions))
    try {
      await this.actions[name].call(this)
      if (this.#failure) throw this.#failure
      if (this.#step % 8 === 0) this.check()
    } catch (error) {
      error.message = `step ${this.#step}, ${name}: ${error.message}`
      throw error
    }
  }

  /** Runs random actions in an import that wasm waits for. Those that let the event loop turn are left out. */
  actWithin() {
    this.depth++
    try {
      for (let count = this.random.below(4); count >= 0; count--) {
        // Some go further in.
        const list = this.random.below(3) === 0 ? ENTERING : Object.keys(this.actions)
        const name = this.random.pick(list.filter((each) => !ASYNCHRONOUS.has(each)))
        this.actions[name].call(this)
        if (this.random.below(16) === 0) this.check()
      }
    } catch (error) {
      this.#failure ??= error
      throw error
    } finally {
      this.depth--
    }
  }

  /** Compares the results of everything that can be called with the model. */
  check() {
    for (const plugin of this.#live) {
      this.same(plugin.run(), this.valueOf(plugin), 'run')
      this.same(plugin.exports.id(), plugin.number, 'id')
      this.same(new Int32Array(plugin.exports.memory.buffer)[2], plugin.number, 'the bytes of the memory')
      this.same(plugin.exports.kept()?.number, plugin.kept, 'the value that is kept')
      this.same(plugin.exports.values.get(0)?.number, plugin.kept, 'the value in the table')
    }
    for (const [which, table] of this.tables.entries()) {
      for (let index = 0; index < SIZE; index++) {
        const entry = this.#entries[which][index]
        // WebAssembly still runs a closed function that is in a table; JavaScript may not call it.
        if (entry?.state?.closed) this.refused('ERR_RELINK_CLOSED', table.get(index))
        else this.same(table.get(index)?.(), entry?.value, `entry ${index} of table ${which}`)
      }
    }
  }

  same(actual, expected, what) {
    if (!Object.is(actual, expected)) throw new Error(`${what}: expected ${expected}, got ${actual}`)
  }

  refused(code, run) {
    try {
      run()
    } catch (error) {
      if (error.code === code) return
      throw error
    }
    throw new Error(`expected ${code}, and nothing was thrown`)
  }

  /** The result of a call of the import: the result of the newest link's function, or of the import itself. */
  valueOf({ stack, number }) {
    return stack.length > 0 ? stack.at(-1).value : number + 1_000_000
  }

  make() {
    const number = ++this.#number
    // The model must not keep the instance alive.
    const plugin = { number, stack: [], kept: undefined, state: { closed: false } }
    const imports = { env: { f: () => plugin.numberOfImport(), t0: this.tables[0] } }
    plugin.instance = new this.relink.Instance(this.modules.plugin, imports, { store: this.store })
    plugin.exports = plugin.instance.exports
    // The import refers to the instance, as glue does.
    plugin.numberOfImport = () => plugin.exports.id() + 1_000_000
    plugin.run = plugin.exports.run
    plugin.exports.setId(number)
    if (this.random.below(2) === 0) plugin.slot = plugin.instance.slot('env.f')
    return plugin
  }

  slotOf(plugin) {
    return plugin.slot ?? plugin.instance.slot('env.f')
  }

  /** A WebAssembly or JavaScript function, with its result. */
  implementation() {
    const kind = this.random.below(3)
    if (kind === 0 || this.#live.length === 0) {
      const value = ++this.#number
      return { fn: () => value, value }
    }
    const { exports, number } = this.random.pick(this.#live)
    return { fn: exports.id, value: number }
  }

  makeCatcher() {
    const catcher = { state: { closed: false } }
    const f = () => {
      catcher.acts?.()
      throw catcher.throws
    }
    const { exports } = (catcher.instance = new this.relink.Instance(
      this.modules.catcher,
      { env: { f, tag: this.tag } },
      { store: this.store },
    ))
    return Object.assign(catcher, { exports, own: exports.own })
  }

  /** True if a call ends normally; false if it is refused since its instance was closed while it ran. */
  closesMeanwhile({ state }, run) {
    try {
      run()
      return true
    } catch (error) {
      if (state.closed && error.code === 'ERR_RELINK_CLOSED') return false
      throw error
    }
  }

  /** The value that a call throws. */
  thrownBy(run) {
    try {
      run()
    } catch (error) {
      return error
    }
    throw new Error('expected a throw, and there was none')
  }

  nextNumber() {
    return ++this.#number
  }

  takeOut(list) {
    return list.splice(this.random.below(list.length), 1)[0]
  }

  get catchers() {
    return this.#catchers
  }
  get throwable() {
    return this.#throwable
  }
  get live() {
    return this.#live
  }
  get closed() {
    return this.#closed
  }
  get links() {
    return this.#links
  }
  get entries() {
    return this.#entries
  }
}

module.exports = { History, SIZE }
