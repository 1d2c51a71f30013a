'use strict'

// Months in the life of a store, in random order: instances are made, linked, unlinked, closed and dropped; they grow, throw
// and trap; functions move between tables; V8 and the store collect at any moment. A model predicts the result of every
// call. A use of a freed object would read another value, or end the process.

/** A module that returns the number that its instance has in its memory. */
const PLUGIN = `(module
  (import "env" "f" (func $f (result i32)))
  (import "env" "t0" (table $t0 8 funcref))
  (memory (export "memory") 1 3)
  (table $values (export "values") 2 externref)
  (global $g (mut externref) (ref.null extern))
  (func (export "id") (result i32) (i32.load (i32.const 8)))
  (func (export "setId") (param i32) (i32.store (i32.const 8) (local.get 0)))
  (func (export "run") (result i32) (call $f))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "trap") unreachable)
  (func (export "keep") (param externref)
    (table.set $values (i32.const 0) (local.get 0)) (global.set $g (local.get 0)))
  (func (export "kept") (result externref) (global.get $g))
  (func (export "call") (param i32) (result i32) (call_indirect $t0 (result i32) (local.get 0))))`

/** A module that moves functions between two imported tables. */
const MOVER = `(module
  (import "env" "t0" (table $t0 8 funcref))
  (import "env" "t1" (table $t1 8 funcref))
  (func (export "over") (param i32 i32) (table.set $t1 (local.get 1) (table.get $t0 (local.get 0))))
  (func (export "back") (param i32 i32) (table.copy $t0 $t1 (local.get 1) (local.get 0) (i32.const 1)))
  (func (export "put") (param i32 funcref) (table.set $t1 (local.get 0) (local.get 1)))
  (func (export "clear") (param i32) (table.fill $t1 (local.get 0) (ref.null func) (i32.const 1))))`

/** A module that puts a function into an imported table, and then fails to start. */
const FAILING = `(module
  (import "env" "t1" (table 8 funcref))
  (memory 1)
  (func $seven (result i32) i32.const 777)
  (elem (i32.const 7) $seven)
  (func $start unreachable)
  (start $start))`

/** A module that throws exceptions, and catches them, as well as those of an imported tag. */
const CATCHER = `(module
  (import "env" "f" (func $f (result i32)))
  (import "env" "tag" (tag $tag (param i32)))
  (tag $own (export "own") (param i32 externref))
  (func (export "throw") (param i32 externref) (throw $own (local.get 0) (local.get 1)))
  (func (export "caught") (result i32)
    try (result i32) (call $f) catch $tag catch $own drop catch_all (i32.const -1) end)
  (func (export "passed") (result i32) try (result i32) (call $f) catch_all rethrow 0 end))`

/** Pseudo-random numbers from a seed. */
function random(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { below: (end) => Math.floor(next() * end), pick: (list) => list[Math.floor(next() * list.length)] }
}

const SIZE = 8
const MOST = 24

/** One history of a store, with its model. */
class History {
  #number = 0
  #step = 0
  /** The instances that JavaScript holds */
  #live = []
  /** Closed instances, with the handles that JavaScript still holds */
  #closed = []
  /** Links that JavaScript holds */
  #links = []
  /** The instances that throw and catch */
  #catchers = []
  /** Values that JavaScript may throw, each with the catcher of its tag, if any, and its payload */
  #throwable = []
  /** The model of both tables' entries: the result of a call, and the function's owner; or null */
  #entries = [Array(SIZE).fill(null), Array(SIZE).fill(null)]

  constructor({ relink, modules, gc, seed }) {
    this.relink = relink
    this.gc = gc
    this.random = random(seed)
    this.modules = modules
    this.store = new relink.Store()
    const table = () => new relink.Table({ element: 'anyfunc', initial: SIZE }, null, { store: this.store })
    this.tables = [table(), table()]
    this.tag = new relink.Tag({ parameters: ['i32'] }, { store: this.store })
  }

  /** One step; some let the event loop turn. */
  async step() {
    this.#step++
    const actions = Object.keys(ACTIONS)
    const name = this.random.pick(actions)
    try {
      await ACTIONS[name].call(this)
      if (this.#step % 8 === 0) this.check()
    } catch (error) {
      error.message = `step ${this.#step}, ${name}: ${error.message}`
      throw error
    }
  }

  /** Checks the result of everything that can be called. */
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
        // WebAssembly still runs a closed instance's function in a table; JavaScript cannot call it.
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

  /** The result of a call of the import: that of the newest link, or of the import itself. */
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
    // The import refers back to the instance, like glue.
    plugin.numberOfImport = () => plugin.exports.id() + 1_000_000
    plugin.run = plugin.exports.run
    plugin.exports.setId(number)
    if (this.random.below(2) === 0) plugin.slot = plugin.instance.slot('env.f')
    return plugin
  }

