// Names: the option `slots`, which selects functions by name, and the names by which an instance finds a slot.
import { Instance, LinkError, Module, type SlotDescriptor, inspect, link } from '../..'
import { instanceOf, thrownBy, wat } from '../support'

describe('the option slots', () => {
  const TEXT = `(module
    (import "env" "price" (func $env::price (param i32) (result i32)))
    (func $guest::pricing::discount (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func $guest::pricing::tax (param i32) (result i32) (call $guest::pricing::discount (local.get 0)))
    (func $guest::shipping::cost (param i32) (result i32) (call $guest::pricing::tax (local.get 0)))
    (func $total (export "total") (param i32) (result i32) (call $guest::shipping::cost (local.get 0))))`
  const named = async (slots?: unknown) =>
    Module.slots(new Module(await wat(TEXT), { slots: slots as never })).map(({ name }: SlotDescriptor) => name)

  test.each<[unknown, string[]]>([
    [undefined, ['env.price', 'total']],
    ['none', []],
    ['all', ['env.price', 'guest::pricing::discount', 'guest::pricing::tax', 'guest::shipping::cost', 'total']],
    [[], ['env.price', 'total']],
    [['tax'], ['env.price', 'guest::pricing::tax', 'total']],
    [['guest::pricing::*'], ['env.price', 'guest::pricing::discount', 'guest::pricing::tax', 'total']],
    [['*::?ost'], ['env.price', 'guest::shipping::cost', 'total']],
    [[/^guest::\w+::(tax|cost)$/g], ['env.price', 'guest::pricing::tax', 'guest::shipping::cost', 'total']],
    [
      ['func[1]', 'total'],
      ['env.price', 'guest::pricing::discount', 'total'],
    ],
    [['ax'], ['env.price', 'total', 'ax']],
    [['guest.pricing*'], ['env.price', 'total', 'guest.pricing*']],
    [['price'], ['env.price', 'total']],
    [['*tax?'], ['env.price', 'total', '*tax?']],
    [['?uest::*::*a?'], ['env.price', 'guest::pricing::tax', 'total']],
    [['**::*t*ing::c*'], ['env.price', 'total', '**::*t*ing::c*']],
    [['*::shi**g::*s?'], ['env.price', 'guest::shipping::cost', 'total']],
  ])('%p', async (slots, names) => {
    expect(await named(slots)).toEqual(names)
  })

  test.each<[unknown, string]>([
    ['guest::*', 'ERR_INVALID_ARG_VALUE'],
    ['', 'ERR_INVALID_ARG_VALUE'],
    [5, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [{ all: true }, 'ERR_INVALID_ARG_TYPE'],
    [[5], 'ERR_INVALID_ARG_TYPE'],
    [[''], 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %p', async (slots, code) => {
    const bytes = await wat(TEXT)
    const error = thrownBy(() => new Module(bytes, { slots: slots as never }))
    expect(error).toMatchObject({ name: 'TypeError', code, message: expect.stringContaining('options.slots') })
  })

  test('a function that is not a slot is told from a name without a function', async () => {
    const instance = new Instance(new Module(await wat(TEXT), { slots: ['tax', 'guest::inlined'] }), {
      env: { price: () => 0 },
    })
    const unselected = thrownBy(() => instance.slot('discount'))
    expect(unselected).toBeInstanceOf(LinkError)
    expect(unselected).toMatchObject({ code: 'ERR_RELINK_UNKNOWN_SLOT', reason: 'not-selected' })
    expect(unselected.message).toMatch(/^"guest::pricing::discount" is not a slot: .*`slots`/)
    const lost = thrownBy(() => instance.slot('inlined'))
    expect(lost).toMatchObject({ code: 'ERR_RELINK_UNKNOWN_SLOT', reason: 'not-found' })
    expect(thrownBy(() => instance.slot('tacs'))).toMatchObject({ candidates: ['guest::pricing::tax'] })
  })

  test('calls inside go through a selected slot', async () => {
    const make = async (slots: 'all' | string[]) =>
      new Instance(new Module(await wat(TEXT), { slots }), { env: { price: () => 0 } })
    for (const slots of ['all', ['discount']] as const) {
      const { exports, slot } = await make(slots as 'all').then((it) => ({
        exports: it.exports,
        slot: it.slot('discount'),
      }))
      expect(exports.total(0)).toBe(1)
      link((x: number) => x + 50, slot)
      expect(exports.total(0)).toBe(50)
    }
  })
})

describe('the name of a slot', () => {
  const slotted = (text: string) => instanceOf(text, { env: { price: () => 0 } }, { slots: 'all' })
  const unknown = { name: 'LinkError', code: 'ERR_RELINK_UNKNOWN_SLOT' }

  test.each<[name: string, means: string[], not: string[]]>([
    [
      'a::outer::<i32>::inner::<u8>',
      ['inner', 'inner::<u8>', 'outer::<i32>::inner', 'a::outer::<i32>::inner'],
      ['outer', 'a::outer', 'inner::<'],
    ],
    ['a::f::<fn(i32) -> i32>', ['f', 'f::<fn(i32) -> i32>'], ['f::<fn(i32) -']],
    ["a::f::<<b::C as d::E<u8>>::F, '>'>", ['f', "F, '>'>"], ['f::<<b', "f::<<b::C as d::E<u8>>::F, '"]],
    ['<a::B<u8> as c::D>::e', ['e', 'D>::e'], ['<a::B', 'B<u8>']],
    ['<a::B as c::D<u8>>', ['D<u8>>'], ['<a', '<a::B as c']],
    ['a::f::<u8>::{closure#0}', ['{closure#0}', '<u8>::{closure#0}'], ['f', '{closure', 'f::{closure#0}']],
  ])('%s may be called by its end, and without its own types', async (name, means, not) => {
    const a = await slotted(`(module (func (export "${name}")) (func (export "another")))`)
    for (const wanted of [name, ...means]) expect(a.slot(wanted)).toBe(a.slots[name])
    for (const wanted of not) expect(thrownBy(() => a.slot(wanted))).toMatchObject({ ...unknown, slot: wanted })
  })

  test('is cut at a dot only if it is that of an import', async () => {
    const text = '(module (import "env" "price" (func)) (func $a::w.1234) (func (export "b.c")))'
    const a = await slotted(text)
    expect(a.slot('price')).toBe(a.slots['env.price'])
    for (const wanted of ['1234', 'c']) expect(thrownBy(() => a.slot(wanted))).toMatchObject(unknown)
    const asked = Module.slots(new Module(await wat(text), { slots: ['price', '1234', 'c'] }))
    expect(asked.filter(({ whyNot }) => whyNot).map(({ name }) => name)).toEqual(['1234', 'c'])
  })

  test('is without the number that LLVM gives to a private function that it shares', async () => {
    const a = await slotted('(module (func $a::v.llvm.1234))')
    expect(Object.keys(a.slots)).toEqual(['a::v'])
    expect(a.slot('v')).toBe(a.slots['a::v'])
  })

  test('may be an index, but no other number', async () => {
    const a = await slotted('(module (func (export "f")))')
    for (const wanted of [0, -0]) expect(a.slot(wanted)).toBe(a.slots.f)
    for (const wanted of [NaN, 0.5, 1.5, -1, Infinity, -Infinity, 2 ** 32, 1e21]) {
      const error = thrownBy(() => a.slot(wanted))
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
      expect(error.message).toBe(`expected a string or a function index as \`name\`, got ${wanted}`)
    }
    for (const wanted of [1, 2 ** 32 - 1]) {
      expect(thrownBy(() => a.slot(wanted))).toMatchObject({ ...unknown, slot: `func[${wanted}]` })
    }
  })
})

// Without a clock: quadratic work would take minutes at these sizes.
describe('very long and very many names', () => {
  const COUNT = 20_000
  const kinds = Array.from({ length: COUNT }, (_, index) => `kind_${index}::new`)
  const exporting = (names: string[]) => wat(`(module ${names.map((name) => `(func (export "${name}"))`).join('\n')})`)
  const started = async (names: string[]) =>
    new Instance(new Module(await exporting(names), { compiler: 'singlepass' }))

  test('many lookups in many slots', async () => {
    const a = await started(kinds.map((name) => `guest::${name}`))
    for (const name of kinds) expect(a.slot(name).name).toBe(`guest::${name}`)
  })

  test('many names for the option', async () => {
    const bytes = await wat(`(module ${kinds.map((name) => `(func $guest::${name})`).join('\n')})`)
    const { slots } = inspect(bytes, { slots: kinds })
    expect(slots).toHaveLength(COUNT)
    expect(slots.filter(({ whyNot }) => whyNot)).toEqual([])
  })

  test('names of many segments, brackets and signs', async () => {
    // A name may have 100 000 bytes.
    const long = ['a::', '::<', '::<>', '#1'].map((part) => part.repeat(Math.floor(99_000 / part.length)))
    const ends = long.flatMap((text) => [`${text}>`, `${text}f`])
    const a = await started(ends.map((end) => `x::${end}`))
    for (let time = 0; time < 20; time++) {
      for (const end of ends) {
        expect(a.slot(end).name).toBe(`x::${end}`)
        expect(thrownBy(() => a.slot(`${end}f`))).toMatchObject({ code: 'ERR_RELINK_UNKNOWN_SLOT' })
      }
    }
  })

  test('globs of many stars', async () => {
    const name = 'a'.repeat(8000)
    const bytes = await exporting([name])
    const globs = ['*a*a*b', '*a*a*?', '*a*a*a*a*a*a*b', `${'*a'.repeat(50)}?b`]
    expect(Module.slots(new Module(bytes, { slots: globs })).map((slot) => slot.name)).toEqual([
      name,
      ...globs.filter((glob) => glob.endsWith('b')),
    ])
  })

  test('many misspelt names among many long ones', async () => {
    const letters = 'abcdefgh_'.repeat(20)
    const names = Array.from({ length: 5000 }, (_, index) => `${letters}${index}`)
    const a = await started(names)
    for (let index = 0; index < 50; index++) {
      const { candidates } = thrownBy(() => a.slot(`${letters}x${index}`))
      expect(candidates[0]).toBe(names[index])
      // A name with its letters in another order.
      const { code } = thrownBy(() => a.slot([...letters, index].toReversed().join('')))
      expect(code).toBe('ERR_RELINK_UNKNOWN_SLOT')
    }
  })

  test('a message lists the first of many', async () => {
    const names = Array.from({ length: COUNT }, (_, index) => `m${index}::same`)
    const first = names.slice(0, 10).map((name) => `"${name}"`)
    const a = await started(names)
    const error = thrownBy(() => a.slot('same'))
    expect(error).toMatchObject({ code: 'ERR_RELINK_AMBIGUOUS_SLOT', candidates: names })
    expect(error.message).toBe(`"same" may mean ${first.join(', ')} and ${COUNT - 10} more: use one of these names`)
    const none = new Instance(new Module(await exporting(names), { compiler: 'singlepass', slots: 'none' }))
    expect(thrownBy(() => none.slot('same')).message).toContain(
      `${first.join(', ')} and ${COUNT - 10} more are not slots: it was not selected`,
    )
  })

  test('a function of many names', async () => {
    const exports = kinds.map((name) => `(export "${name}")`).join(' ')
    const a = await instanceOf(`(module (func ${exports}))`)
    const error = thrownBy(() => link(() => {}, a.slot(0)))
    expect(error).toMatchObject({ code: 'ERR_RELINK_MERGED', candidates: kinds })
    expect(error.message).toContain(`"${kinds[9]}" and ${COUNT - 10} more: the compiler merged them`)
  })
})
