// The collector: it frees unreached objects, and no others.
import { Global, Instance, type Link, Memory, Module, type Slot, Store, Table, Tag, link } from '../..'
import { InstanceMaker, collect, collectGarbage, collectNow } from '../support/collecting'
import { wat } from '../support'

/** A module that calls its import, has an object of each kind, and returns five. */
const PLUGIN = `(module
  (import "env" "f" (func $f (result i32)))
  (memory (export "memory") 1 4)
  (table (export "table") 4 funcref)
  (table (export "values") 2 externref)
  (global (export "global") (mut funcref) (ref.null func))
  (elem (i32.const 0) $five)
  (func $five (export "five") (result i32) i32.const 5)
  (func (export "run") (result i32) (call $f))
  (func (export "at") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
  (func (export "put") (param externref) (table.set 1 (i32.const 0) (local.get 0)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1))))`

let maker: InstanceMaker

beforeEach(async () => {
  maker = await InstanceMaker.of(PLUGIN)
})

const zero = { env: { f: () => 0 } }

describe('dropped objects are freed', () => {
  test('an instance, with all its objects', async () => {
    const before = maker.store.stats()
    maker.make(PLUGIN, zero).exports.run()
    expect(maker.store.stats()).toMatchObject({ instances: 1, memories: 1, memoryBytes: 65_536, globals: 1 })
    expect(maker.store.stats().codeBytes).toBeGreaterThan(0)
    const freed = await collect(maker.store)
    expect(freed).toMatchObject({ instances: 1, memories: 1, memoryBytes: 65_536, globals: 1 })
    expect(freed.functions).toBeGreaterThanOrEqual(6)
    expect(freed.tables).toBeGreaterThanOrEqual(2)
    const after = maker.store.stats()
    expect(after).toEqual({ ...before, freed, collections: 1, collectionTime: after.collectionTime })
    expect(await collect(maker.store)).toMatchObject({ instances: 0, memories: 0, functions: 0 })
  })

  test('objects that JavaScript made', async () => {
    const { store } = maker
    const make = () => {
      new Memory({ initial: 1 }, { store }).buffer.slice(0)
      new Table({ element: 'anyfunc', initial: 1 }, null, { store }).grow(1)
      new Global({ value: 'i32' }, 1, { store }).valueOf()
      return new Tag({ parameters: ['i32'] }, { store })
    }
    make()
    expect(store.stats()).toMatchObject({ memories: 1, tables: 1, globals: 1, tags: 1 })
    expect(await collect(store)).toMatchObject({ memories: 1, tables: 1, globals: 1, tags: 1 })
  })

  test('an instance that imports a function that calls it', async () => {
    const ring = () => {
      const plugin: Instance = maker.make(PLUGIN, { env: { f: () => plugin.exports.five() } })
      expect(plugin.exports.run()).toBe(5)
    }
    for (let round = 0; round < 5; round++) ring()
    expect(maker.instances).toBe(5)
    expect((await collect(maker.store)).instances).toBe(5)
  })

  test('instances that call each other through JavaScript', async () => {
    const ring = () => {
      const one: Instance = maker.make(PLUGIN, { env: { f: () => other.exports.five() } })
      const other: Instance = maker.make(PLUGIN, { env: { f: () => one.exports.five() } })
      expect([one.exports.run(), other.exports.run()]).toEqual([5, 5])
    }
    ring()
    expect((await collect(maker.store)).instances).toBe(2)
  })

  test('instances that call each other through links', async () => {
    const ring = () => {
      const [one, other] = [maker.make(PLUGIN, zero), maker.make(PLUGIN, zero)]
      link(other.slot('five').original, one.slot('env.f'))
      link(one.slot('five').original, other.slot('env.f'))
      expect([one.exports.run(), other.exports.run()]).toEqual([5, 5])
    }
    ring()
    expect((await collect(maker.store)).instances).toBe(2)
    expect(maker.store.stats()).toMatchObject({ slots: 0, links: 0 })
  })

  test('a linked JavaScript function that calls the instance', async () => {
    const ring = () => {
      const plugin = maker.make(PLUGIN, zero)
      link(() => plugin.exports.five(), plugin.slot('env.f'))
      expect(plugin.exports.run()).toBe(5)
    }
    ring()
    await collect(maker.store)
    expect(maker.instances).toBe(0)
  })

  test('a value in a table that leads back to the instance', async () => {
    const ring = () => {
      const plugin = maker.make(PLUGIN, zero)
      plugin.exports.put({ plugin })
    }
    ring()
    // The first collection moves the value from the store to the instance.
    await collect(maker.store)
    await collect(maker.store)
    expect(maker.store.stats()).toMatchObject({ instances: 0, externrefs: 0 })
  })

  test('a store with all its objects', async () => {
    const stores = new Set<WeakRef<Store>>()
    const make = async () => {
      const { store } = await InstanceMaker.of(PLUGIN)
      stores.add(new WeakRef(store))
    }
    await make()
    await collectGarbage()
    await collectGarbage()
    expect([...stores].map((store) => store.deref())).toEqual([undefined])
  })
})

