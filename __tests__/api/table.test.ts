import { LinkError, Store, Table } from '../..'
import { compilers, instanceOf, thrownBy } from '../support'

const TEXT = `(module
  (type $number (func (result i32)))
  (table (export "table") 2 4 funcref)
  (elem (i32.const 0) $one)
  (func $one (export "one") (result i32) i32.const 1)
  (func (export "two") (result i32) i32.const 2)
  (func (export "call") (param i32) (result i32) (call_indirect (type $number) (local.get 0))))`

describe.each(compilers)('tables (%s)', (compiler) => {
  test('get and set the entries that wasm calls', async () => {
    const { exports } = await instanceOf(TEXT, {}, { compiler })
    const { table, one, two, call } = exports
    expect(table).toBeInstanceOf(Table)
    expect(table).toHaveLength(2)
    expect(table.get(0)).toBe(one)
    expect(table.get(1)).toBeNull()
    table.set(1, two)
    expect([call(0), call(1)]).toEqual([1, 2])
    table.set(0)
    expect(table.get(0)).toBeNull()
    expect(thrownBy(() => call(0))).toMatchObject({ code: 'ERR_RELINK_TRAP', trap: 'null-function' })
  })

  // The engine copies the entries of a table that cannot grow into each instance, and calls read the copy.
  test('a write into a table of fixed size is seen by calls', async () => {
    const text = TEXT.replace('2 4 funcref', '2 2 funcref')
    const { exports } = await instanceOf(text, {}, { compiler })
    exports.table.set(0, exports.two)
    expect(exports.call(0)).toBe(2)
    expect(() => exports.table.grow(1)).toThrow(RangeError)
    expect(exports.table).toHaveLength(2)
  })

  test('grow', async () => {
    const { exports } = await instanceOf(TEXT, {}, { compiler })
    const { table, two, call } = exports
    expect(table.grow(1, two)).toBe(2)
    expect(call(2)).toBe(2)
    expect(table.grow(1)).toBe(3)
    expect(table.get(3)).toBeNull()
    const free = new Table({ element: 'anyfunc', initial: 1 })
    expect(free.grow(1, undefined)).toBe(1)
    expect(free.grow(1, null)).toBe(2)
    expect([free.get(1), free.get(2), free.length]).toEqual([null, null, 3])
    expect(() => table.grow(1)).toThrow(RangeError)
    expect(table).toHaveLength(4)
  })

  test('an index out of bounds is a RangeError', async () => {
    const { table, one } = (await instanceOf(TEXT, {}, { compiler })).exports
    expect(thrownBy(() => table.get(2))).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
    expect(thrownBy(() => table.set(2, one))).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
    expect(thrownBy(() => table.slot(2))).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
    expect(() => table.get(-1)).toThrow(TypeError)
    expect(() => table.get()).toThrow(TypeError)
  })

  test('only wasm functions of the same store go in', async () => {
    const { table, one } = (await instanceOf(TEXT, {}, { compiler })).exports
    for (const value of [5, {}, () => 1, undefined]) {
      const error = thrownBy(() => table.set(0, value))
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
      expect(error.message).toMatch(/^expected an exported WebAssembly function or null as `value`/)
    }
    const elsewhere = await instanceOf(TEXT, {}, { compiler, store: new Store() })
    const error = thrownBy(() => table.set(0, elsewhere.exports.two))
    expect(error).toBeInstanceOf(LinkError)
    expect(error).toMatchObject({ code: 'ERR_RELINK_STORE' })
    expect(table.get(0)).toBe(one)
  })

  test('one table is one object, shared by its instances', async () => {
    const table = new Table({ element: 'anyfunc', initial: 2 })
    const text = TEXT.replace('(table (export "table") 2 4 funcref)', '(import "env" "table" (table 2 funcref))')
    const a = await instanceOf(`${text.slice(0, -1)} (export "table" (table 0)))`, { env: { table } }, { compiler })
    expect(a.exports.table).toBe(table)
    expect(table.get(0)).toBe(a.exports.one)
    table.set(1, a.exports.two)
    expect(a.exports.call(1)).toBe(2)
  })

  test('a function of another instance comes out as the same object', async () => {
    const a = await instanceOf(TEXT, {}, { compiler })
    const b = await instanceOf(TEXT, {}, { compiler })
    a.exports.table.set(1, b.exports.two)
    expect(a.exports.table.get(1)).toBe(b.exports.two)
    expect(a.exports.call(1)).toBe(2)
  })
})

describe('new Table', () => {
  test('is filled with the given value', async () => {
    const { one } = (await instanceOf(TEXT)).exports
    const table = new Table({ element: 'anyfunc', initial: 2, maximum: 3 }, one)
    expect([table.get(0), table.get(1), table.length]).toEqual([one, one, 2])
    expect(new Table({ element: 'anyfunc', initial: 1 }).get(0)).toBeNull()
  })

  test.each([
    [undefined, TypeError],
    [{ initial: 1 }, TypeError],
    [{ element: 'i32', initial: 1 }, TypeError],
    [{ element: 'anyfunc' }, TypeError],
    [{ element: 'anyfunc', initial: -1 }, TypeError],
    [{ element: 'anyfunc', initial: 2, maximum: 1 }, RangeError],
    [{ element: 'anyfunc', initial: 4294967295 }, RangeError],
    [{ element: 'anyfunc', initial: 10_000_001 }, RangeError],
    [{ element: 'externref', initial: 10_000_001, maximum: 20_000_000 }, RangeError],
  ])('refuses %p', (descriptor, expected) => {
    const error = thrownBy(() => new Table(descriptor as never))
    expect(error).toBeInstanceOf(expected)
    expect(error.code).toMatch(/^ERR_/)
  })

  test('may have ten million entries, and a larger maximum', () => {
    expect(new Table({ element: 'anyfunc', initial: 0, maximum: 4294967295 })).toHaveLength(0)
    expect(new Table({ element: 'anyfunc', initial: 10_000_000 })).toHaveLength(10_000_000)
    const error = thrownBy(() => new Table({ element: 'anyfunc', initial: 10_000_001 }))
    expect(error).toMatchObject({
      name: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: expect.stringContaining('10000001'),
    })
  })

  test('looks as the specification says', () => {
    const table = new Table({ element: 'anyfunc', initial: 1 })
    expect(String(table)).toBe('[object WebAssembly.Table]')
    expect([Table.length, table.get.length, table.set.length, table.grow.length]).toEqual([1, 1, 1, 1])
    expect(() => Table.prototype.get.call({} as Table, 0)).toThrow('expected a Table as `this`, got {}')
  })
})
