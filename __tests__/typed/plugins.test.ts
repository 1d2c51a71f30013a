// Typed slots that another plugin implements, across memories, stores and compilers.
import { Instance, link, Module, relink, Store } from '../..'
import { compilers, thrownBy } from '../support'
import { forwarder } from '../support/typed'

const TEXT = 'interface i { run: func(text: string) -> string; }'
type Run = (...values: any[]) => any

/** Two plugins: a call of the first goes to the second, and from there to JavaScript. */
async function pair(wit: string, fn: Run, [a, b] = ['cranelift', 'cranelift'] as (typeof compilers)[number][]) {
  const bytes = await forwarder(wit)
  const first = new Instance(new Module(bytes, { compiler: a }))
  const second = new Instance(new Module(bytes, { compiler: b }))
  const change = link(second.exports.run, first.slot('t::run'))
  link(fn, second.slot('t::run'))
  return { run: first.exports.run as Run, first, second, change }
}

describe.each(compilers)('%s', (compiler) => {
  test.each(compilers)('to %s: strings cross', async (other) => {
    const { run, second } = await pair(TEXT, (text: string) => text.toUpperCase(), [compiler, other])
    for (const text of ['', 'hello', 'grüße', '\0', 'x'.repeat(100_000)]) expect(run(text)).toBe(text.toUpperCase())
    expect(second.exports.freed()).toBe(5)
  })
})

test.each(compilers)('memories that reserve all addresses and small ones mix (%s)', async (compiler) => {
  const bytes = await forwarder(TEXT)
  const of = (reserve: 'full' | 'small') => new Instance(new Module(bytes, { compiler, reserve }))
  for (const [a, b] of [
    ['small', 'small'],
    ['small', 'full'],
    ['full', 'small'],
    ['full', 'full'],
  ] as const) {
    const [first, second] = [of(a), of(b)]
    link(second.exports.run, first.slot('t::run'))
    link((text: string) => text.toUpperCase(), second.slot('t::run'))
    for (const text of ['', 'hello', 'x'.repeat(100_000)]) expect(first.exports.run(text)).toBe(text.toUpperCase())
  }
})

test('records, lists and variants cross', async () => {
  const wit = `interface i {
    record item { name: string, price: u64, kinds: list<u8> }
    variant shape { dot, line(f64), label(string), many(list<item>) }
    record order { items: list<item>, shape: shape, note: option<string>, names: list<string, 2>, pair: tuple<s8, string> }
    run: func(order: order, shape: shape, by: option<string>) -> result<order, shape>;
  }`
  const item = { name: 'café', price: 2n ** 64n - 1n, kinds: Uint8Array.of(1, 2, 3) }
  const shapes = [{ tag: 'dot' }, { tag: 'line', val: -0 }, { tag: 'label', val: 'x' }, { tag: 'many', val: [item] }]
  const seen: unknown[] = []
  const { run } = await pair(wit, (order, shape, by) => {
    seen.push([order, shape, by])
    if (by === 'no') throw Object.assign(new Error('no'), { payload: shape })
    return order
  })
  for (const shape of shapes) {
    const order = { items: [item, item], shape, note: undefined, names: ['a', 'b'], pair: [-128, 'z'] }
    for (const by of [undefined, '']) {
      expect(run(order, shape, by)).toEqual(order)
      expect(seen.pop()).toEqual([order, shape, by])
    }
    expect(thrownBy(() => run(order, shape, 'no'))).toMatchObject({ payload: shape })
  }
})

test('a link is undone, and its functions are those that were given', async () => {
  const { run, first, second, change } = await pair(TEXT, (text: string) => text + text)
  const slot = first.slot('t::run')
  expect(run('a')).toBe('aa')
  expect(slot.current).toBe(second.exports.run)
  expect(change.implementation).toBe(second.exports.run)
  const twice = link((text: string) => `${text}?`, slot)
  expect(run('a')).toBe('a?')
  expect(twice.previous).toBe(second.exports.run)
  twice.undo()
  expect(run('a')).toBe('aa')
  change.undo()
  expect(slot.current).toBe(slot.original)
  expect(thrownBy(() => run('a'))).toMatchObject({ code: 'ERR_RELINK_TRAP' })
  const all = relink([[second.exports.run, slot]])
  expect(run('a')).toBe('aa')
  all.undo()
  link(slot.original, slot)
  expect(slot.linked).toBe(true)
})

test('two instances: slots are linked; typed exports and the allocator stay with their memory', async () => {
  const wit = 'interface i { record item { sku: string, price: u64 } run: func(items: list<item>) -> string; }'
  const bytes = await forwarder(wit)
  const [first, second] = [new Instance(new Module(bytes)), new Instance(new Module(bytes))]
  const change = relink(first, second)
  expect(change.slots.map(({ slot }) => slot)).toEqual(['t::run', 'freed'])
  expect(change.skipped).toContainEqual(expect.objectContaining({ slot: 'run', code: 'ERR_RELINK_ABI' }))
  link((items) => items[0].sku, second.slot('t::run'))
  link((items) => items[0].sku, first.slot('t::run'))
  expect((first.exports.run as Run)([{ sku: 'tea', price: 1n }])).toBe('tea')
})

test('a type that differs is refused, field by field, and nothing changes', async () => {
  const { first } = await pair(TEXT, (text: string) => text)
  const slot = first.slot('t::run')
  const before = slot.current
  const wit = 'interface i { record r { a: u8 } run: func(text: r, more: bool) -> list<u8>; }'
  const other = new Instance(new Module(await forwarder(wit)))
  const expected = {
    name: 'LinkError',
    code: 'ERR_RELINK_ABI',
    slot: 't::run',
    differences: [
      'expected 1 parameters, got 2',
      'text: expected string, got record { a: u8 }',
      'result: expected string, got list<u8>',
    ],
  }
  expect(thrownBy(() => link(other.exports.run, slot))).toMatchObject(expected)
  expect(thrownBy(() => relink([[other.exports.run, slot]]))).toMatchObject({
    code: 'ERR_RELINK_REFUSED',
    refusals: [{ code: 'ERR_RELINK_ABI', index: 0 }],
  })
  expect(slot.current).toBe(before)
})

test('other stores and closed instances are refused', async () => {
  const { first, second } = await pair(TEXT, (text: string) => text)
  const bytes = await forwarder(TEXT)
  const stranger = new Instance(new Module(bytes), undefined, { store: new Store() })
  const slot = first.slot('t::run')
  expect(thrownBy(() => link(stranger.exports.run, slot))).toMatchObject({ code: 'ERR_RELINK_STORE' })
  second.close()
  expect(thrownBy(() => link(second.exports.run, slot))).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
  expect(thrownBy(() => second.exports.run('a'))).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
})

test('the core function of a typed export takes none of another memory, unless the caller says that it may', async () => {
  const { first, second } = await pair(TEXT, (text: string) => text)
  const [slot, other] = [first.slot('run'), second.slot('run')]
  for (const attempt of [
    () => link(other.original, slot),
    () => relink([[other.original, slot]]),
    () => relink({ run: other.original } as never, first as never),
  ]) {
    const error = thrownBy(attempt)
    expect([error.code, error.refusals?.[0].code]).toContain('ERR_RELINK_ABI')
  }
  expect(first.exports.run('a')).toBe('a')
  link(other.original, slot, { pointers: true }).undo()
  link(slot.original, slot).undo()
})