describe('reached objects stay', () => {
  test('by an export, a memory, a table, a global, a slot or the instance alone', async () => {
    const reach: ((plugin: Instance) => unknown)[] = [
      (plugin) => plugin,
      (plugin) => plugin.exports.five,
      (plugin) => plugin.exports.memory,
      (plugin) => plugin.exports.table,
      (plugin) => plugin.exports.global,
      (plugin) => plugin.slot('five'),
    ]
    const held: unknown[] = []
    for (const each of reach) {
      held.push(each(maker.make(PLUGIN, zero)))
      expect(await collect(maker.store)).toMatchObject({ instances: 0 })
    }
    held.length = 0
    expect(await collect(maker.store)).toMatchObject({ instances: reach.length })
  })

  test('by an entry of a table, with its imports', async () => {
    const calls: string[] = []
    const table = new Table({ element: 'anyfunc', initial: 1 }, null, { store: maker.store })
    const put = () => table.set(0, maker.make(PLUGIN, { env: { f: () => calls.push('f') } }).exports.run)
    put()
    for (let round = 1; round <= 3; round++) {
      expect(await collect(maker.store)).toMatchObject({ instances: 0 })
      expect(table.get(0)?.()).toBe(round)
    }
    table.set(0, null)
    expect((await collect(maker.store)).instances).toBe(1)
    expect(calls).toEqual(['f', 'f', 'f'])
  })

  test('by a global', async () => {
    const { store } = maker
    const global = new Global({ value: 'anyfunc', mutable: true }, null, { store })
    const put = () => void (global.value = maker.make(PLUGIN, { env: { f: () => 7 } }).exports.run)
    put()
    await collect(store)
    await collect(store)
    expect(global.value?.()).toBe(7)
    global.value = null
    expect((await collect(store)).instances).toBe(1)
  })

  test('by a link, until it is undone', async () => {
    const plugin = maker.make(PLUGIN, zero)
    const slot: Slot<[], number> = plugin.slot('env.f')
    const put = () => link(maker.make(PLUGIN, { env: { f: () => 7 } }).exports.run, slot)
    let change: Link | undefined = put()
    await collect(maker.store)
    await collect(maker.store)
    expect([plugin.exports.run(), maker.instances]).toEqual([7, 2])
    change.undo()
    expect(plugin.exports.run()).toBe(0)
    // The Link still has the function, as `implementation`.
    change = undefined
    expect(await collect(maker.store)).toMatchObject({ instances: 1 })
  })

  test('by an undo that would restore it', async () => {
    const plugin = maker.make(PLUGIN, zero)
    const slot: Slot<[], number> = plugin.slot('env.f')
    const put = (value: number) => link(maker.make(PLUGIN, { env: { f: () => value } }).exports.run, slot)
    put(1)
    const second = put(2)
    await collect(maker.store)
    await collect(maker.store)
    expect([plugin.exports.run(), maker.instances]).toEqual([2, 3])
    second.undo()
    await collect(maker.store)
    expect(plugin.exports.run()).toBe(1)
    slot.reset()
    expect(plugin.exports.run()).toBe(0)
  })

  test('but not by links that can no longer be undone', async () => {
    const plugin = maker.make(PLUGIN, zero)
    const slot: Slot<[], number> = plugin.slot('env.f')
    const put = (value: number) => void link(maker.make(PLUGIN, { env: { f: () => value } }).exports.run, slot)
    for (let value = 1; value <= 20; value++) put(value)
    await collect(maker.store)
    expect([plugin.exports.run(), maker.instances, maker.store.stats().links]).toEqual([20, 2, 1])
    expect(slot.linked).toBe(true)
    slot.reset()
    expect(plugin.exports.run()).toBe(0)
    await collect(maker.store)
    expect([maker.instances, maker.store.stats().links]).toEqual([1, 0])
  })

  test('as the original of a linked entry', async () => {
    const table = new Table({ element: 'anyfunc', initial: 1 }, null, { store: maker.store })
    const put = () => table.set(0, maker.make(PLUGIN, { env: { f: () => 3 } }).exports.run)
    put()
    link(() => 4, table.slot(0))
    await collect(maker.store)
    await collect(maker.store)
    expect(table.get(0)?.()).toBe(4)
    table.slot(0).reset()
    await collect(maker.store)
    expect(table.get(0)?.()).toBe(3)
  })

  test('by an import', async () => {
    const make = () => maker.make(PLUGIN, { env: { f: maker.make(PLUGIN, { env: { f: () => 9 } }).exports.run } })
    const outer = make()
    await collect(maker.store)
    await collect(maker.store)
    expect([outer.exports.run(), maker.instances]).toEqual([9, 2])
  })

  test('while it runs', async () => {
    const values: number[] = []
    const run = () =>
      maker
        .make(PLUGIN, {
          env: {
            f: () => {
              collectNow()
              values.push(values.length)
              if (values.length < 3) return run()
              return maker.store.collect() === null ? 1 : 2
            },
          },
        })
        .exports.run()
    expect(run()).toBe(1)
    expect(values).toEqual([0, 1, 2])
    await collect(maker.store)
    expect(maker.instances).toBe(0)
  })

  test('a value in a table or a global of an instance', async () => {
    const plugin = maker.make(PLUGIN, zero)
    const { values } = plugin.exports as {
      values: { get(index: number): unknown; set(index: number, value: unknown): void }
    }
    const objects = [{ name: 'first' }, 'text', 5n, Symbol('s'), undefined, null, () => {}]
    for (const value of objects) {
      values.set(0, value)
      values.set(1, value)
      await collect(maker.store)
      await collect(maker.store)
      expect([values.get(0), values.get(1)]).toEqual([value, value])
      plugin.exports.put(values.get(1))
      expect(values.get(0)).toBe(value)
    }
  })

  test('a function that wasm has moved to another table', async () => {
    const mover = `(module
      (import "env" "from" (table $from 1 funcref))
      (import "env" "to" (table $to 1 funcref))
      (func (export "move") (table.set $to (i32.const 0) (table.get $from (i32.const 0)))
        (table.set $from (i32.const 0) (ref.null func))))`
    maker = await InstanceMaker.of(PLUGIN, mover)
    const table = () => new Table({ element: 'anyfunc', initial: 1 }, null, { store: maker.store })
    const to = table()
    const make = () => {
      const from = table()
      from.set(0, maker.make(PLUGIN, { env: { f: () => 11 } }).exports.run)
      return maker.make(mover, { env: { from, to } }).exports as { move(): void }
    }
    let exports: { move(): void } | undefined = make()
    await collect(maker.store)
    exports.move()
    exports = undefined
    await collectGarbage()
    await collect(maker.store)
    await collect(maker.store)
    expect([to.get(0)?.(), maker.instances]).toEqual([11, 1])
  })

  test('a buffer, when all else is gone, with its own bytes', async () => {
    const make = () => new Uint8Array((maker.make(PLUGIN, zero).exports.memory as Memory).buffer)
    const bytes = make()
    bytes.fill(7)
    await collect(maker.store)
    const others = Array.from({ length: 50 }, make)
    for (const other of others) other.fill(9)
    await collect(maker.store)
    expect(bytes.every((byte) => byte === 7)).toBe(true)
    expect(bytes).toHaveLength(65_536)
    expect(maker.store.stats()).toMatchObject({ instances: 0, memories: 0 })
  })
})

