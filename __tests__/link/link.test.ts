import { Instance, Link, LinkError, Module, Store, link } from '../..'
import { compilers, declaring, guest, instanceOf, thrownBy } from '../support'

describe.each(compilers)('link (%s)', (compiler) => {
  const make = async (...slots: Parameters<typeof declaring>) =>
    new Instance(new Module(await declaring(...slots), { compiler }))

  /** A module whose `f` adds 1, and one whose `g` adds 100. */
  const pair = async () => {
    const a = await make({ name: 'a::f', call: 'f', step: 1 })
    const b = await make({ name: 'b::g', call: 'g', step: 100 })
    return { a, b, slot: a.slot('a::f'), implementation: b.slot('b::g').original }
  }

  test('replaces the function for every call, and undo restores it', async () => {
    const { a, slot, implementation } = await pair()
    expect(a.exports.f(0)).toBe(1)
    const change = link(implementation, slot)
    expect(change).toBeInstanceOf(Link)
    expect(a.exports.f(0)).toBe(100)
    expect(a.exports['slot:f'](0)).toBe(100)
    expect(change).toMatchObject({ slot, implementation, previous: slot.original })
    expect([slot.linked, slot.current]).toEqual([true, implementation])
    change.undo()
    expect(a.exports.f(0)).toBe(1)
    expect([slot.linked, slot.current]).toEqual([false, slot.original])
  })

  test('an export of a slot follows later links; the function from `current` does not', async () => {
    const { a, b, slot, implementation } = await pair()
    const c = await make({ name: 'c::h', call: 'h', step: 10_000 })
    link(b.exports['slot:g'], slot)
    expect(a.exports.f(0)).toBe(100)
    link(c.slot('c::h').original, b.slot('b::g'))
    expect(a.exports.f(0)).toBe(10_000)
    link(implementation, slot)
    expect(a.exports.f(0)).toBe(100)
  })

  test('takes effect while the module is on the stack', () => {
    let hook = () => {}
    const imports = { env: { host_hook: () => hook() } }
    for (const level of ['O0', 'O3']) {
      hook = () => {}
      const seed = new Instance(new Module(guest(`seed.${level}`), { compiler }), imports)
      hook = () => void link(seed.exports.return_50, seed.slot('replace_me'))
      expect(seed.exports.watch_with_hook()).toBe(50_010)
      hook = () => seed.slot('replace_me').reset()
      expect(seed.exports.watch_with_hook()).toBe(10_050)
      hook = () => {}
      expect(seed.exports.watch_with_hook()).toBe(10_010)
    }
  })

  test('several links of a slot are undone last first', async () => {
    const { a, b, slot, implementation } = await pair()
    const first = link(implementation, slot)
    const second = link(b.slot('b::g').original, slot)
    expect(second.previous).toBe(implementation)
    const early = thrownBy(() => first.undo())
    expect(early).toBeInstanceOf(LinkError)
    expect(early).toMatchObject({ code: 'ERR_RELINK_ORDER', slot: 'a::f' })
    expect(a.exports.f(0)).toBe(100)
    second.undo()
    const twice = thrownBy(() => second.undo())
    expect(twice).toMatchObject({ code: 'ERR_RELINK_UNDONE', slot: 'a::f' })
    expect([a.exports.f(0), slot.linked]).toEqual([100, true])
    first.undo()
    expect([a.exports.f(0), slot.linked]).toEqual([1, false])
  })

  test('reset ends every link of a slot', async () => {
    const { a, b, slot, implementation } = await pair()
    const links = [link(implementation, slot), link(b.slot('b::g').original, slot)]
    slot.reset()
    slot.reset()
    expect([a.exports.f(0), slot.linked]).toEqual([1, false])
    for (const change of links) expect(thrownBy(() => change.undo())).toMatchObject({ code: 'ERR_RELINK_UNDONE' })
  })

  test('using undoes at the end of the block, unless it was undone before', async () => {
    const { a, slot, implementation } = await pair()
    {
      using change = link(implementation, slot)
      expect(change.slot).toBe(slot)
      expect(a.exports.f(0)).toBe(100)
    }
    expect(a.exports.f(0)).toBe(1)
    {
      using change = link(implementation, slot)
      change.undo()
    }
    expect(a.exports.f(0)).toBe(1)
    const buried = link(implementation, slot)
    link(implementation, slot)
    expect(thrownBy(() => buried[Symbol.dispose]())).toMatchObject({ code: 'ERR_RELINK_ORDER' })
  })
})

