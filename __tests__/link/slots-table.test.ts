import { Slot, Table, link } from '../..'
import { compilers, instanceOf, thrownBy } from '../support'

const TEXT = `(module
  (type $number (func (result i32)))
  (table (export "table") 3 3 funcref)
  (elem (i32.const 0) $one $two)
  (func $one (export "one") (result i32) i32.const 1)
  (func $two (export "two") (result i32) i32.const 2)
  (func (export "call") (param i32) (result i32) (call_indirect (type $number) (local.get 0))))`

describe.each(compilers)('slots of a table (%s)', (compiler) => {
  // No function is a slot here, so that each entry is a slot by itself.
  const make = async () => (await instanceOf(TEXT, {}, { compiler, slots: 'none' })).exports

  test('have a name, a kind and a type', async () => {
    const { table, one } = await make()
    const slot = table.slot(0)
    expect(slot).toBeInstanceOf(Slot)
    expect(slot).toMatchObject({
      name: 'table[0]',
      kind: 'table',
      type: { parameters: [], results: ['i32'] },
      linked: false,
    })
    expect([slot.current, slot.original]).toEqual([one, one])
    expect(slot.current).toBe(one)
    expect(Object.isFrozen(slot.type)).toBe(true)
  })

  test('an entry is one slot', async () => {
    const { table } = await make()
    expect(table.slot(0)).toBe(table.slot(0))
    expect(table.slot(0)).not.toBe(table.slot(1))
  })

  test('link, undo and reset', async () => {
    const { table, one, two, call } = await make()
    const slot = table.slot(0)
    const first = link(two, slot)
    expect(call(0)).toBe(2)
    expect([slot.current, slot.original, slot.linked]).toEqual([two, one, true])
    expect(table.get(0)).toBe(two)
    first.undo()
    expect([call(0), slot.linked]).toEqual([1, false])
    link(two, slot)
    slot.reset()
    expect([call(0), slot.linked, slot.current]).toEqual([1, false, one])
  })

  test('a slot reads functions that others wrote, and undo notices them', async () => {
    const { table, one, two, call } = await make()
    const slot = table.slot(0)
    const change = link(two, slot)
    table.set(0, null)
    expect(slot.current).toBeNull()
    expect(thrownBy(() => change.undo())).toMatchObject({ code: 'ERR_RELINK_CHANGED', slot: 'table[0]' })
    expect(table.get(0)).toBeNull()
    slot.reset()
    expect([call(0), slot.current]).toEqual([1, one])
  })

  test('an empty entry is a slot without a type', async () => {
    const { table, one } = await make()
    expect(table.slot(2)).toMatchObject({ name: 'table[2]', kind: 'table', type: undefined, original: null })
    table.set(2, one)
    expect(table.slot(2).type.results).toEqual(['i32'])
  })

  test('only a table, and only numbers', async () => {
    const { table } = await make()
    expect(() => table.slot()).toThrow(TypeError)
    expect(() => table.slot('first')).toThrow(TypeError)
    expect(() => table.slot(3)).toThrow(RangeError)
    expect(() => table.slot.call({}, 0)).toThrow('expected a Table as `this`')
  })
})

test('the class cannot be made by users, and its members check their receiver', () => {
  expect(thrownBy(() => new (Slot as any)())).toMatchObject({ name: 'TypeError', code: 'ERR_ILLEGAL_CONSTRUCTOR' })
  expect(thrownBy(() => new (Slot as any)({ store: 1, id: 1 }))).toMatchObject({ code: 'ERR_ILLEGAL_CONSTRUCTOR' })
  expect(() => Slot.prototype.reset.call({} as Slot)).toThrow('expected a Slot as `this`, got {}')
  expect(Object.prototype.toString.call(Slot.prototype)).toBe('[object Slot]')
})

test('an entry of a table without functions is not a slot', () => {
  const table = new Table({ element: 'externref', initial: 2 }, 'value')
  expect(thrownBy(() => table.slot(0))).toMatchObject({ name: 'TypeError', code: 'ERR_RELINK_UNSUPPORTED' })
})
