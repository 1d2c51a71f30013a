// Instances by their functions and by their store.
import { collectGarbage } from '../support/collecting'
import { Instance, Module, Store } from '../..'
import { instanceOf, thrownBy, wat } from '../support'

const TEXT = '(module (func (export "f") (result i32) i32.const 1))'

describe('Instance.of', () => {
  test('is the instance that exports the function', async () => {
    const [one, other] = [await instanceOf(TEXT), await instanceOf(TEXT)]
    expect(Instance.of(one.exports.f)).toBe(one)
    expect(Instance.of(other.exports.f)).toBe(other)
  })

  test('of a function that is exported again is the one that defines it', async () => {
    const one = await instanceOf(TEXT)
    const text = '(module (import "a" "f" (func $f (result i32))) (export "again" (func $f)))'
    const other = new Instance(new Module(await wat(text), { slots: 'none' }), { a: one.exports })
    expect(other.exports.again).toBe(one.exports.f)
    expect(Instance.of(other.exports.again)).toBe(one)
  })

  test('is undefined for other functions, and an error for other values', () => {
    expect(Instance.of(() => 1)).toBeUndefined()
    for (const value of [undefined, null, {}, 'f']) {
      expect(thrownBy(() => Instance.of(value as any))).toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining('expected a function as `fn`'),
      })
    }
  })
})

describe('Instance.all', () => {
  test('leaves out those that V8 has collected', async () => {
    const store = new Store()
    for (let count = 0; count < 20; count++) await instanceOf(TEXT, {}, { store })
    await collectGarbage()
    expect(Instance.all(store)).toEqual([])
  })

  test('lists the open instances of a store, in order', async () => {
    const [store, elsewhere] = [new Store(), new Store()]
    const one = await instanceOf(TEXT, {}, { store })
    const two = await instanceOf(TEXT, {}, { store })
    const own = await instanceOf(TEXT)
    await instanceOf(TEXT, {}, { store: elsewhere })
    expect(Instance.all(store)).toEqual([one, two])
    expect(Instance.all()).toContain(own)
    expect(Instance.all()).not.toContain(one)
    one.close()
    expect(Instance.all(store)).toEqual([two])
    const many = []
    for (let count = 0; count < 200; count++) many.push(await instanceOf(TEXT, {}, { store }))
    expect(Instance.all(store)).toEqual([two, ...many])
    store.close()
    expect(Instance.all(store)).toEqual([])
    expect(thrownBy(() => Instance.all({} as any))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })
})
