// Externrefs: none is freed while a call uses it, and all are freed afterwards.
import { Store, Table } from '../..'
import { compilers, instanceOf, thrownBy } from '../support'
import { collect, collectGarbage, turn } from '../support/collecting'

/** More calls than externrefs that may pile up before a sweep. */
const MANY = 10_000

const text = `(module
  (import "env" "f" (func $f (param externref) (result externref)))
  (table (export "table") 4 externref)
  (func (export "same") (param externref) (result externref) (local.get 0))
  (func (export "first") (param externref i32) (result externref) (local.get 0))
  (func (export "pair") (param externref) (result externref externref) (local.get 0) (call $f (local.get 0)))
  (func (export "put") (param i32 externref) (table.set (local.get 0) (local.get 1)))
  (func (export "take") (param i32) (result externref) (table.get (local.get 0)))
  (func (export "repeat") (param i32 externref) (result externref)
    (loop $again
      (local.set 1 (call $f (local.get 1)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))`

describe.each(compilers)('externrefs (%s)', (compiler) => {
  const make = async (f: (value: any) => unknown = (value) => value, limits = {}) => {
    const store = new Store({ limits })
    const { exports } = await instanceOf(text, { env: { f } }, { compiler, store })
    return { store, ...exports } as Record<string, any>
  }

  test('of arguments, while the conversion of a later argument makes many', async () => {
    const { first, same } = await make()
    const valueOf = () => {
      for (let number = 0; number < MANY; number++) same({ number })
      return 1
    }
    for (let number = 0; number < 3; number++) expect(first({ number }, { valueOf })).toEqual({ number })
  })

  test('of results, if a collection was put off to the end of the call', async () => {
    const made = await make((value) => {
      expect(made.store.collect()).toBe(null)
      return value ?? { made: true }
    })
    for (let number = 0; number < 3; number++) {
      expect(made.pair({ number })).toEqual([{ number }, { number }])
      expect(made.repeat(5, { number })).toEqual({ number })
      expect(made.repeat(1, null)).toEqual({ made: true })
    }
    expect(made.store.stats().collections).toBe(9)
  })

  test('of results, if many were made in the call', async () => {
    const { repeat, store } = await make(({ number }) => ({ number: number + 1 }))
    for (let round = 0; round < 5; round++) expect(repeat(MANY, { number: 0 })).toEqual({ number: MANY })
    expect(store.stats().externrefs).toBeLessThan(MANY)
  })

  test('are the same value before and after a sweep has moved it', async () => {
    const { put, take, same, store } = await make()
    const values = [undefined, null, -0, { kept: true }]
    values.forEach((value, index) => put(index, value))
    for (let round = 0; round < 3; round++) {
      for (let number = 0; number < MANY; number++) same({ number })
      await collect(store)
      values.forEach((value, index) => expect(take(index)).toBe(value))
      values.forEach((value, index) => expect(take(index)).toBe(value))
    }
  })

  test('of one value that is passed over and over are one', async () => {
    const { same, store } = await make()
    const value = {}
    for (let number = 0; number < 100; number++) same(value)
    for (let number = 0; number < 100; number++) {
      const zero = number % 2 === 0 ? 0 : -0
      expect(same(zero)).toBe(zero)
    }
    expect(store.stats().externrefs).toBe(101)
  })

  test('within a limit, of which null and undefined take nothing', async () => {
    const { put, same, store, table } = await make(undefined, { externrefs: 3 })
    const exceeded = { code: 'ERR_RELINK_LIMIT', limit: 'externrefs', value: 3, asked: 4 }
    for (let index = 0; index < 3; index++) put(index, { index })
    for (const value of [null, undefined]) expect(same(value)).toBe(value)
    expect(thrownBy(() => same({}))).toMatchObject(exceeded)
    expect(thrownBy(() => put(3, {}))).toMatchObject(exceeded)
    expect(store.stats().externrefs).toBe(3)
    table.set(0, null)
    for (let number = 0; number < 10; number++) expect(same({ number })).toEqual({ number })
    put(3, { index: 3 })
    expect([1, 2, 3].map((index) => table.get(index).index)).toEqual([1, 2, 3])
  })

  test('that were read after a sweep do not keep their instance alive', async () => {
    const store = new Store()
    const watched = await (async () => {
      const { exports } = await instanceOf(text, { env: { f: () => 0 } }, { compiler, store })
      const { put, take } = exports as Record<string, any>
      const cycle = { exports }
      put(0, cycle)
      await collect(store)
      expect(take(0)).toBe(cycle)
      return new WeakRef(cycle)
    })()
    // The first collection moves the value out of the array again, the second one frees the instance.
    for (let round = 0; round < 3; round++) await collect(store)
    await turn()
    await collectGarbage()
    expect(watched.deref()).toBe(undefined)
    expect(store.stats()).toMatchObject({ instances: 0, externrefs: 0 })
  })

  test('made by other ways too are numbered once', async () => {
    const store = new Store()
    const table = new Table({ element: 'externref', initial: 100 }, undefined, { store })
    const { exports } = await instanceOf(
      `(module (import "env" "table" (table $t 100 externref))
        (func (export "put") (param i32 externref) (table.set $t (local.get 0) (local.get 1)))
        (func (export "take") (param i32) (result externref) (table.get $t (local.get 0))))`,
      { env: { table } },
      { compiler, store },
    )
    for (let index = 0; index < 100; index++) {
      if (index % 3 === 0) table.set(index, { index })
      else exports.put(index, { index })
    }
    for (let index = 0; index < 100; index++) {
      expect(index % 2 === 0 ? table.get(index) : exports.take(index)).toEqual({ index })
    }
    expect(store.stats().externrefs).toBe(100)
  })
})
