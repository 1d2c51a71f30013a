// The class Slot: its properties. The effects of links on it are in link/.
import { inspect } from 'node:util'
import { type Instance, LinkError, RuntimeError, Slot, Store, link } from '../..'
import { compilers, instanceOf, thrownBy } from '../support'

const TEXT = `(module
  (import "env" "given" (func $given (param i32) (result i32)))
  (table (export "table") 4 funcref) (elem (i32.const 1) $f $given)
  (func $f (export "f") (export "alias") (param i32 i64) (result f64 f32) f64.const 1 f32.const 2)
  (func $inner (param i32) (result i32) (i32.add (local.get 0) (i32.const 10)))
  (func (export "call") (param i32) (result i32) (call $inner (call $given (local.get 0)))))`

const given = (number: number) => number * 2

describe.each(compilers)('a slot (%s)', (compiler) => {
  let store: Store
  let instance: Instance
  beforeEach(async () => {
    store = new Store()
    instance = await instanceOf(TEXT, { env: { given } }, { compiler, slots: 'all', store })
  })

  test('tells its name, its kind and its type', () => {
    const told = ['f', 'env.given', 'inner'].map((name) => {
      const { name: full, kind, type } = instance.slot(name)
      return [full, kind, type]
    })
    expect(told).toEqual([
      ['f', 'function', { parameters: ['i32', 'i64'], results: ['f64', 'f32'] }],
      ['env.given', 'import', { parameters: ['i32'], results: ['i32'] }],
      ['inner', 'function', { parameters: ['i32'], results: ['i32'] }],
    ])
  })

  test('is one object, by whatever name it is found', () => {
    const slot = instance.slot('f')
    expect(slot).toBeInstanceOf(Slot)
    expect(instance.slots.f).toBe(slot)
    expect(instance.slot('alias')).toBe(slot)
    expect(instance.slot(1)).toBe(slot)
    expect(instance.exports.table.slot(1)).toBe(slot)
  })

  test('has a type that nobody can change', () => {
    // V8 may collect a slot that nobody holds, and its type.
    const slot = instance.slot('f')
    const { type } = slot
    expect([type, type.parameters, type.results].map((each) => Object.isFrozen(each))).toEqual([true, true, true])
    expect(instance.slot('f')).toBe(slot)
    expect(slot.type).toBe(type)
  })

  test('holds its original, until it is linked, and again once that is undone', () => {
    const slot = instance.slot('inner')
    const { original } = slot
    expect([slot.current, slot.linked]).toEqual([original, false])
    expect(original(1)).toBe(11)
    const change = link((number: number) => number, slot)
    expect([slot.linked, slot.original]).toEqual([true, original])
    expect(slot.current).not.toBe(original)
    expect([slot.current!(1), instance.exports.call(1)]).toEqual([1, 2])
    change.undo()
    expect([slot.current, slot.linked, instance.exports.call(1)]).toEqual([original, false, 12])
  })

  test('of an import holds what was given for it', () => {
    const slot = instance.slot('given')
    expect([slot.original(4), slot.current]).toEqual([8, slot.original])
  })

  test('reset ends all its links, and does nothing without any', () => {
    const slot = instance.slot('inner')
    slot.reset()
    const [first, second] = [link((number: number) => number, slot), link((number: number) => -number, slot)]
    expect(instance.exports.call(1)).toBe(-2)
    slot.reset()
    expect([slot.current, slot.linked, instance.exports.call(1)]).toEqual([slot.original, false, 12])
    for (const ended of [second, first]) {
      expect(thrownBy(() => ended.undo())).toMatchObject({ code: 'ERR_RELINK_UNDONE', slot: 'inner' })
    }
  })

  test('of a closed instance tells its name, and nothing else', () => {
    const slot = instance.slot('f')
    instance.close()
    expect([slot.name, slot.kind, slot.type.results]).toEqual(['f', 'function', ['f64', 'f32']])
    for (const use of [() => slot.current, () => slot.original, () => slot.linked, () => slot.reset()]) {
      const error = thrownBy(use)
      expect(error).toBeInstanceOf(LinkError)
      expect(error).toMatchObject({ code: 'ERR_RELINK_CLOSED', slot: 'f' })
    }
  })

  test('of a closed store does the same', () => {
    const slot = instance.slot('f')
    store.close()
    expect(slot.name).toBe('f')
    for (const use of [() => slot.current, () => slot.original, () => slot.linked, () => slot.reset()]) {
      const error = thrownBy(use)
      expect(error).toBeInstanceOf(RuntimeError)
      expect(error).toMatchObject({ code: 'ERR_RELINK_CLOSED', message: 'the store is closed' })
    }
  })

  test('shows what it is', () => {
    expect(inspect(instance.slot('f'))).toBe(
      "Slot {\n  name: 'f',\n  kind: 'function',\n  type: '(i32, i64) -> (f64, f32)',\n  linked: false\n}",
    )
    expect(String(instance.slot('f'))).toBe('[object Slot]')
  })
})

test('nobody makes one, and its members are of slots only', () => {
  for (const given of [[], ['f'], [{ store: {}, id: 0 }]]) {
    expect(thrownBy(() => Reflect.construct(Slot, given))).toMatchObject({
      name: 'TypeError',
      code: 'ERR_ILLEGAL_CONSTRUCTOR',
    })
  }
  for (const member of ['name', 'kind', 'type', 'current', 'original', 'linked'] as const) {
    const get = Object.getOwnPropertyDescriptor(Slot.prototype, member)!.get!
    for (const other of [undefined, {}, Object.create(Slot.prototype)]) {
      const error = thrownBy(() => get.call(other))
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
      expect(error.message).toMatch(/^expected a Slot as `this`/)
    }
  }
  expect(thrownBy(() => Slot.prototype.reset.call({} as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
})
