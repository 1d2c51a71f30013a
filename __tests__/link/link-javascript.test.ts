// JavaScript functions as implementations of slots.
import { Instance, Module, link, relink } from '../..'
import { compilers, declaring, guest, instanceOf, thrownBy, wat } from '../support'

const imports = { env: { host_hook() {} } }

describe.each(compilers)('a JavaScript function in a slot (%s)', (compiler) => {
  const seed = (env = imports.env) => new Instance(new Module(guest('seed.O3'), { compiler }), { env })

  test('is called on every path until it is undone', () => {
    const b = seed()
    const watch = () => [b.exports.watch_me(), b.exports.watch_pointer(), b.exports.watch_dyn()]
    const fifty = () => 50
    const change = link(fifty, b.slots['seed::replace_me']!)
    expect(watch()).toEqual([50, 50, 50])
    expect(change.implementation).toBe(fifty)
    expect(change.previous).toBe(b.slot('replace_me').original)
    change.undo()
    expect(watch()).toEqual([10, 10, 10])
  })

  test('alternates with WebAssembly functions in one slot', () => {
    const [a, b] = [seed(), seed()]
    const slot = b.slot('replace_me')
    let next = 0
    const first = link(() => ++next, slot)
    const second = link(a.exports.return_50, slot)
    expect(b.exports.watch_me()).toBe(50)
    expect(second.previous!()).toBe(1)
    second.undo()
    expect(b.exports.watch_me()).toBe(2)
    first.undo()
    expect(slot.current).toBe(slot.original)
  })

  test('may call back into the slot’s own original, link, and throw', () => {
    const b = seed()
    const slot = b.slot('replace_me')
    link(() => slot.original() + 1, slot)
    expect(b.exports.watch_me()).toBe(11)
    const error = new Error('mine')
    link(() => {
      throw error
    }, slot)
    expect(thrownBy(() => b.exports.watch_me())).toBe(error)
    link(() => {
      slot.reset()
      return 3
    }, slot)
    expect([b.exports.watch_me(), b.exports.watch_me()]).toEqual([3, 10])
  })

  test('has its arguments and its result converted', () => {
    const scalars = new Instance(new Module(guest('scalars'), { compiler }))
    const seen: unknown[] = []
    const answering = (answer: unknown) => (value: unknown) => {
      seen.push(value)
      return answer as never
    }
    link(answering(2n ** 64n + 7n), scalars.slot('next_i64'))
    expect(scalars.exports.call_i64(-5n)).toBe(7n)
    link(answering({ valueOf: () => '2.5' }), scalars.slot('next_f64'))
    expect(scalars.exports.call_f64(0.5)).toBe(2.5)
    // The guest truncates a value that does not fit a u8, whoever passes it.
    link(answering(300), scalars.slot('next_u8'))
    expect(scalars.exports.call_u8(1)).toBe(44)
    expect(seen).toEqual([-5n, 0.5, 1])
    link(answering(5), scalars.slot('next_i64'))
    expect(thrownBy(() => scalars.exports.call_i64(0n))).toBeInstanceOf(TypeError)
  })

  test('has one adapter for each type', async () => {
    const [a, b] = [seed(), seed()]
    const fifty = () => 50
    link(fifty, a.slot('replace_me'))
    link(fifty, b.slot('replace_me'))
    expect(a.slot('replace_me').current).toBe(b.slot('replace_me').current)
    expect(a.slot('replace_me').current!()).toBe(50)
    // It is an exported function like any other, for tables, imports and other slots.
    const { exports } = await instanceOf(
      `(module (import "env" "f" (func $f (result i32))) (func (export "twice") (result i32) (i32.mul (call $f) (i32.const 2))))`,
      { env: { f: a.slot('replace_me').current! } },
      { compiler },
    )
    expect(exports.twice()).toBe(100)
  })

  test('may be a function of Node’s own WebAssembly', async () => {
    const bytes = await wat(
      '(module (func (export "f") (result i32) i32.const 42) (func (export "trap") (result i32) unreachable))',
    )
    const { f, trap } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Record<string, () => number>
    const b = seed()
    const slot = b.slot('replace_me')
    const change = link(f!, slot)
    expect(change.implementation).toBe(f)
    expect([b.exports.watch_me(), b.exports.watch_dyn(), slot.current!()]).toEqual([42, 42, 42])
    const nested = link(trap!, slot)
    // The error is Node's, and comes out unchanged.
    const error = thrownBy(() => b.exports.watch_me())
    expect(error).toBeInstanceOf(WebAssembly.RuntimeError)
    expect(error.code).toBeUndefined()
    nested.undo()
    change.undo()
    expect(b.exports.watch_me()).toBe(10)
  })

  test('can be linked into a table entry', () => {
    const raw = new Instance(new Module(guest('seed_raw.O0.fixed'), { compiler }))
    const slot = raw.exports.__indirect_function_table.slot(raw.exports.replace_me_index())
    const change = link(() => 50, slot)
    expect(raw.exports.watch_me()).toBe(50)
    change.undo()
    expect(raw.exports.watch_me()).toBe(10)
  })

  test('can be one of the changes of a relink', async () => {
    const functions = [
      { name: 'a::f', call: 'f', step: 1 },
      { name: 'a::wide', call: 'wide', step: 1, type: 'i64' },
    ] as const
    const a = new Instance(new Module(await declaring(...functions), { compiler }))
    const change = relink([
      [(x: number) => x * 2, a.slot('a::f')],
      [(x: bigint) => x * 2n, a.slot('a::wide')],
    ])
    expect([a.exports.f(4), a.exports.wide(4n)]).toEqual([8, 8n])
    change.undo()
    expect([a.exports.f(4), a.exports.wide(4n)]).toEqual([5, 5n])
  })
})