describe('objects that are being passed', () => {
  test('an import that was read stays until the instance is made', async () => {
    const text = `(module
      (import "env" "first" (global $first i32))
      (import "env" "memory" (memory 1))
      (import "env" "last" (global $last i32))
      (func (export "sum") (result i32)
        (i32.add (i32.load8_u (i32.const 0)) (i32.add (global.get $first) (global.get $last)))))`
    maker = await InstanceMaker.of(text)
    const env = {
      first: 1,
      get memory() {
        const memory = new Memory({ initial: 1 }, { store: maker.store })
        new Uint8Array(memory.buffer)[0] = 20
        return memory
      },
      get last() {
        collectNow()
        maker.store.collect()
        return 300
      },
    }
    const { exports } = maker.make(text, { env })
    await collect(maker.store)
    await collect(maker.store)
    expect(exports.sum()).toBe(321)
  })

  test('a shared memory lives as long as JavaScript or an instance has it', async () => {
    const text = `(module (import "env" "memory" (memory 1 2 shared)) (func (export "load") (result i32)
      (i32.atomic.load (i32.const 0))))`
    const module = new Module(await wat(text, { threads: true }))
    let memory: Memory<true> | undefined = new Memory({ initial: 1, maximum: 2, shared: true }, { store: maker.store })
    for (let round = 0; round < 3; round++) expect(await collect(maker.store)).toMatchObject({ memories: 0 })
    memory.grow(1)
    new Int32Array(memory.buffer)[0] = 7
    let instance: Instance | undefined = new Instance(module, { env: { memory } }, { store: maker.store })
    memory = undefined
    for (let round = 0; round < 3; round++) {
      expect(await collect(maker.store)).toMatchObject({ memories: 0 })
      expect(instance.exports.load()).toBe(7)
    }
    instance = undefined
    await collect(maker.store)
    await collect(maker.store)
    expect(maker.store.stats()).toMatchObject({ instances: 0, memories: 0 })
  })
})

