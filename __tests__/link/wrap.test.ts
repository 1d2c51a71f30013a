// Implementations that call what they replace: `wrap`, `link.previous`, and imports of `relink:previous`.
import { Instance, Module, Store, link, relink, wrap } from '../..'
import { compilers, declaring, instanceOf, thrownBy, wat } from '../support'

const plugin = async (store: Store, compiler: 'cranelift' | 'singlepass' = 'cranelift') =>
  new Instance(new Module(await declaring({ name: 'a::f', call: 'f', step: 1 }), { compiler }), {}, { store })

/** A module whose function `twice` is twice what it replaces. */
const TWICE = `(module
  (import "relink:previous" "a::f" (func $previous (param i32) (result i32)))
  (func (export "twice") (param i32) (result i32) (i32.mul (i32.const 2) (call $previous (local.get 0)))))`

describe.each(compilers)('on %s', (compiler) => {
  test('wrap gives the implementation what it replaces', async () => {
    const { exports, slot } = await bound(compiler)
    const first = wrap(slot, (previous) => (x: number) => previous(x) * 10)
    const second = wrap(slot, (previous) => (x: number) => previous(x) + 5)
    expect(exports.f(1)).toBe(25)
    second.undo()
    expect(exports.f(1)).toBe(20)
    first.undo()
    expect(exports.f(1)).toBe(2)
  })

  test('link.previous can be called by the implementation', async () => {
    const { exports, slot } = await bound(compiler)
    const made = [1, 2, 3].map((step) => {
      const change = link((x: number): number => change.previous!(x) + step, slot)
      return change
    })
    expect(exports.f(1)).toBe(8)
    for (const change of made.toReversed()) change.undo()
    expect(exports.f(1)).toBe(2)
  })

  test('a WebAssembly implementation imports what it replaces', async () => {
    const store = new Store()
    const host = await plugin(store, compiler)
    const make = () => instanceOf(TWICE, {}, { compiler, store })
    const [one, two] = [await make(), await make()]
    expect(thrownBy(() => one.exports.twice(1))).toMatchObject({ code: 'ERR_RELINK_NO_PREVIOUS', slot: 'a::f' })
    const first = link(one.exports.twice, host.slot('a::f'))
    expect(first).toMatchObject({ slot: host.slot('a::f'), implementation: one.exports.twice })
    expect(host.exports.f(1)).toBe(4)
    const second = relink({ 'a::f': two.exports.twice }, host)
    expect(host.exports.f(1)).toBe(8)
    const script = wrap(host.slot('a::f'), (previous) => (x: number) => previous(x) + 1)
    expect(host.exports.f(1)).toBe(9)
    script.undo()
    second.undo()
    first.commit.undo()
    expect(host.exports.f(1)).toBe(2)
    expect(thrownBy(() => one.exports.twice(1)).code).toBe('ERR_RELINK_NO_PREVIOUS')
  })
})

async function bound(compiler: 'cranelift' | 'singlepass') {
  const instance = await plugin(new Store(), compiler)
  return { exports: instance.exports, slot: instance.slot('a::f') }
}

test('one instance stands for one previous function of a name', async () => {
  const store = new Store()
  const [a, b] = [await plugin(store), await plugin(store)]
  const twice = await instanceOf(TWICE, {}, { store })
  const implementation = twice.exports.twice
  const change = link(implementation, a.slot('a::f'))
  link((x: number) => x + 3, b.slot('a::f'))
  const refused = thrownBy(() => link(implementation, b.slot('a::f')))
  expect(refused.refusals).toMatchObject([{ slot: 'a::f', code: 'ERR_RELINK_NO_PREVIOUS' }])
  const both = [a, b].map((each) => [implementation, each.slot('a::f')] as const)
  expect(thrownBy(() => relink(both)).code).toBe('ERR_RELINK_REFUSED')
  expect([a.exports.f(1), b.exports.f(1)]).toEqual([4, 4])
  change.undo()
  link(implementation, b.slot('a::f'))
  expect([a.exports.f(1), b.exports.f(1)]).toEqual([2, 8])
})

test('an import of the user’s own takes precedence, and a previous function of another type is refused', async () => {
  const store = new Store()
  const host = await plugin(store)
  const own = await instanceOf(TWICE, { 'relink:previous': { 'a::f': (x: number) => x } }, { store })
  expect(own.exports.twice(4)).toBe(8)
  const other = new Instance(
    new Module(
      await wat(`(module
        (import "relink:previous" "a::f" (func $previous (param i64) (result i64)))
        (import "env" "g" (func (param i32)))
        (func (export "f") (param i32) (result i32) (i32.wrap_i64 (call $previous (i64.const 0)))))`),
    ),
    { env: { g() {} } },
    { store },
  )
  const refused = thrownBy(() => link(other.exports.f, host.slot('a::f')))
  expect(refused.refusals).toMatchObject([{ slot: 'relink:previous.a::f', code: 'ERR_RELINK_SIGNATURE' }])
  expect(host.exports.f(1)).toBe(2)
})

test('a slot that the implementation’s instance does not ask for is linked, or refused, as by any function', async () => {
  const store = new Store()
  const twice = await instanceOf(TWICE, {}, { store })
  const wide = new Instance(
    new Module(await declaring({ name: 'a::g', call: 'g', step: 1, type: 'i64' })),
    {},
    { store },
  )
  const refused = thrownBy(() => link(twice.exports.twice, wide.slot('a::g')))
  expect(refused.code).toBe('ERR_RELINK_SIGNATURE')
})

test('bad arguments of wrap change nothing', async () => {
  const { exports, slot } = await bound('cranelift')
  expect(thrownBy(() => wrap(slot, 5 as any)).code).toBe('ERR_INVALID_ARG_TYPE')
  expect(thrownBy(() => wrap(slot, (() => 5) as any)).code).toBe('ERR_INVALID_ARG_TYPE')
  expect(thrownBy(() => wrap(5 as any, () => () => 1)).code).toBe('ERR_INVALID_ARG_TYPE')
  const thrown = new Error('mine')
  const failing = () => {
    throw thrown
  }
  expect(thrownBy(() => wrap(slot, failing))).toBe(thrown)
  const linking = thrownBy(() =>
    wrap(slot, () => {
      link(() => 7, slot)
      return () => 8
    }),
  )
  expect(linking).toMatchObject({ code: 'ERR_RELINK_CHANGED', slot: 'a::f' })
  expect(exports.f(1)).toBe(7)
})
