'use strict'

// Actions that run while wasm of the same store waits for an import below them. `this` is the history.

const { createContext, runInContext } = require('node:vm')
const { Worker } = require('node:worker_threads')

/** Greatest depth of such actions within each other. */
const MOST = 12
/** Calls of wasm within each other in `recurse`: on V8 and here, there is room for more. */
const DEEP = 100

const actions = {
  /** Random actions in an import, which then returns or throws. */
  enter() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined || this.depth >= MOST) return
    const value = this.nextNumber()
    const thrown = this.random.below(3) === 0 ? { value } : undefined
    let begun = false
    const link = this.relink.link(() => {
      // Actions within may call it again, or later.
      if (begun) return value
      begun = true
      this.actWithin()
      if (thrown) throw thrown
      return value
    }, this.slotOf(plugin))
    plugin.stack.push({ link, value })
    if (thrown) this.same(this.thrownBy(plugin.run), thrown, 'what the import threw')
    else this.same(plugin.run(), value, 'run')
    if (plugin.stack.at(-1)?.link !== link) return
    if (plugin.state.closed) this.refused('ERR_RELINK_CLOSED', () => link.undo())
    else link.undo()
    plugin.stack.pop()
  },
  enterCatcher() {
    const catcher = this.random.pick(this.catchers)
    if (catcher === undefined || this.depth >= MOST) return
    const { caught } = catcher.exports
    const thrown = { value: this.nextNumber() }
    let begun = false
    catcher.acts = () => {
      if (begun) return
      begun = true
      this.actWithin()
      catcher.throws = thrown
    }
    this.same(caught(), -1, 'what is caught')
    catcher.acts = catcher.throws = undefined
  },
  start() {
    if (this.depth >= MOST) return
    const thrown = this.random.below(2) === 0 ? { value: true } : undefined
    const f = () => {
      this.actWithin()
      if (thrown) throw thrown
      return 1
    }
    const make = () => new this.relink.Instance(this.modules.starter, { env: { f } }, { store: this.store })
    if (thrown) this.same(this.thrownBy(make), thrown, 'what the start function threw')
    else this.same(make().exports.started.value, 1, 'the result of the import')
  },
  recurse() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined) return
    const value = this.nextNumber()
    const thrown = this.random.below(2) === 0 ? { value } : undefined
    let left = 1 + this.random.below(DEEP)
    const link = this.relink.link(() => {
      if (left-- > 0) return plugin.run()
      if (this.random.below(4) === 0) this.gc()
      this.same(this.store.collect(), null, 'collect')
      this.make().run()
      if (thrown) throw thrown
      return value
    }, this.slotOf(plugin))
    if (thrown) this.same(this.thrownBy(plugin.run), thrown, 'what the innermost import threw')
    else this.same(plugin.run(), value, 'run')
    link.undo()
  },
  overflow() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined || this.depth > 0 || this.random.below(10) > 0) return
    const link = this.relink.link(() => plugin.run() + 1, this.slotOf(plugin))
    const error = this.thrownBy(plugin.run)
    this.same(error.name === 'RangeError' || error.code === 'ERR_RELINK_TRAP', true, `the end of the stack: ${error}`)
    link.undo()
  },
  /** JavaScript that is ended from outside leaves wasm below it that nobody goes on with. */
  abandon() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined || this.depth > 0 || this.random.below(10) > 0) return
    let left = this.random.below(5)
    const loop = runInContext('(() => { for (;;); })', createContext())
    const link = this.relink.link(() => (left-- > 0 ? plugin.run() : loop()), this.slotOf(plugin))
    const context = createContext({ run: plugin.run })
    this.same(
      this.thrownBy(() => runInContext('run()', context, { timeout: 3 })).code,
      'ERR_SCRIPT_EXECUTION_TIMEOUT',
      'the error of the timeout',
    )
    link.undo()
  },
  async endThread() {
    if (this.random.below(20) > 0) return
    const way = this.random.pick(['exit', 'terminate', 'throw'])
    const worker = new Worker(THREAD, { eval: true, workerData: { way, depth: this.random.below(20), path: PACKAGE } })
    const end = new Promise((resolve) => worker.on('exit', resolve))
    let error
    worker.on('error', (thrown) => (error = thrown))
    worker.on('message', () => void worker.terminate())
    const code = await end
    this.same(code, way === 'exit' ? 7 : 1, 'the code of the thread')
    this.same(error?.message, way === 'throw' ? 'of the import' : undefined, 'the error of the thread')
  },
}

const PACKAGE = require.resolve('../..')

/** A thread that ends in an import: `run` calls the import `f`. */
const THREAD = `
  const { workerData: { way, depth, path }, parentPort } = require('node:worker_threads')
  const { Instance, Module } = require(path)
  const bytes = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 101, 1, 102, 0, 0, 3, 2, 1, 0,
    7, 7, 1, 3, 114, 117, 110, 0, 1, 10, 6, 1, 4, 0, 16, 0, 11)
  let left = depth
  const { run } = new Instance(new Module(bytes), { e: { f } }).exports
  function f() {
    if (left-- > 0) return run()
    if (way === 'exit') process.exit(7)
    if (way === 'throw') throw new Error('of the import')
    parentPort.postMessage('now')
    for (;;);
  }
  run()`

module.exports = { actions }
