// Slots of imports: the provider of a function can be changed after instantiation.
import { link, relink } from '../..'
import { compilers, instanceOf, thrownBy } from '../support'

const TEXT = `(module
  (type $t (func (param i32 f64 i64) (result f64)))
  (import "env" "price" (func $price (type $t)))
  (import "env" "log" (func $log (param i32)))
  (table (export "table") 2 2 funcref)
  (elem (i32.const 1) $price)
  (export "again" (func $price))
  (func (export "call") (type $t) (call $log (i32.const 1)) (call $price (local.get 0) (local.get 1) (local.get 2)))
  (func (export "pointer") (type $t)
    (call_indirect (type $t) (local.get 0) (local.get 1) (local.get 2) (i32.const 1))))`

const PROVIDER = `(module
  (func (export "price") (param i32 f64 i64) (result f64)
    (f64.add (f64.convert_i32_s (local.get 0)) (f64.add (local.get 1) (f64.convert_i64_s (local.get 2)))))
  (func (export "wrong") (param i32) (result f64) f64.const 0))`

describe.each(compilers)('a slot of an import (%s)', (compiler) => {
  const make = async (price: (...parameters: never[]) => number, log: (x: number) => void = () => {}) => {
    const a = await instanceOf(TEXT, { env: { price, log } }, { compiler })
    const answers = () => ['call', 'pointer', 'again'].map((name) => a.exports[name](1, 2.5, 3n))
    return { a, slot: a.slot('price'), answers }
  }

  test('is changed from JavaScript to WebAssembly to JavaScript, and back', async () => {
    const seen: unknown[] = []
    const { a, slot, answers } = await make((...given: unknown[]) => seen.push(given))
    // An export name takes precedence.
    expect(slot).toMatchObject({ name: 'again', kind: 'import' })
    expect(a.slot('env.price')).toBe(slot)
    expect(answers()).toEqual([1, 2, 3])
    expect(seen).toEqual(Array.from({ length: 3 }, () => [1, 2.5, 3n]))
    for (const other of compilers) {
      const { price } = (await instanceOf(PROVIDER, {}, { compiler: other })).exports
      const change = link(price, slot)
      expect(answers()).toEqual([6.5, 6.5, 6.5])
      expect(slot.current).toBe(price)
      link((x: number, y: number, z: bigint) => x * y * Number(z), slot)
      expect(answers()).toEqual([7.5, 7.5, 7.5])
      slot.reset()
      expect(thrownBy(() => change.undo())).toMatchObject({ code: 'ERR_RELINK_UNDONE' })
      seen.length = 0
      expect(answers()).toEqual([1, 2, 3])
    }
  })

  test('has the imported function as its original', async () => {
    const { price } = (await instanceOf(PROVIDER, {}, { compiler })).exports
    const { slot, answers } = await make(price)
    expect([slot.original, slot.current]).toEqual([price, price])
    expect(slot.original).toBe(price)
    link(() => 0, slot)
    expect(answers()).toEqual([0, 0, 0])
    link(slot.original, slot)
    expect(answers()).toEqual([6.5, 6.5, 6.5])
  })

  test('gives a JavaScript function back as a WebAssembly one', async () => {
    const { a, slot } = await make(() => 5)
    const { original } = slot
    link(() => 6, slot)
    expect([original(0, 0, 0n), a.exports.again(0, 0, 0n)]).toEqual([5, 6])
  })

  test('follows the slot of the export that it was given', async () => {
    const provider = await instanceOf(PROVIDER, {}, { compiler })
    const { slot, answers } = await make(provider.exports.price)
    link(() => 9, provider.slot('price'))
    expect(answers()).toEqual([9, 9, 9])
    const own = link(() => 8, slot)
    expect(answers()).toEqual([8, 8, 8])
    own.undo()
    expect(answers()).toEqual([9, 9, 9])
    provider.slot('price').reset()
    expect(answers()).toEqual([6.5, 6.5, 6.5])
  })

  test('refuses its own export, another type, and a cycle', async () => {
    const provider = await instanceOf(PROVIDER, {}, { compiler })
    const { a, slot, answers } = await make(provider.exports.price)
    expect(thrownBy(() => link(a.exports.again, slot))).toMatchObject({ code: 'ERR_RELINK_CYCLE' })
    expect(thrownBy(() => link(a.exports.again, provider.slot('price')))).toMatchObject({ code: 'ERR_RELINK_CYCLE' })
    expect(thrownBy(() => link(provider.exports.wrong, slot))).toMatchObject({
      code: 'ERR_RELINK_SIGNATURE',
      slot: 'again',
      expected: '(i32, f64, i64) -> f64',
      actual: '(i32) -> f64',
    })
    expect(answers()).toEqual([6.5, 6.5, 6.5])
  })

  test('is changed while it runs', async () => {
    const { a, slot, answers } = await make(
      () => 1,
      () => void link(() => 2, slot),
    )
    expect(a.exports.call(0, 0, 0n)).toBe(2)
    expect(answers()).toEqual([2, 2, 2])
  })

  test('is changed together with others, or not at all', async () => {
    const { a, slot, answers } = await make(() => 1)
    const log = a.slot('env.log')
    const error = thrownBy(() => relink([[() => 2, slot] as never, [a.exports.call, log] as never]))
    expect(error).toMatchObject({ code: 'ERR_RELINK_REFUSED', refusals: [{ index: 1, slot: 'env.log' }] })
    expect(answers()).toEqual([1, 1, 1])
    const lines: number[] = []
    const both = relink([
      [() => 2, slot],
      [(line: number) => void lines.push(line), log],
    ])
    expect([answers(), lines]).toEqual([[2, 2, 2], [1]])
    both.undo()
    expect([answers(), lines]).toEqual([[1, 1, 1], [1]])
  })

  test('passes exceptions on, before and after', async () => {
    const mine = new Error('mine')
    const fail = () => {
      throw mine
    }
    const { slot, answers } = await make(fail)
    expect(thrownBy(answers)).toBe(mine)
    const change = link(() => 1, slot)
    expect(answers()).toEqual([1, 1, 1])
    link(fail, slot)
    expect(thrownBy(answers)).toBe(mine)
    expect(thrownBy(() => change.undo())).toMatchObject({ code: 'ERR_RELINK_ORDER' })
  })

  test('exists for an import without callers, and for one that is imported twice', async () => {
    const a = await instanceOf(
      `(module (import "env" "f" (func $one (result i32))) (import "env" "f" (func $two (result i32)))
        (func (export "two") (result i32) call $two))`,
      { env: { f: () => 1 } },
      { compiler },
    )
    expect(Object.keys(a.slots)).toEqual(['env.f', 'env.f#2', 'two'])
    link(() => 2, a.slot('env.f'))
    expect(a.exports.two()).toBe(1)
    link(() => 3, a.slot('env.f#2'))
    expect(a.exports.two()).toBe(3)
  })
})
