// The class Store: its options, its counts, its end. The tests of its collector are in gc/.
import { inspect } from 'node:util'
import { Global, Instance, LinkError, Memory, Module, RuntimeError, Store, Table, Tag, link, load } from '../..'
import { guest, guestPath, instanceOf, rejectionOf, thrownBy } from '../support'

const scalars = new Module(guest('scalars'))

describe('the store of the thread', () => {
  test('is one object, and takes what is made without a store', () => {
    expect(Store.default).toBe(Store.default)
    expect(String(Store.default)).toBe('[object Store]')
    const before = Store.default.stats()
    const instance = new Instance(scalars)
    expect(Store.default.stats().instances).toBe(before.instances + 1)
    instance.close()
  })

  test('may be named', async () => {
    const named = await load(guestPath('scalars'), {}, { store: Store.default })
    const unnamed = await load(guestPath('scalars_v2'))
    using change = link(unnamed.exports.plain_i32, named.slot('next_i32'))
    expect([change.slot.linked, named.exports.call_i32(20)]).toEqual([true, 40])
  })
})

describe('stats', () => {
  const nothing = {
    instances: 0,
    functions: 0,
    memories: 0,
    memoryBytes: 0,
    retainedBytes: 0,
    tables: 0,
    globals: 0,
    tags: 0,
    codeBytes: 0,
    externrefs: 0,
    slots: 0,
    links: 0,
  }
  const freed = {
    instances: 0,
    functions: 0,
    memories: 0,
    memoryBytes: 0,
    tables: 0,
    globals: 0,
    tags: 0,
    externrefs: 0,
  }

  test('of a new store are all zero', () => {
    expect(new Store().stats()).toEqual({ ...nothing, freed, collections: 0, collectionTime: 0 })
  })

  test('count what is made in it, and only there', async () => {
    const [store, other] = [new Store(), new Store()]
    const kept = [
      new Memory({ initial: 3 }, { store }),
      new Table({ element: 'anyfunc', initial: 3 }, null, { store }),
      new Global({ value: 'i32' }, 1, { store }),
      new Tag({ parameters: ['i32'] }, { store }),
    ]
    const text = '(module (import "env" "f" (func $f)) (memory 2) (func (export "g") (call $f)))'
    const instance = await instanceOf(text, { env: { f() {} } }, { store })
    const change = link(() => {}, instance.slot('g'))
    const stats = store.stats()
    expect(stats).toMatchObject({
      instances: expect.any(Number),
      memories: 2,
      memoryBytes: 5 * 65_536,
      tags: 1,
      links: 1,
    })
    expect(stats.instances).toBeGreaterThanOrEqual(1)
    expect([stats.globals >= 1, stats.tables >= 1, stats.slots >= 1, stats.codeBytes > 0]).toEqual(Array(4).fill(true))
    expect(other.stats()).toMatchObject(nothing)
    change.undo()
    expect(store.stats().links).toBe(0)
    expect(kept).toHaveLength(4)
  })

  test('count what a collection freed', () => {
    const store = new Store()
    const instance = new Instance(scalars, {}, { store })
    instance.close()
    const { freed: total, collections } = store.stats()
    expect([total.instances, collections > 0]).toEqual([1, true])
    expect(store.collect()).toEqual(freed)
    expect(store.stats().collections).toBe(collections + 1)
  })
})

describe('close', () => {
  test('ends all that is in it, and only once', () => {
    const store = new Store()
    const instance = new Instance(scalars, {}, { store })
    expect(store.closed).toBe(false)
    store.close()
    store.close()
    expect([store.closed, instance.closed]).toEqual([true, true])
    const uses = [
      () => instance.exports.call_i32(1),
      () => new Instance(scalars, {}, { store }),
      () => new Memory({ initial: 1 }, { store }),
      () => new Table({ element: 'anyfunc', initial: 1 }, null, { store }),
      () => new Global({ value: 'i32' }, 1, { store }),
      () => new Tag({ parameters: [] }, { store }),
    ]
    for (const use of uses) {
      const error = thrownBy(use)
      expect(error).toBeInstanceOf(RuntimeError)
      expect(error.code).toBe('ERR_RELINK_CLOSED')
    }
  })

  test('leaves the counts', () => {
    const store = new Store()
    store.close()
    expect(store.stats()).toMatchObject({ instances: 0, freed: { instances: 0 } })
    expect(store.collect()).toMatchObject({ instances: 0 })
  })

  test('by `using`', () => {
    let closed: Store
    {
      using store = new Store()
      closed = store
      expect(closed.closed).toBe(false)
    }
    expect(closed.closed).toBe(true)
  })

  test('leaves other stores alone', () => {
    const [one, other] = [new Store(), new Store()]
    const kept = new Instance(scalars, {}, { store: other })
    one.close()
    expect(kept.exports.call_i32(1)).toBe(2)
  })
})

test('what lives in one store does not mix with what lives in another', async () => {
  const [one, other] = [new Store(), new Store()]
  const [a, b] = [new Instance(scalars, {}, { store: one }), new Instance(scalars, {}, { store: other })]
  const memory = new Memory({ initial: 1 }, { store: one })
  const refused = [
    thrownBy(() => link(a.exports.call_i32, b.slot('next_i32'))),
    thrownBy(() => new Table({ element: 'anyfunc', initial: 1 }, null, { store: one }).set(0, b.exports.call_i32)),
    await rejectionOf(instanceOf('(module (import "m" "m" (memory 1)))', { m: { m: memory } }, { store: other })),
  ]
  for (const error of refused) {
    expect(error).toBeInstanceOf(LinkError)
    expect(error).toMatchObject({
      code: 'ERR_RELINK_STORE',
      message: expect.stringMatching(/belongs to another store/),
    })
  }
})

test.each([
  [5, 'TypeError', 'ERR_INVALID_ARG_TYPE', /^expected an object as `options`, got 5$/],
  [{ stackSiz: 1 }, 'TypeError', 'ERR_INVALID_ARG_VALUE', /^unknown option `stackSiz`, did you mean `stackSize`\?$/],
  [
    { stackSize: '1' },
    'TypeError',
    'ERR_INVALID_ARG_TYPE',
    /^expected a number of bytes as `options\.stackSize`, got '1'$/,
  ],
  [
    { stackSize: 65_535 },
    'RangeError',
    'ERR_OUT_OF_RANGE',
    /^expected an integer from 65536 to 67108864 as `options\.st/,
  ],
  [{ stackSize: 2 ** 26 + 1 }, 'RangeError', 'ERR_OUT_OF_RANGE', /, got 67108865$/],
  [{ stackSize: 100_000.5 }, 'RangeError', 'ERR_OUT_OF_RANGE', /, got 100000\.5$/],
] as const)('options: %p is refused', (options, name, code, message) => {
  const error = thrownBy(() => new Store(options as never))
  expect(error).toMatchObject({ name, code })
  expect(error.message).toMatch(message)
})

test('the option `store` takes a Store', () => {
  for (const store of [null, 5, {}, Object.create(Store.prototype)]) {
    const error = thrownBy(() => new Memory({ initial: 1 }, { store }))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    expect(error.message).toMatch(/^expected a Store as `options\.store`/)
  }
})

test('it shows what it is', () => {
  expect(inspect(new Store())).toMatch(/^Store \{\n {2}closed: false,\n {2}stats: \{\n {4}instances: 0,/)
})
