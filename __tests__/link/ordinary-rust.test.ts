// A release build that was not made for relinking, with both symbol manglings and without names: every way to a function goes
// through its slot.
import loadWabt from 'wabt'
import {
  type Imports,
  Instance,
  LinkError,
  Module,
  type Slot,
  type SlotSelection,
  inspect,
  link,
  relink,
  rewrite,
} from '../..'
import { compilers, guest, thrownBy } from '../support'

/** The default mangling, and v0, which distinguishes the instances of a generic function. */
const named = ['ordinary', 'ordinary.v0'] as const
const stripped = 'ordinary.stripped'

const everywhere = compilers.flatMap((compiler) => named.map((name) => ({ name, compiler })))

type CompilerName = (typeof compilers)[number]

const price = (article: number) => BigInt(article) * 100n

function start(name: string, compiler: CompilerName, slots?: SlotSelection, imports: Imports = { env: { price } }) {
  return new Instance(new Module(guest(name), { compiler, slots }), imports)
}

const update = (compiler: CompilerName) => new Instance(new Module(guest('ordinary_v2'), { compiler })).exports

/** The calls in the code of a function, in text format. */
async function calls(bytes: Uint8Array, functionIndex: number): Promise<string[]> {
  const parsed = (await loadWabt()).readWasm(bytes, { readDebugNames: false })
  try {
    const functions = parsed.toText({ foldExprs: false, inlineExport: false }).split(/^ {2}\(func /m)
    const code = functions.find((text) => text.startsWith(`(;${functionIndex};)`))!
    return code.match(/\bcall(_indirect| \d+)/g) ?? []
  } finally {
    parsed.destroy()
  }
}

describe.each(everywhere)('the ways to a function ($name, $compiler)', ({ name, compiler }) => {
  const v2 = update(compiler)

  test('direct calls of a function that is not exported', () => {
    const a = start(name, compiler, ['ordinary::pricing::discount'])
    const b = start(name, compiler, ['ordinary::pricing::discount'])
    const prices = ({ exports }: Instance) => [exports.total(1000n, 10), exports.savings(1000n, 10)]
    const slot = a.slots['ordinary::pricing::discount']!
    expect(prices(a)).toEqual([1071n, 100n])
    const change = link(v2.discount, slot)
    expect(prices(a)).toEqual([595n, 500n])
    expect(prices(b)).toEqual([1071n, 100n])
    change.undo()
    expect(prices(a)).toEqual([1071n, 100n])
    link(v2.discount, slot)
    slot.reset()
    expect(prices(a)).toEqual([1071n, 100n])
  })

  /** The results of `scale` through every way to call it, then the results of unrelated functions. */
  const scaled = ({ exports }: Instance) => ({
    ways: [
      exports.scale_directly(7),
      exports.scale_by_pointer(7),
      exports.scale_by_trait(7),
      exports.scale_by_list(0, 7),
      exports.scale_by_list(3, 7),
      exports.scale_by_index(exports.scale_index(), 7),
      exports.area(1, 7) - 1,
    ],
    others: [exports.scale_by_list(1, 7), exports.scale_by_list(2, 7), exports.area(0, 7)],
  })
  const others = [14, -7, 49]

  test('function pointers, vtables and lists of pointers', () => {
    const a = start(name, compiler)
    const slot = a.slot('ordinary::ways::scale')
    expect(scaled(a)).toEqual({ ways: Array(7).fill(21), others })
    const change = link(v2.scale, slot)
    expect(scaled(a)).toEqual({ ways: Array(7).fill(700), others })
    change.undo()
    expect(scaled(a)).toEqual({ ways: Array(7).fill(21), others })
    link((x: number) => x + 1, slot)
    expect(scaled(a)).toEqual({ ways: Array(7).fill(8), others })
    slot.reset()
    expect(scaled(a)).toEqual({ ways: Array(7).fill(21), others })
  })

  test('with every function as a slot, too', () => {
    const a = start(name, compiler, 'all')
    expect(scaled(a)).toEqual({ ways: Array(7).fill(21), others })
    link(v2.scale, a.slots['ordinary::ways::scale']!)
    expect(scaled(a)).toEqual({ ways: Array(7).fill(700), others })
  })

  test('a method in the vtable of one type only', () => {
    const a = start(name, compiler)
    const slot = a.slot('<ordinary::ways::Scaled as ordinary::ways::Shape>::area')
    expect([a.exports.area(1, 7), a.exports.area(0, 7)]).toEqual([22, 49])
    const change = link(v2.area, slot)
    expect([a.exports.area(1, 7), a.exports.area(0, 7)]).toEqual([6, 49])
    change.undo()
    expect([a.exports.area(1, 7), a.exports.area(0, 7)]).toEqual([22, 49])
  })

  test('a closure, which gets its captured values', () => {
    const a = start(name, compiler)
    const all = inspect(guest(name)).slots.filter((slot) => slot.whyNot === undefined)
    const closures = all.filter((slot) => slot.name.startsWith('ordinary::ways::apply_closure::'))
    expect(closures).toHaveLength(1)
    expect(a.exports.apply_closure(5, 7)).toBe(12)
    const step = (closure: number) => new DataView(a.exports.memory.buffer).getInt32(closure, true)
    link((closure: number, x: number) => x * step(closure), a.slot(closures[0]!.name))
    expect(a.exports.apply_closure(5, 7)).toBe(35)
  })

  test('an export, from JavaScript and from an instance that imports it', () => {
    const a = start(name, compiler)
    const { fib } = a.exports
    const b = start(name, compiler, undefined, { env: { price: fib } })
    const seen = () => [fib(10), a.exports.fib(10), b.exports.cost(10, 2n)]
    expect(seen()).toEqual([55n, 55n, 110n])
    const change = link(v2.square, a.slots.fib!)
    expect(seen()).toEqual([100n, 100n, 200n])
    change.undo()
    expect(seen()).toEqual([55n, 55n, 110n])
    link(v2.square, a.slots.fib!)
    a.slots.fib!.reset()
    expect(seen()).toEqual([55n, 55n, 110n])
  })

  test('recursion, also of the original', () => {
    const a = start(name, compiler, ['fibonacci'])
    const slot = a.slot<[number], bigint>('fibonacci')
    let entered = 0
    link((n: number) => {
      entered++
      return slot.original(n)
    }, slot)
    expect(a.exports.fib(10)).toBe(55n)
    // It would be 177 if the compiler had not turned one of the two calls into a loop.
    expect(entered).toBeGreaterThan(10)
    const before = entered
    slot.reset()
    expect([a.exports.fib(10), entered]).toEqual([55n, before])
  })

  test('every type of number', () => {
    const a = start(name, compiler, ['mix'])
    expect(a.exports.blend(1, 2, 3n)).toBe(4.5)
    const change = link(v2.mix, a.slot('mix'))
    expect(a.exports.blend(1, 2, 3n)).toBe(1208)
    change.undo()
    link((x: number, y: number, t: number, steps: bigint) => x - y + t * Number(steps), a.slot('mix'))
    expect(a.exports.blend(0.1, 2, 4n)).toBe(Math.fround(0.1))
  })

  test('an import, changed from one provider to another', () => {
    const a = start(name, compiler)
    const b = start(name, compiler)
    const slot = a.slots['env.price']!
    expect(a.exports.cost(7, 2n)).toBe(1400n)
    const first = link(b.exports.fib, slot)
    expect(a.exports.cost(7, 2n)).toBe(26n)
    const second = link((article: number) => BigInt(article) + 1n, slot)
    expect(a.exports.cost(7, 2n)).toBe(16n)
    expect([slot.original(7), b.exports.cost(7, 2n)]).toEqual([700n, 1400n])
    second.undo()
    expect(a.exports.cost(7, 2n)).toBe(26n)
    first.undo()
    expect(a.exports.cost(7, 2n)).toBe(1400n)
  })
})

describe.each(everywhere)('originals and cycles ($name, $compiler)', ({ name, compiler }) => {
  const v2 = update(compiler)

  test('an original stays the same, and may be linked into another slot', () => {
    const a = start(name, compiler)
    const [scale, double] = [a.slot('ways::scale'), a.slot('double')]
    const seen = () => [a.exports.scale_directly(7), a.exports.scale_by_list(1, 7)]
    link(v2.scale, scale)
    expect(scale.original(7)).toBe(21)
    expect(scale.current).toBe(v2.scale)
    link(scale.original, double)
    expect(seen()).toEqual([700, 21])
    scale.reset()
    expect(seen()).toEqual([21, 21])
    double.reset()
    expect(seen()).toEqual([21, 14])
    const swap = relink([
      [double.original, scale],
      [scale.original, double],
    ])
    expect(seen()).toEqual([14, 21])
    swap.undo()
    expect(seen()).toEqual([21, 14])
  })

  test('an original may be linked into a slot of another instance', () => {
    const [a, b] = [start(name, compiler, ['discount']), start(name, compiler, ['discount'])]
    link(v2.discount, a.slot('discount'))
    link(() => 1n, b.slot('discount'))
    link(a.slot('discount').original, b.slot('discount'))
    expect([a, b].map(({ exports }) => exports.savings(1000n, 10))).toEqual([500n, 100n])
  })

  test('a slot refuses its own export, and one that leads back to it', () => {
    const [a, b] = [start(name, compiler), start(name, compiler)]
    const own = thrownBy(() => link(a.exports.fib, a.slots.fib!))
    expect(own).toBeInstanceOf(LinkError)
    expect(own).toMatchObject({ code: 'ERR_RELINK_CYCLE', slot: 'fib' })
    link(a.exports.fib, b.slots.fib!)
    expect(thrownBy(() => link(b.exports.fib, a.slots.fib!))).toMatchObject({ code: 'ERR_RELINK_CYCLE', slot: 'fib' })
    expect([a.exports.fib(10), b.exports.fib(10), a.slots.fib!.linked]).toEqual([55n, 55n, false])
    // Another function of the same type that calls it is not a cycle.
    link(a.exports.fib, start(name, compiler, ['fibonacci']).slot('fibonacci'))
  })

  test('an unfit function is refused, and nothing changes', () => {
    const a = start(name, compiler, ['discount', 'tax'])
    const error = thrownBy(() =>
      relink([
        [v2.discount, a.slot('discount')],
        [v2.discount, a.slot('pricing::tax')],
      ]),
    )
    expect(error).toMatchObject({
      code: 'ERR_RELINK_REFUSED',
      refusals: [{ index: 1, code: 'ERR_RELINK_SIGNATURE', slot: 'ordinary::pricing::tax', expected: '(i64) -> i64' }],
    })
    expect(a.exports.total(1000n, 10)).toBe(1071n)
  })
})

test('the implementation may come from the other compiler', () => {
  const selection = ['mix', 'discount']
  const [ours, theirs] = compilers
  for (const [compiler, other] of [[ours, theirs] as const, [theirs, ours] as const]) {
    const a = start('ordinary', compiler, selection)
    const v2 = update(other)
    relink([
      [v2.mix, a.slot('mix')],
      [v2.discount, a.slot('discount')],
      [v2.scale, a.slot('ways::scale')],
    ])
    expect(a.exports.blend(1, 2, 3n)).toBe(1208)
    expect(a.exports.savings(1000n, 10)).toBe(500n)
    expect([a.exports.scale_directly(7), a.exports.scale_by_trait(7)]).toEqual([700, 700])
  }
})

describe.each(named)('names (%s)', (name) => {
  const instance = (slots?: SlotSelection) => start(name, 'singlepass', slots)
  const byDefault = Object.keys(instance().slots)
  /** The slots that a selection adds. */
  const added = (slots: SlotSelection) => Object.keys(instance(slots).slots).filter((each) => !byDefault.includes(each))
  const legacy = Buffer.from(guest(name)).includes('_ZN8ordinary')
  const largest = legacy
    ? [1, 2, 3].map((number) => `ordinary::generic::largest#${number}`)
    : ['f64', 'i32', 'u32'].map((type) => `ordinary::generic::largest::<${type}>`)

  test('are those of exports, imports and address-taken functions; these are listed where they are selected', () => {
    expect(byDefault).toEqual(expect.arrayContaining(['total', 'fib', 'env.price']))
    const { imports, exports } = inspect(guest(name))
    const functions = [...imports, ...exports].filter(({ kind }) => kind === 'function')
    expect(byDefault).toHaveLength(functions.length - 1) // `notes` and `days` are one function
    for (const [slots, isListed] of [
      [undefined, false],
      [['scale'], true],
      ['all', true],
    ] as const) {
      const a = instance(slots as SlotSelection | undefined)
      expect([Object.keys(a.slots).includes('ordinary::ways::scale'), a.slot('scale').name]).toEqual([
        isListed,
        'ordinary::ways::scale',
      ])
    }
    const module = new Module(guest(name), { compiler: 'singlepass' })
    const named = (all: boolean) => Module.slots(module, { all }).map((slot) => slot.name)
    expect(named(false)).toEqual(byDefault)
    expect(named(true)).toEqual(expect.arrayContaining([...byDefault, 'ordinary::ways::scale']))
    expect(thrownBy(() => instance().slot('ordinary::pricing::discount'))).toMatchObject({ reason: 'not-selected' })
    for (const slot of Object.keys(instance('all').slots)) {
      expect(slot).not.toMatch(/_ZN|_R[A-Z]|h[0-9a-f]{16}|17h|\[[0-9a-f]{8,}\]/)
    }
  })

  test.each<[string, SlotSelection, string[]]>([
    ['a glob over paths', ['ordinary::pricing::*'], ['ordinary::pricing::tax', 'ordinary::pricing::discount']],
    ['a glob that begins anywhere', ['*::disc*'], ['ordinary::pricing::discount']],
    ['one character', ['ordinary::floats::m?x'], ['ordinary::floats::mix']],
    ['no more than one character', ['ordinary::floats::m?'], []],
    ['a path', ['ordinary::floats::mix'], ['ordinary::floats::mix']],
    ['the end of a path', ['floats::mix'], ['ordinary::floats::mix']],
    ['not half a segment', ['ix', 'loats::mix'], []],
    ['the end of several paths', ['tax', 'mix'], ['ordinary::floats::mix', 'ordinary::pricing::tax']],
    ['a RegExp', [/::(discount|mix)$/], ['ordinary::floats::mix', 'ordinary::pricing::discount']],
    [
      'a RegExp with a memory',
      [/^ordinary::(pricing|floats)::(discount|mix)$/g],
      ['ordinary::floats::mix', 'ordinary::pricing::discount'],
    ],
    ['what is a slot anyway', ['total', 'env.*', /ways::scale$/], ['ordinary::ways::scale']],
    ['every instance of a generic function', ['largest'], largest],
  ])('%s', (_, selection, expected) => {
    expect(added(selection).toSorted()).toEqual(expected.toSorted())
  })

  test('all and none', () => {
    const every = inspect(guest(name)).functions
    expect(Object.keys(instance('all').slots)).toHaveLength(every.imported + every.defined - 1) // the identity function
    const none = instance('none')
    expect(Object.keys(none.slots)).toEqual([])
    expect(none.exports.total(1000n, 10)).toBe(1071n)
    expect(none.exports.scale_by_index(none.exports.scale_index(), 7)).toBe(21)
    expect(thrownBy(() => none.slot('fib'))).toMatchObject({ code: 'ERR_RELINK_UNKNOWN_SLOT', slot: 'fib' })
  })

  test('the end of a path, an index and other names mean the same slot', () => {
    const a = instance(['discount'])
    const slot = a.slots['ordinary::pricing::discount']!
    const { functionIndex } = Module.slots(new Module(guest(name), { slots: ['discount'] })).find(
      (each) => each.name === slot.name,
    )!
    for (const other of ['discount', 'pricing::discount', slot.name, `func[${functionIndex}]`, functionIndex!]) {
      expect(a.slot(other)).toBe(slot)
    }
    for (const other of ['env.price', 'price', 'ordinary::host::price', 'host::price', 'func[0]', 0]) {
      expect(a.slot(other)).toBe(a.slots['env.price'])
    }
  })

  test('of an export takes precedence over the end of a path', () => {
    const v2 = update('singlepass')
    const a = instance(['tax'])
    const prices = () => [a.exports.tax(1000n), a.exports.total(1000n, 1)]
    expect(prices()).toEqual([190n, 1190n])
    const change = link(v2.tax, a.slot('tax'))
    expect(prices()).toEqual([70n, 1190n])
    change.undo()
    link(v2.tax, a.slot('pricing::tax'))
    expect(prices()).toEqual([70n, 1070n])
  })

  test('that fit several slots list them', () => {
    const a = instance(['largest'])
    const shapes = ['Scaled', 'Square'].map((type) => `<ordinary::ways::${type} as ordinary::ways::Shape>::area`)
    for (const [wanted, candidates] of [
      ['Shape>::area', shapes],
      ['largest', largest],
      ['generic::largest', largest],
      ['ordinary::generic::largest', largest],
    ] as const) {
      const error = thrownBy(() => a.slot(wanted))
      expect(error).toBeInstanceOf(LinkError)
      expect(error).toMatchObject({ code: 'ERR_RELINK_AMBIGUOUS_SLOT', slot: wanted })
      expect(error.candidates.toSorted()).toEqual(candidates.toSorted())
      for (const candidate of candidates) expect(error.message).toContain(`"${candidate}"`)
    }
  })

  test('that fit none list the nearest', () => {
    const a = instance(['ordinary::*'])
    const misspelt = { discont: 'ordinary::pricing::discount', 'ways::scael': 'ordinary::ways::scale', totl: 'total' }
    for (const [wanted, nearest] of Object.entries(misspelt)) {
      const error = thrownBy(() => a.slot(wanted))
      expect(error).toMatchObject({ code: 'ERR_RELINK_UNKNOWN_SLOT', slot: wanted })
      expect(error.candidates[0]).toBe(nearest)
      expect(error.message).toContain(`"${nearest}"`)
    }
  })

  test('tell the instances of a generic function apart', () => {
    const v2 = update('singlepass')
    const a = instance(['largest'])
    const seen = () => [a.exports.largest_u32(1, 2), a.exports.largest_i32(1, 2), a.exports.largest_f64(1, 2)]
    const slots = Object.values(a.slots).filter((slot) => largest.includes(slot.name))
    expect(slots).toHaveLength(3)
    const floats = slots.filter(({ type }) => type.results[0] === 'f64')
    expect(floats).toHaveLength(1)
    link(v2.smallest_f64, floats[0]!)
    expect(seen()).toEqual([2, 2, 1])
    floats[0]!.reset()
    const changed = slots
      .filter((slot) => slot !== floats[0])
      .map((slot) => {
        using _ = link(v2.smallest_u32, slot as Slot<[number, number], number>)
        return seen().join()
      })
    expect(changed.toSorted()).toEqual(['1,2,2', '2,1,2'])
  })
})

test('the v0 mangling has the types of a generic function', () => {
  const a = start('ordinary.v0', 'singlepass', ['largest::<u32>'])
  expect(Object.keys(a.slots).filter((name) => name.includes('largest::'))).toEqual([
    'ordinary::generic::largest::<u32>',
  ])
  link(update('singlepass').smallest_u32, a.slot('largest'))
  expect([a.exports.largest_u32(1, 2), a.exports.largest_i32(1, 2)]).toEqual([1, 2])
})

describe.each(compilers)('without a name section (%s)', (compiler) => {
  test('there are exports, imports, and functions by their index', () => {
    const a = start(stripped, compiler, 'all')
    const { exports } = inspect(guest(stripped))
    const names = Object.keys(a.slots)
    const nameless = names.filter((name) => /^func\[\d+\]$/.test(name))
    expect(nameless.length).toBeGreaterThan(10)
    const known = exports.filter(({ kind }) => kind === 'function').map(({ name }) => name)
    const rest = names.filter((name) => !nameless.includes(name))
    expect(rest.toSorted()).toEqual(['env.price', ...known.filter((name) => name !== 'notes')].toSorted())
    expect(a.slot('notes')).toBe(a.slots.days)
  })

  test('the address of a function identifies it', () => {
    const module = new Module(guest(stripped), { compiler })
    const a = new Instance(module, { env: { price } })
    const scale = Module.slots(module, { all: true }).find(({ tableIndex }) => tableIndex === a.exports.scale_index())!
    expect(scale.name).toBe(`func[${scale.functionIndex}]`)
    const slot = a.slot(scale.functionIndex!)
    expect(slot).toBe(a.slot(scale.name))
    const change = link(update(compiler).scale, slot)
    const { exports } = a
    expect([exports.scale_directly(7), exports.scale_by_pointer(7), exports.scale_by_trait(7)]).toEqual([700, 700, 700])
    change.undo()
    expect(exports.scale_directly(7)).toBe(21)
  })

  test('an index selects a function', () => {
    // `discount` is the only function of its type that is not exported.
    const all = Module.slots(new Module(guest(stripped), { compiler }), { all: true })
    const found = all.filter(
      ({ type, whyNot }) => type!.parameters.join() === 'i64,i32' && whyNot?.reason === 'not-selected',
    )
    expect(found).toHaveLength(1)
    const { name } = found[0]!
    const a = start(stripped, compiler, [name])
    link(update(compiler).discount, a.slot(name))
    expect(a.exports.savings(1000n, 10)).toBe(500n)
  })
})

test('the identity function of an unoptimized build is recognized, too', async () => {
  const bytes = guest('seed_raw.O0.fixed')
  const [identity, caller] = ['force_call_indirect_for_function_index', 'watch_me'].map(
    (name) => inspect(bytes).slots.find((slot) => slot.name === name)!.functionIndex!,
  )
  expect(await calls(bytes, caller!)).toEqual([`call ${identity}`, 'call_indirect'])
  expect(await calls(rewrite(bytes), caller!)).toEqual(['call_indirect'])
})

describe.each([...named, stripped])('the identity function (%s)', (name) => {
  const bytes = guest(name)
  const { slots } = inspect(bytes)
  const identity = slots.find(({ whyNot }) => whyNot?.reason === 'identity')!
  const caller = slots.find((slot) => slot.name === 'scale_by_index')!

  test('is called by the original module, and not by the rewritten one', async () => {
    expect(await calls(bytes, caller.functionIndex!)).toEqual([`call ${identity.functionIndex}`, 'call_indirect'])
    for (const selection of [undefined, 'all', ['scale_by_index']] as const) {
      const rewritten = rewrite(bytes, { slots: selection })
      expect(await calls(rewritten, caller.functionIndex!)).toEqual(['call_indirect'])
    }
  })

  test('is called if it is selected by name, or without slots', async () => {
    const none = rewrite(bytes, { slots: 'none' })
    expect(await calls(none, caller.functionIndex!)).toEqual([`call ${identity.functionIndex}`, 'call_indirect'])
    const asked = rewrite(bytes, { slots: [identity.name] })
    expect(await calls(asked, caller.functionIndex!)).toEqual(['call_indirect', 'call_indirect'])
  })

  test.each(compilers)('changes no result by its removal (%s)', (compiler) => {
    for (const selection of [undefined, 'all', 'none', [identity.name]] as const) {
      const { exports } = start(name, compiler, selection)
      expect(exports.scale_by_index(exports.scale_index(), 7)).toBe(21)
      expect(exports.scale_by_index(exports.scale_index() + 1, 7)).toBe(14)
    }
  })

  test.each(compilers)('is a slot if it is selected by name (%s)', (compiler) => {
    const a = start(name, compiler, [identity.name])
    link(((index: number) => index + 1) as never, a.slot(identity.functionIndex!))
    expect(a.exports.scale_by_index(a.exports.scale_index(), 7)).toBe(14)
  })
})