describe('instances that JavaScript never got', () => {
  const failing = `(module
    (import "env" "table" (table 1 funcref))
    (memory 1)
    (func $three (result i32) i32.const 3)
    (elem (i32.const 0) $three)
    (func $start unreachable)
    (start $start))`

  test('are freed, unless they have left a function in a table', async () => {
    maker = await InstanceMaker.of(failing)
    const table = new Table({ element: 'anyfunc', initial: 1 }, null, { store: maker.store })
    for (let round = 0; round < 3; round++) expect(() => maker.make(failing, { env: { table } })).toThrow('unreachable')
    await collect(maker.store)
    expect([maker.instances, table.get(0)?.()]).toEqual([1, 3])
    table.set(0, null)
    await collect(maker.store)
    expect(maker.store.stats()).toMatchObject({ instances: 0, memories: 0 })
  })

  test('leave nothing if an import does not fit', async () => {
    maker = await InstanceMaker.of(failing, PLUGIN)
    const short = new Table({ element: 'externref', initial: 1 }, null, { store: maker.store })
    expect(() => maker.make(failing, { env: { table: short } })).toThrow('expected table funcref')
    expect(() => maker.make(PLUGIN, { env: {} })).toThrow('expected func')
    expect(maker.store.stats()).toMatchObject({ instances: 0, memories: 0 })
  })
})

test('a store collects by itself as it grows, in a loop that never yields too', async () => {
  for (let count = 0; count < 3000; count++) {
    const plugin: Instance = maker.make(PLUGIN, { env: { f: () => plugin.exports.five() } })
    plugin.exports.run()
    // V8 decides when to collect; this allows it to.
    if (count % 500 === 499) collectNow()
  }
  const { instances, freed, collections } = maker.store.stats()
  expect(instances + freed.instances).toBe(3000)
  expect(collections).toBeGreaterThan(1)
  expect(instances).toBeLessThan(1200)
})

test('more memories than have room at once', async () => {
  const { store } = maker
  // Each reserves 8 GiB of the process's 128 TiB of addresses.
  for (let count = 0; count < 20_000; count++) new Memory({ initial: 0 }, { store })
  const { memories, freed } = store.stats()
  expect(memories + freed.memories).toBe(20_000)
})

test('code without an instance and a module is freed', async () => {
  const make = async (round: number) => {
    const bytes = await wat(`(module (func (export "f") (result i32) i32.const ${round}))`)
    const { exports } = new Instance(new Module(bytes), {}, { store: maker.store })
    return exports.f() as number
  }
  const { codeBytes } = maker.store.stats()
  for (let round = 0; round < 10; round++) expect(await make(round)).toBe(round)
  await collect(maker.store)
  expect(maker.store.stats()).toMatchObject({ instances: 0, codeBytes })
})
