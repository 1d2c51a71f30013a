// `close` and `using`: handles end at once, and an instance that nothing calls is freed at once.
import { type Global, Instance, type Memory, Module, Store, Table, link, relink } from '../..'
import { InstanceMaker, collect } from '../support/collecting'
import { guest, thrownBy } from '../support'

const PLUGIN = `(module
  (import "env" "f" (func $f (result i32)))
  (memory (export "memory") 1 4)
  (table (export "table") 2 funcref)
  (global (export "global") (mut i32) (i32.const 1))
  (elem (i32.const 0) $five)
  (func $five (export "five") (result i32) i32.const 5)
  (func (export "run") (result i32) (call $f)))`

const READER = `(module
  (import "env" "memory" (memory 1))
  (func (export "read") (result i32) (i32.load8_u (i32.const 0))))`

let maker: InstanceMaker

beforeEach(async () => {
  maker = await InstanceMaker.of(PLUGIN, READER)
})

const make = () => maker.make(PLUGIN, { env: { f: () => 0 } })

test('every handle throws the same error, every time', () => {
  const plugin = make()
  const { five, memory, table, global } = plugin.exports as {
    five: () => number
    memory: Memory
    table: Table
    global: Global<'i32'>
  }
  const slot = plugin.slot('env.f')
  const change = link(() => 1, slot)
  const { buffer } = memory
  plugin.close()
  plugin.close()
  const uses: Record<string, () => unknown> = {
    call: () => five(),
    buffer: () => memory.buffer,
    'memory.grow': () => memory.grow(1),
    'table.get': () => table.get(0),
    'table.set': () => table.set(0, null),
    'table.grow': () => table.grow(1),
    'table.length': () => table.length,
    'table.slot': () => table.slot(0),
    'global.value': () => global.value,
    'global.value =': () => (global.value = 2),
    'slot.current': () => slot.current,
    'slot.original': () => slot.original,
    'slot.linked': () => slot.linked,
    'slot.reset': () => slot.reset(),
    'instance.slot': () => plugin.slot('five'),
    link: () => link(() => 2, slot),
    undo: () => change.undo(),
    'link.previous': () => change.previous,
  }
  for (let round = 0; round < 2; round++) {
    for (const [name, use] of Object.entries(uses)) {
      expect([name, thrownBy(use).code]).toEqual([name, 'ERR_RELINK_CLOSED'])
    }
  }
  // Requests may use the buffer, so it keeps its length.
  expect([buffer.byteLength, plugin.closed, slot.name]).toEqual([65_536, true, 'env.f'])
  expect(thrownBy(() => memory.buffer)).toMatchObject({
    name: 'RuntimeError',
    message: 'the instance of this memory is closed',
  })
  expect(thrownBy(() => slot.reset())).toMatchObject({ name: 'LinkError', slot: 'env.f' })
  // Disposing of an ended link does nothing.
  change[Symbol.dispose]()
})

test('it is freed at once, even if JavaScript still holds handles', () => {
  const plugin = make()
  const held = [plugin, plugin.exports, plugin.slot('five'), (plugin.exports.memory as Memory).buffer]
  expect(maker.store.stats()).toMatchObject({ instances: 1, memories: 1 })
  plugin.close()
  expect(maker.store.stats()).toMatchObject({ instances: 0, memories: 0, functions: 0, tables: 0, codeBytes: 0 })
  expect(held).toHaveLength(4)
})

test('a held handle never refers to another instance', () => {
  const plugin = make()
  const { five, memory, table } = plugin.exports as { five: () => number; memory: Memory; table: Table }
  const slot = plugin.slot('env.f')
  plugin.close()
  // These instances reuse the indices that have become free.
  const others = Array.from({ length: 20 }, make)
  for (const other of others) new Uint8Array((other.exports.memory as Memory).buffer).fill(9)
  for (const use of [five, () => memory.buffer, () => table.get(0), () => slot.current, () => link(five, slot)]) {
    expect(thrownBy(use).code).toBe('ERR_RELINK_CLOSED')
  }
  expect(others.map((other) => other.exports.five()).every((value) => value === 5)).toBe(true)
  expect(others[0]?.exports.five).not.toBe(five)
})

test('a dead handle is not accepted anywhere', () => {
  const plugin = make()
  const { run, memory, table } = plugin.exports
  plugin.close()
  const own = new Table({ element: 'anyfunc', initial: 1 }, null, { store: maker.store })
  const other = make()
  for (const use of [
    () => own.set(0, run),
    () => own.grow(1, run),
    () => link(run, other.slot('env.f')),
    () => maker.make(PLUGIN, { env: { f: run } }),
    () => maker.make(READER, { env: { memory } }),
  ]) {
    expect(thrownBy(use).code).toBe('ERR_RELINK_CLOSED')
  }
  expect(thrownBy(() => table.length).code).toBe('ERR_RELINK_CLOSED')
})

test('linked code keeps running, and is freed when it is unlinked', async () => {
  const calls: number[] = []
  const [host, plugin] = [make(), maker.make(PLUGIN, { env: { f: () => calls.push(1) } })]
  const change = link(plugin.exports.run, host.slot('env.f'))
  plugin.close()
  await collect(maker.store)
  expect([host.exports.run(), host.exports.run(), maker.instances]).toEqual([1, 2, 2])
  expect(thrownBy(() => plugin.exports.run()).code).toBe('ERR_RELINK_CLOSED')
  change.undo()
  expect(host.exports.run()).toBe(0)
  maker.store.collect()
  expect([maker.instances, calls]).toEqual([1, [1, 1]])
})

