import { Instance, LinkError, Module, Slot, link } from '../..'
import { compilers, declaring, guest, thrownBy } from '../support'

const nothing = { env: { host_hook: () => {} } }

describe.each(compilers)('declared slots (%s)', (compiler) => {
  const make = (name: string) => new Instance(new Module(guest(name), { compiler }), nothing)

  test('are named, typed, and start as their originals', () => {
    const { slots, exports } = make('scalars')
    expect(Object.keys(slots)).toEqual(expect.arrayContaining(['scalars::next_i8', 'scalars/first-byte']))
    const slot = slots['scalars::mix']!
    expect(slot).toBeInstanceOf(Slot)
    expect(slot).toMatchObject({
      name: 'scalars::mix',
      kind: 'declared',
      type: { parameters: ['i32', 'i32', 'i64', 'f32', 'f64', 'i32', 'i32', 'i32', 'i32', 'i64'], results: ['f64'] },
      linked: false,
    })
    expect(slot.current).toBe(slot.original)
    expect(exports.call_mix()).toBe(1 + 2 + 3 + 4 + 5 + 1 + 7 + 8 + 9 + 10)
  })

  test('the original can be called, and stays the same', () => {
    const { slots, exports } = make('scalars')
    const slot = slots['scalars::factorial']!
    expect(slot.original(5n)).toBe(120n)
    const other = slots['scalars::next_u64']!
    link(other.original, slot)
    expect(exports.call_factorial(5n)).toBe(6n)
    expect(slot.current).toBe(other.original)
    expect(slot.current!(5n)).toBe(6n)
    slot.reset()
    expect(exports.call_factorial(5n)).toBe(120n)
  })

  test('of a function that calls itself: every call goes through the slot', () => {
    const { slots, exports } = make('scalars')
    expect(exports.call_factorial(6n)).toBe(720n)
    expect(slots['scalars::factorial']!.original(6n)).toBe(720n)
  })

  test('every scalar type', () => {
    const { exports, slots } = make('scalars')
    const cases: [string, unknown, unknown][] = [
      ['i8', 127, -128],
      ['i16', 32767, -32768],
      ['i32', 2147483647, -2147483648],
      ['i64', 1n, 2n],
      ['isize', 1, 2],
      ['u8', 255, 0],
      ['u16', 65535, 0],
      ['u32', 1, 2],
      ['u64', 1n, 2n],
      ['usize', 1, 2],
      ['f32', 1, 1.5],
      ['f64', 1, 1.5],
      ['bool', 1, 0],
      ['char', 97, 65],
      ['const', 8, 9],
      ['mut', 8, 9],
    ]
    for (const [type, given, expected] of cases) {
      expect([type, exports[`call_${type}`](given)]).toEqual([type, expected])
      expect(slots[`scalars::next_${type}`]).toBeInstanceOf(Slot)
    }
    expect(exports.call_tick()).toBe(1)
    expect(exports.call_patterns(0)).toBe(42)
    expect(exports.call_first_byte()).toBe(77)
  })

  test('those of a library are slots of the module', () => {
    const env = { add_i32: () => 0, add_i64: () => 0n, mix: () => 0, callback: () => {} }
    const plugin = new Instance(new Module(guest('plugin'), { compiler }), { env })
    const { exports } = plugin
    expect(exports.scaled(5)).toBe(15)
    link(exports.double_i32, plugin.slot('scale'))
    expect(exports.scaled(5)).toBe(10)
    expect(plugin.slot('library::unused').original(5)).toBe(4)
  })
})

describe('names', () => {
  const make = async (...names: string[]) =>
    new Instance(new Module(await declaring(...names.map((name, i) => ({ name, call: `call_${i}`, step: i })))))

  test('in full, or any end after :: that fits one slot', async () => {
    const instance = await make('shop::pricing::discount', 'shop::tax', 'shop::pricing::tax', 'tax')
    for (const name of ['shop::pricing::discount', 'pricing::discount', 'discount']) {
      expect(instance.slot(name)).toBe(instance.slots['shop::pricing::discount'])
    }
    expect(instance.slot('tax')).toBe(instance.slots['tax'])
    expect(instance.slot('pricing::tax')).toBe(instance.slots['shop::pricing::tax'])
    expect(() => instance.slot('count')).toThrow(LinkError)
    expect(() => instance.slot('')).toThrow(LinkError)
  })

  test('one that fits many', async () => {
    const instance = await make('a::pricing::discount', 'b::pricing::discount', 'b::other')
    const error = thrownBy(() => instance.slot('discount'))
    expect(error).toBeInstanceOf(LinkError)
    expect(error).toMatchObject({
      code: 'ERR_RELINK_AMBIGUOUS_SLOT',
      slot: 'discount',
      candidates: ['a::pricing::discount', 'b::pricing::discount'],
    })
    expect(error.message).toBe(
      '"discount" may mean "a::pricing::discount", "b::pricing::discount": use one of these names',
    )
  })

  test('one that is unknown, with the nearest first', async () => {
    const instance = await make('shop::tax', 'shop::pricing::discount', 'shop::shipping')
    const error = thrownBy(() => instance.slot('discuont'))
    expect(error).toBeInstanceOf(LinkError)
    expect(error).toMatchObject({
      code: 'ERR_RELINK_UNKNOWN_SLOT',
      slot: 'discuont',
      candidates: expect.arrayContaining(['shop::pricing::discount']),
    })
    expect(error.candidates[0]).toBe('shop::pricing::discount')
    expect(error.message).toMatch(/^no slot is called "discuont"; nearest: "shop::pricing::discount"/)
    expect(instance.slots['discuont']).toBeUndefined()
  })

  test('one that is similar to no other: lists at most ten of all', async () => {
    const some = await make('shop::tax', 'shop::pricing::discount')
    const far = thrownBy(() => some.slot('zzzzzzzz'))
    expect(far.candidates).toEqual(['shop::tax', 'shop::pricing::discount', 'call_0', 'call_1'])
    expect(far.message).toBe(
      'no slot is called "zzzzzzzz"; none has a similar name, and an inlined function has no slot ' +
        '(docs/what-can-be-relinked.md); there is "shop::tax", ' +
        '"shop::pricing::discount", "call_0", "call_1"',
    )
    const near = thrownBy(() => some.slot('taxes'))
    expect(near.candidates).toEqual(['shop::tax'])
    const names = Array.from({ length: 12 }, (_, index) => `shop::slot_${index}`)
    const many = await make(...names)
    const lost = thrownBy(() => many.slot('discount'))
    expect(lost.candidates).toEqual(names.slice(0, 10))
    expect(lost.message).toMatch(
      /; none has a similar name, .*; the first 10 of 24 are "shop::slot_0", .*"shop::slot_9"$/,
    )
  })

  test('in a module without slots', async () => {
    const instance = await make()
    const error = thrownBy(() => instance.slot('discount'))
    expect(error).toMatchObject({ code: 'ERR_RELINK_UNKNOWN_SLOT', candidates: [] })
    expect(error.message).toMatch(/the module has no slots, or was compiled with slots: 'none'/)
  })

  test.each([undefined, null, true, {}, Symbol('s')])('a name that is no text: %p', async (name) => {
    const instance = await make('shop::tax')
    expect(thrownBy(() => instance.slot(name as never))).toMatchObject({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
    })
  })
})
