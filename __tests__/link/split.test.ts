// Splits: several implementations in one slot, by weight or by a chooser.
import { AsyncLocalStorage } from 'node:async_hooks'
import { Instance, Module, Split, Store, link, split } from '../..'
import { compilers, declaring, instanceOf, thrownBy } from '../support'

async function setUp(compiler: 'cranelift' | 'singlepass' = 'cranelift') {
  const store = new Store()
  const bytes = await declaring({ name: 'a::f', call: 'f', step: 1 })
  const host = new Instance(new Module(bytes, { compiler }), {}, { store })
  const next = new Instance(new Module(bytes, { compiler }), {}, { store })
  const { f } = host.exports
  const slot = host.slot('a::f')
  const ten = await instanceOf(
    '(module (func (export "ten") (param i32) (result i32) (i32.add (local.get 0) (i32.const 10))))',
    {},
    { compiler, store },
  )
  return { store, host, next, f, slot, ten: ten.exports.ten }
}

describe.each(compilers)('by weight, on %s', (compiler) => {
  test('each gets its share, changed live, and ended in favour of one', async () => {
    const { f, slot, ten } = await setUp(compiler)
    const canary = split(
      slot,
      { stable: slot.current, next: ten },
      { weights: { stable: 95, next: 5 }, label: 'canary' },
    )
    expect(canary).toBeInstanceOf(Split)
    const share = (count: number) => {
      let changed = 0
      for (let call = 0; call < count; call++) if (f(0) === 10) changed++
      return changed
    }
    expect(share(1000)).toBeGreaterThan(45)
    expect(canary.calls.next).toBeLessThan(55)
    expect(canary.calls.stable + canary.calls.next).toBe(1000)
    canary.set({ stable: 1, next: 1 })
    expect(Math.abs(share(1000) - 500)).toBeLessThan(5)
    canary.set({ next: 1 })
    expect([share(100), canary.weights]).toEqual([100, { stable: 0, next: 1 }])
    canary.set({ stable: 1 })
    expect(share(100)).toBe(0)
    const ended = canary.end('next', { label: 'all' })
    expect([f(0), slot.current]).toEqual([10, ten])
    expect(thrownBy(() => canary.end('stable'))).toMatchObject({ code: 'ERR_RELINK_ORDER', slot: 'a::f' })
    ended.undo()
    canary.undo()
    expect([f(0), slot.linked, canary.link.commit.label]).toEqual([1, false, 'canary'])
  })
})

test('three implementations, one of them in JavaScript', async () => {
  const { f, slot, ten } = await setUp()
  const all = split(slot, { a: slot.original, b: ten, c: (x: number) => x + 100 }, { weights: { a: 1, b: 1, c: 2 } })
  const seen = new Map<number, number>()
  for (let call = 0; call < 400; call++) seen.set(f(0), (seen.get(f(0)) ?? 0) + 1)
  expect([...seen.keys()].toSorted((a, b) => a - b)).toEqual([1, 10, 100])
  expect(all.calls.c).toBeGreaterThan(380)
  expect(all.calls.a + all.calls.b + all.calls.c).toBeGreaterThanOrEqual(800)
})

test('a chooser decides by tenant', async () => {
  const { f, slot, ten } = await setUp()
  const tenant = new AsyncLocalStorage<string>()
  const chosen = split(
    slot,
    { stable: slot.original, next: ten },
    { choose: () => (tenant.getStore() === 'beta' ? 'next' : 'stable') },
  )
  expect([f(0), tenant.run('beta', () => f(0)), f(0)]).toEqual([1, 10, 1])
  expect(chosen.calls).toEqual({ stable: 2, next: 1 })
  expect(chosen.weights).toBeUndefined()
  expect(thrownBy(() => chosen.set({ next: 1 })).code).toBe('ERR_INVALID_ARG_VALUE')
  chosen.undo()
  const wrong = split(slot, { a: ten, b: ten }, { choose: () => 'c' as any })
  expect(thrownBy(() => f(0)).message).toMatch(/^expected one of 'a', 'b' as `choose\(…\)`, got 'c'$/)
  wrong.undo()
  expect(f(0)).toBe(1)
})

test('an implementation may have the name of a property that every object has', async () => {
  const { slot, ten } = await setUp()
  const all = split(slot, { toString: ten, constructor: (x: number) => x }, { weights: { constructor: 1 } as any })
  expect(slot.current!(1)).toBe(1)
  all.set({ toString: 1 } as any)
  expect(slot.current!(1)).toBe(11)
})

test('bad arguments change nothing', async () => {
  const { host, f, slot, ten } = await setUp()
  const two = { a: ten, b: ten }
  const code = (implementations: any, options: any) => thrownBy(() => split(slot, implementations, options)).code
  expect(code(two, {})).toBe('ERR_INVALID_ARG_VALUE')
  expect(code(two, { weights: { a: 1 }, choose: () => 'a' })).toBe('ERR_INVALID_ARG_VALUE')
  expect(code(two, { weights: { z: 1 } })).toBe('ERR_INVALID_ARG_VALUE')
  expect(code(two, { weights: { a: 'much' } })).toBe('ERR_INVALID_ARG_TYPE')
  for (const weights of [null, 0, '']) expect(code(two, { weights })).toBe('ERR_INVALID_ARG_TYPE')
  for (const weights of [
    { a: -1, b: 2 },
    { a: 0, b: 0 },
    { a: NaN, b: 1 },
    { a: 1e308, b: 1e308 },
  ]) {
    expect(code(two, { weights })).toBe('ERR_OUT_OF_RANGE')
  }
  expect(code({ a: ten }, { weights: { a: 1 } })).toBe('ERR_OUT_OF_RANGE')
  expect(code({ a: ten, b: 5 }, { weights: { a: 1 } })).toBe('ERR_INVALID_ARG_TYPE')
  expect(code(5, { weights: { a: 1 } })).toBe('ERR_INVALID_ARG_TYPE')
  const wrong = (await instanceOf('(module (func (export "f") (param i64)))')).exports.f
  expect(code({ a: ten, b: wrong }, { weights: { a: 1 } })).toBe('ERR_RELINK_REFUSED')
  // The export calls the slot, so the split would call itself.
  expect(code({ a: host.exports['slot:f'], b: ten }, { weights: { b: 1 } })).toBe('ERR_RELINK_REFUSED')
  expect([f(0), slot.linked]).toEqual([1, false])
  const over = split(slot, two, { weights: { a: 1 } })
  link((x: number) => x, slot)
  expect(thrownBy(() => over.end('a')).code).toBe('ERR_RELINK_ORDER')
})