test('an undo restores a function that was closed meanwhile', () => {
  const host = make()
  const [first, second] = [maker.make(PLUGIN, { env: { f: () => 1 } }), maker.make(PLUGIN, { env: { f: () => 2 } })]
  link(first.exports.run, host.slot('env.f'))
  const change = link(second.exports.run, host.slot('env.f'))
  first.close()
  second.close()
  expect([host.exports.run(), maker.instances]).toEqual([2, 3])
  change.undo()
  expect(host.exports.run()).toBe(1)
  maker.store.collect()
  expect(maker.instances).toBe(2)
})

test('a link of a closed slot keeps nothing alive', () => {
  const [host, another] = [make(), make()]
  const [first, second] = [maker.make(PLUGIN, { env: { f: () => 1 } }), maker.make(PLUGIN, { env: { f: () => 2 } })]
  const { five } = first.exports
  const other = link(first.exports.run, make().slot('env.f'))
  const all = relink([
    [first.exports.run, host.slot('env.f')],
    [second.exports.run, another.slot('env.f')],
  ])
  first.close()
  second.close()
  host.close()
  another.close()
  expect(maker.instances).toBe(2)
  expect(all.links.map((change) => thrownBy(() => change.previous).code)).toEqual(Array(2).fill('ERR_RELINK_CLOSED'))
  other.undo()
  maker.store.collect()
  expect([maker.instances, thrownBy(() => five()).code]).toEqual([1, 'ERR_RELINK_CLOSED'])
})

test('changes of one relink can all be undone after collections', () => {
  const hosts = Array.from({ length: 400 }, make)
  const first = hosts.map((host, index) => {
    const plugin = maker.make(PLUGIN, { env: { f: () => index } })
    const change = link(plugin.exports.run, host.slot('env.f'))
    plugin.close()
    return change
  })
  const slots = hosts.map((host) => host.slot('env.f'))
  for (let round = 0; round < 30; round++) {
    const all = relink(slots.map((slot) => [hosts[0]?.exports.five, slot]))
    expect(hosts.map((host) => host.exports.run()).every((value) => value === 5)).toBe(true)
    all.undo()
    expect(hosts.map((host) => host.exports.run())).toEqual(hosts.map((_, index) => index))
  }
  expect(maker.store.stats().collections).toBeGreaterThan(3)
  expect(first).toHaveLength(400)
})

test('a memory lives as long as an open instance imports it', () => {
  const plugin = make()
  const { memory } = plugin.exports as { memory: Memory }
  const readers = [0, 1].map(() => maker.make(READER, { env: { memory } }))
  new Uint8Array(memory.buffer)[0] = 42
  plugin.close()
  expect(readers[1]?.exports.read()).toBe(42)
  expect(memory.buffer.byteLength).toBe(65_536)
  readers[0]?.close()
  expect([readers[1]?.exports.read(), memory.buffer.byteLength]).toEqual([42, 65_536])
  readers[1]?.close()
  expect(thrownBy(() => memory.buffer).code).toBe('ERR_RELINK_CLOSED')
  expect(maker.store.stats()).toMatchObject({ instances: 0, memories: 0 })
})

test('closed by code that it runs, it is freed when that returns', () => {
  const plugin: Instance = maker.make(PLUGIN, {
    env: {
      f() {
        plugin.close()
        expect(thrownBy(() => plugin.exports.five()).code).toBe('ERR_RELINK_CLOSED')
        expect(maker.instances).toBe(1)
        return 3
      },
    },
  })
  expect(plugin.exports.run()).toBe(3)
  expect(maker.instances).toBe(0)
})

test('using', () => {
  {
    using plugin = make()
    using change = link(() => 8, plugin.slot('env.f'))
    expect([plugin.exports.run(), change.previous?.()]).toEqual([8, 0])
  }
  expect(maker.instances).toBe(0)
})

test('a thousand, one by one and in any order', () => {
  const all = Array.from({ length: 1000 }, make)
  for (let index = 0; index < 1000; index++) {
    const [plugin] = all.splice((index * 7919) % all.length, 1)
    plugin?.close()
  }
  maker.store.collect()
  expect(maker.store.stats()).toMatchObject({ instances: 0, memories: 0, functions: 0 })
})

describe('a store', () => {
  test('ends all objects in it', () => {
    const [plugin, table] = [make(), new Table({ element: 'anyfunc', initial: 1 }, null, { store: maker.store })]
    const { run, memory } = plugin.exports
    const slot = plugin.slot('env.f')
    link(() => 4, slot)
    table.set(0, run)
    maker.store.close()
    maker.store.close()
    expect([maker.store.closed, plugin.closed]).toEqual([true, true])
    for (const use of [run, () => memory.buffer, () => table.get(0), () => slot.reset(), make]) {
      expect(thrownBy(use).code).toBe('ERR_RELINK_CLOSED')
    }
    expect(() => new Table({ element: 'anyfunc', initial: 1 }, null, { store: maker.store })).toThrow(
      'the store is closed',
    )
    expect(maker.store.stats()).toMatchObject({ instances: 0, memories: 0, tables: 0, links: 0 })
    plugin.close()
  })

  test('closed by code that it runs', () => {
    const plugin = maker.make(PLUGIN, { env: { f: () => (maker.store.close(), 6) } })
    expect(plugin.exports.run()).toBe(6)
    expect(maker.store.stats()).toMatchObject({ instances: 0 })
    expect(thrownBy(() => plugin.exports.run()).code).toBe('ERR_RELINK_CLOSED')
  })

  test('using, and others are not touched', () => {
    const module = new Module(guest('scalars'))
    const kept = new Instance(module, {}, { store: maker.store })
    {
      using store = new Store()
      expect(new Instance(module, {}, { store }).exports.call_i32(1)).toBe(2)
    }
    expect(kept.exports.call_i32(1)).toBe(2)
  })
})
