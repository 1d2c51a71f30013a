// Objects as a console and messages show them.
import { inspect } from 'node:util'
import * as threads from 'node:worker_threads'
import { Global, Instance, link, Memory, Module, relink, Slot, Store, Table, WebAssembly } from '../..'
import { declaring, thrownBy } from '../support'

const make = async () => {
  const module = new Module(await declaring({ name: 'a::f', call: 'f', step: 1 }))
  const instance = new Instance(module)
  const slot = instance.slot('a::f')
  const change = link((x: number) => x, slot)
  return { module, instance, slot, change, all: relink([[(x: number) => x, slot]]) }
}
const flat = (value: unknown) => inspect(value, { breakLength: Infinity })

describe('util.inspect', () => {
  test('shows the name and the state of each object', async () => {
    const { module, instance, slot, change, all } = await make()
    const shownSlot = "Slot { name: 'a::f', kind: 'declared', type: '(i32) -> i32', linked: true }"
    expect(flat(slot)).toBe(shownSlot)
    expect(flat(change)).toMatch(/^Link \{\s+slot: 'a::f',\s+implementation: \[Function.*\],\s+previous: \[Function/)
    expect(flat(all)).toMatch(/^Relink \{ links: \[ .*Link/s)
    expect(flat(module)).toBe(
      "Module { imports: [], exports: [ 'relink:a::f', 'f', 'slot:f' ], slots: [ 'a::f', 'f' ] }",
    )
    expect(inspect(instance)).toContain("'a::f': Slot {")
    expect(flat(instance)).toMatch(/^Instance \{\s+exports: \[Object: null prototype\] \{.*closed: false\s+\}$/s)
    instance.close()
    expect(inspect(instance)).toMatch(/closed: true/)
    expect(flat(slot)).toMatch(/^Slot \{ name: 'a::f'/)
  })

  test('shows memories, tables and globals', () => {
    expect(flat(new Memory({ initial: 2 }))).toBe('Memory { pages: 2, byteLength: 131072 }')
    expect(flat(new Table({ element: 'anyfunc', initial: 3 }))).toBe("Table { element: 'anyfunc', length: 3 }")
    const global = new Global({ value: 'i64', mutable: true }, 5n)
    expect(flat(global)).toBe("Global { type: 'i64', mutable: true, value: 5n }")
  })

  test('omits values that do not cross to JavaScript', () => {
    // (module (global (export "g") v128 (v128.const i64x2 0 0)))
    const global = [6, 22, 1, 0x7b, 0, 0xfd, 12, ...Array(16).fill(0), 0x0b]
    const bytes = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...global, 7, 5, 1, 1, 0x67, 3, 0)
    const { exports } = new Instance(new Module(bytes))
    expect(flat(exports.g)).toBe("Global { type: 'v128', mutable: false }")
  })

  test('respects the depth, and does not take prototypes for instances', async () => {
    const { change } = await make()
    expect(flat([[[change]]])).toBe('[ [ [ [Link] ] ] ]')
    expect(flat(Slot.prototype)).toMatch(/^Object \[Slot\] \{/)
    expect(() => flat(Object.create(Memory.prototype))).not.toThrow()
  })

  test('adds no member that a loop or a spread finds', () => {
    for (const Class of [Memory, Table, Global, Slot, WebAssembly.Module, Instance]) {
      const symbol = Symbol.for('nodejs.util.inspect.custom')
      expect(Object.getOwnPropertyDescriptor(Class.prototype, symbol)).toMatchObject({ enumerable: false })
    }
    expect(Object.keys(new Memory({ initial: 0 }))).toEqual([])
  })
})

// Node 20 has no way to refuse a clone, so an empty object arrives there.
const refused = 'markAsUncloneable' in threads ? 'DataCloneError' : 'cloned'

test(`a clone for another thread: ${refused}`, async () => {
  const { module, instance, slot, change, all } = await make()
  const numbers = [
    new Memory({ initial: 0 }),
    new Table({ element: 'anyfunc', initial: 0 }),
    new Global({ value: 'i32' }),
  ]
  const clone = (value: unknown) =>
    thrownBy(() => {
      structuredClone(value)
      throw Object.assign(new Error('there was none'), { name: 'cloned' })
    }).name
  for (const object of [module, instance, slot, change, all, new Store(), ...numbers]) {
    expect([clone(object), clone([object])]).toEqual([refused, refused])
  }
})

test('a value whose string tag throws is still described in a message', () => {
  const evil = {
    get [Symbol.toStringTag](): never {
      throw new Error('mine')
    },
  }
  expect(thrownBy(() => new Module(evil as never))).toMatchObject({
    name: 'TypeError',
    // The rest depends on Node: from 24 on, it does not read the tag here.
    message: expect.stringMatching(/^expected an ArrayBuffer or a view of one as `bytes`, got ./),
  })
})