  slotOf(plugin) {
    return plugin.slot ?? plugin.instance.slot('env.f')
  }

  /** A wasm or JavaScript function, with its result. */
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
      throw catcher.throws
    }
    const { exports } = (catcher.instance = new this.relink.Instance(
      this.modules.catcher,
      { env: { f, tag: this.tag } },
      { store: this.store },
    ))
    return Object.assign(catcher, { exports, own: exports.own })
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

const entryOf = (plugin) => (plugin === undefined ? null : { value: plugin.number, state: plugin.state })

const ACTIONS = {
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
    const place = plugin.stack.findIndex((each) => each.link === link)
    if (place < 0) return this.refused('ERR_RELINK_UNDONE', () => link.undo())
    if (place < plugin.stack.length - 1) return this.refused('ERR_RELINK_ORDER', () => link.undo())
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
  catcher() {
    if (this.catchers.length < MOST) this.catchers.push(this.makeCatcher())
  },
  throwable() {
    const [number, value] = [this.nextNumber(), { value: true }]
    const catcher = this.random.pick(this.catchers)
    const ways = [
      () => ({ thrown: new this.relink.Exception(this.tag, [number]), tag: this.tag, number }),
      () => ({ thrown: value }),
      () => ({ thrown: this.thrownBy(() => catcher.exports.throw(number, value)), own: catcher, number, value }),
      () => ({ thrown: new this.relink.Exception(catcher.own, [number, value]), own: catcher, number, value }),
    ]
    this.throwable.push(this.random.pick(catcher === undefined ? ways.slice(0, 2) : ways)())
    if (this.throwable.length > MOST) this.takeOut(this.throwable)
  },
  catch() {
    const [catcher, each] = [this.random.pick(this.catchers), this.random.pick(this.throwable)]
    if (catcher === undefined || each === undefined) return
    catcher.throws = each.thrown
    const caught = each.tag === this.tag || each.own === catcher ? each.number : -1
    this.same(catcher.exports.caught(), caught, 'what is caught')
    this.same(this.thrownBy(catcher.exports.passed), each.thrown, 'what goes through')
    catcher.throws = undefined
  },
  lookIntoException() {
    const { thrown, own, number, value } = this.random.pick(this.throwable) ?? {}
    if (own === undefined) return
    this.same(thrown.is(own.own) && !thrown.is(this.tag), true, 'the tag of an exception')
    this.same(thrown.getArg(own.own, 0), number, 'what it carries')
    this.same(thrown.getArg(own.own, 1), value, 'the value that it carries')
    if (own.state.closed) this.refused('ERR_RELINK_CLOSED', () => new this.relink.Exception(own.own, [1, null]))
  },
  endCatcher() {
    if (this.catchers.length === 0) return
    const catcher = this.takeOut(this.catchers)
    const ways = [
      () => ((catcher.state.closed = true), catcher.instance.close()),
      // Drops it with its tag; only its thrown exceptions are left.
      () => this.throwable.filter((each) => each.own === catcher).forEach((each) => (each.own = undefined)),
    ]
    this.random.pick(ways)()
    catcher.instance = catcher.exports = undefined
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
    // The buffer keeps its contents, unless code that is still linked grows the memory.
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
  garbage() {
    this.gc()
  },
  collect() {
    if (this.store.collect() === null) throw new Error('no wasm is running')
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

/**
 * Runs one history of a number of steps, and ends it; nothing may be left then. `modules` are the compiled texts. Throws at
 * the first difference from the model.
 */
async function run({ relink, modules, gc, seed, steps }) {
  const history = new History({ relink, modules, gc, seed })
  for (let step = 0; step < steps; step++) await history.step()
  history.check()
  const { store } = history
  const most = store.stats().instances
  store.close()
  const { instances, memories, freed } = store.stats()
  if (instances + memories > 0) throw new Error(`${instances} instances and ${memories} memories are left`)
  return { most, freed: freed.instances }
}

module.exports = { random, texts: { plugin: PLUGIN, mover: MOVER, failing: FAILING, catcher: CATCHER }, run }