describe('link refuses without a change', () => {
  const make = async (...slots: Parameters<typeof declaring>) => new Instance(new Module(await declaring(...slots)))

  test('another signature', async () => {
    const a = await make({ name: 'a::f', call: 'f', step: 1 })
    const b = await make({ name: 'b::g', call: 'g', step: 100, type: 'i64' })
    const error = thrownBy(() => link(b.exports.g, a.slot('a::f')))
    expect(error).toBeInstanceOf(LinkError)
    expect(error).toBeInstanceOf(WebAssembly.LinkError)
    expect(error).toMatchObject({
      code: 'ERR_RELINK_SIGNATURE',
      slot: 'a::f',
      expected: '(i32) -> i32',
      actual: '(i64) -> i64',
    })
    expect(error.message).toBe('slot "a::f" takes a function of type (i32) -> i32, got (i64) -> i64')
    expect([a.exports.f(0), a.slot('a::f').linked]).toEqual([1, false])
  })

  test('another Rust type, between two functions that are declared', async () => {
    const a = await make({ name: 'a::f', call: 'f', step: 1 })
    const b = await make({ name: 'b::g', call: 'g', step: 100, type: 'u32' })
    const error = thrownBy(() => link(b.slot('b::g').original, a.slot('a::f')))
    expect(error).toMatchObject({ code: 'ERR_RELINK_ABI', slot: 'a::f' })
    expect(error.expected).toMatch(/i32/)
    expect(error.actual).toMatch(/u32/)
    expect(a.exports.f(0)).toBe(1)
    // The Rust types of a plain export are unknown.
    link(b.exports.g, a.slot('a::f'))
    expect(a.exports.f(0)).toBe(100)
  })

  test('another Rust type, in guests that are built from Rust', () => {
    const scalars = new Instance(new Module(guest('scalars')))
    const v2 = new Instance(new Module(guest('scalars_v2')))
    const refused: [string, string][] = [
      ['previous_i64', 'next_i64'],
      ['previous_u16', 'next_u16'],
      ['previous_mut', 'next_const'],
    ]
    for (const [from, to] of refused) {
      const error = thrownBy(() => link(v2.slot(from).original, scalars.slot(to)))
      expect(error).toMatchObject({ code: 'ERR_RELINK_ABI', slot: `scalars::${to}` })
      expect(scalars.slot(to).linked).toBe(false)
    }
    link(v2.slot('previous_u8').original, scalars.slot('next_u8'))
    expect(scalars.exports.call_u8(0)).toBe(255)
    link(v2.slot('v2/previous_i32').original, scalars.slot('next_i32'))
    expect(scalars.exports.call_i32(0)).toBe(-1)
    link(v2.exports.plain_f64, scalars.slot('next_f64'))
    expect(scalars.exports.call_f64(4)).toBe(8)
  })

  test('a function of another store', async () => {
    const a = await make({ name: 'a::f', call: 'f', step: 1 })
    const bytes = await declaring({ name: 'b::g', call: 'g', step: 100 })
    const b = new Instance(new Module(bytes), {}, { store: new Store() })
    const error = thrownBy(() => link(b.exports.g, a.slot('a::f')))
    expect(error).toMatchObject({ name: 'LinkError', code: 'ERR_RELINK_STORE', slot: 'a::f' })
    expect(a.exports.f(0)).toBe(1)
  })

  test('functions and slots of a closed instance', async () => {
    const a = await make({ name: 'a::f', call: 'f', step: 1 })
    const b = await make({ name: 'b::g', call: 'g', step: 100 })
    const slot = b.slot('b::g')
    const { original } = slot
    b.close()
    expect(thrownBy(() => link(original, a.slot('a::f')))).toMatchObject({ code: 'ERR_RELINK_CLOSED', slot: 'a::f' })
    expect(a.exports.f(0)).toBe(1)
    expect(thrownBy(() => link(a.slot('a::f').original, slot))).toMatchObject({
      code: 'ERR_RELINK_CLOSED',
      slot: 'b::g',
    })
  })

  test('a function that only calls through the slot', async () => {
    const a = await make({ name: 'a::f', call: 'f', step: 1 })
    const b = await make({ name: 'b::g', call: 'g', step: 100 })
    const own = thrownBy(() => link(a.exports['slot:f'], a.slot('a::f')))
    expect(own).toMatchObject({ code: 'ERR_RELINK_CYCLE', slot: 'a::f' })
    link(a.exports['slot:f'], b.slot('b::g'))
    const round = thrownBy(() => link(b.exports['slot:g'], a.slot('a::f')))
    expect(round).toMatchObject({ code: 'ERR_RELINK_CYCLE', slot: 'a::f' })
    expect([a.exports.f(0), b.exports.g(0)]).toEqual([1, 1])
  })

  test('arguments that are not a function and a Slot', async () => {
    const a = await make({ name: 'a::f', call: 'f', step: 1 })
    const { f } = a.exports
    const slot = a.slot('a::f')
    const wrong: [unknown, unknown, RegExp][] = [
      [undefined, slot, /^expected a function as `implementation`, got undefined$/],
      [5, slot, /as `implementation`, got 5$/],
      [
        slot,
        f,
        /as `implementation`, got .*; the slot is the second argument; to link what it holds, give `slot\.current`$/,
      ],
      [f, undefined, /^expected a Slot as `slot`, got undefined; for an unknown name, `instance\.slot\(name\)` throws/],
      [f, 'a::f', /^expected a Slot as `slot`, got 'a::f'/],
      [f, { name: 'a::f' }, /^expected a Slot as `slot`, got \[Object\]/],
      [f, f, /^expected a Slot as `slot`, got \[Function/],
    ]
    for (const [implementation, given, message] of wrong) {
      const error = thrownBy(() => link(implementation as never, given as never))
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
      expect(error.message).toMatch(message)
    }
    expect(slot.linked).toBe(false)
  })

  test('a Link cannot be made by users', () => {
    expect(thrownBy(() => new (Link as any)())).toMatchObject({ code: 'ERR_ILLEGAL_CONSTRUCTOR' })
    expect(() => Link.prototype.undo.call({} as Link)).toThrow('expected a Link as `this`, got {}')
  })

  test('another signature, in a module that was not built from Rust', async () => {
    const { exports } = await instanceOf(
      `(module (table (export "t") 1 1 funcref) (elem (i32.const 0) $f) (func $f) (func (export "g") (param i32)))`,
    )
    expect(thrownBy(() => link(exports.g, exports.t.slot(0)))).toMatchObject({
      code: 'ERR_RELINK_SIGNATURE',
      slot: 'f',
      expected: '()',
      actual: '(i32)',
    })
  })
})
