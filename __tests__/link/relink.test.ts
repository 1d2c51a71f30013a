import { Instance, LinkError, Module, Relink, Store, link, relink } from '../..'
import { compilers, declaring, thrownBy } from '../support'

const A = [
  { name: 'a::f', call: 'f', step: 1 },
  { name: 'a::g', call: 'g', step: 2 },
  { name: 'a::wide', call: 'wide', step: 3, type: 'i64' },
] as const
const B = [
  { name: 'b::f', call: 'f', step: 100 },
  { name: 'b::g', call: 'g', step: 200 },
  { name: 'b::wide', call: 'wide', step: 300, type: 'i64' },
] as const

describe.each(compilers)('relink (%s)', (compiler) => {
  const pair = async () => {
    const [a, b] = await Promise.all(
      [A, B].map(async (slots) => new Instance(new Module(await declaring(...slots), { compiler }))),
    )
    const answers = () => [a!.exports.f(0), a!.exports.g(0), a!.exports.wide(0n)]
    return { a: a!, b: b!, answers }
  }

  test('makes all changes, and undoes them', async () => {
    const { a, b, answers } = await pair()
    const all = relink([
      [b.slot('b::f').original, a.slot('a::f')],
      [b.slot('b::g').original, a.slot('a::g')],
      [b.slot('b::wide').original, a.slot('a::wide')],
    ])
    expect(all).toBeInstanceOf(Relink)
    expect(answers()).toEqual([100, 200, 300n])
    expect(all.links.map(({ slot }) => slot.name)).toEqual(['a::f', 'a::g', 'a::wide'])
    expect(Object.isFrozen(all.links)).toBe(true)
    all.undo()
    expect(answers()).toEqual([1, 2, 3n])
    expect(thrownBy(() => all.undo())).toMatchObject({ code: 'ERR_RELINK_UNDONE' })
  })

  test('takes any iterable, also an empty one', async () => {
    const { a, b, answers } = await pair()
    function* changes() {
      yield [b.slot('b::f').original, a.slot('a::f')] as const
      yield [b.slot('b::g').original, a.slot('a::g')] as const
    }
    const all = relink(changes())
    expect(answers()).toEqual([100, 200, 3n])
    expect(all.links[1]?.previous).toBe(a.slot('a::g').original)
    all.undo()
    relink(new Map([[b.slot('b::g').original, a.slot('a::g')]]))
    expect(answers()).toEqual([1, 200, 3n])
    const none = relink([])
    expect(none.links).toEqual([])
    none.undo()
  })

  test('refuses all if one is refused, and names each refused one', async () => {
    const { a, b, answers } = await pair()
    const error = thrownBy(() =>
      relink([
        [b.slot('b::f').original, a.slot('a::f')],
        [b.slot('b::wide').original, a.slot('a::f')],
        [b.slot('b::g').original, a.slot('a::g')],
        [b.slot('b::wide').original, a.slot('a::g')],
        [b.slot('b::f').original, a.slot('a::wide')],
      ]),
    )
    expect(error).toBeInstanceOf(LinkError)
    expect(error.code).toBe('ERR_RELINK_REFUSED')
    expect(error.refusals).toEqual([
      expect.objectContaining({ index: 1, slot: 'a::f', code: 'ERR_RELINK_SIGNATURE', expected: '(i32) -> i32' }),
      expect.objectContaining({ index: 3, slot: 'a::g', code: 'ERR_RELINK_SIGNATURE' }),
      expect.objectContaining({ index: 4, slot: 'a::wide', code: 'ERR_RELINK_SIGNATURE', actual: '(i32) -> i32' }),
    ])
    expect(error.message).toMatch(/^3 of the changes cannot be made, so none was made: \[1\] .*; \[3\] .*; \[4\] /)
    expect(answers()).toEqual([1, 2, 3n])
    expect(a.slot('a::f').linked).toBe(false)
  })

  test('also malformed changes, together with those that the engine refuses', async () => {
    const { a, b, answers } = await pair()
    const elsewhere = new Instance(new Module(await declaring(...B)), {}, { store: new Store() })
    const wrong: unknown[] = [
      [b.slot('b::f').original, a.slot('a::f')],
      [5, a.slot('a::g')],
      [b.slot('b::f').original, undefined],
      'a change',
      [b.slot('b::f').original, a.slot('a::wide')],
      [b.slot('b::f').original, elsewhere.slot('b::f')],
      [b.slot('b::f').original],
    ]
    const error = thrownBy(() => relink(wrong as never))
    expect(error.code).toBe('ERR_RELINK_REFUSED')
    const reasons = error.refusals.map(({ index, code }: { index: number; code: string }) => [index, code])
    expect(reasons).toEqual([
      [1, 'ERR_INVALID_ARG_TYPE'],
      [2, 'ERR_INVALID_ARG_TYPE'],
      [3, 'ERR_INVALID_ARG_TYPE'],
      [4, 'ERR_RELINK_SIGNATURE'],
      [5, 'ERR_RELINK_STORE'],
      [6, 'ERR_INVALID_ARG_TYPE'],
    ])
    expect(error.refusals[4]).toMatchObject({ slot: 'b::f', message: expect.stringMatching(/another store/) })
    expect(error.message).toMatch(/\[6\] expected an array .*[^;]$/)
    expect(error.refusals[0].message).toBe('expected a function as `changes[1][0]`, got 5')
    expect(answers()).toEqual([1, 2, 3n])
    expect(a.slot('a::f').linked).toBe(false)
  })

  test('undo is all or nothing', async () => {
    const { a, b, answers } = await pair()
    const all = relink([
      [b.slot('b::f').original, a.slot('a::f')],
      [b.slot('b::g').original, a.slot('a::g')],
    ])
    const later = link(b.slot('b::f').original, a.slot('a::f'))
    expect(thrownBy(() => all.undo())).toMatchObject({ code: 'ERR_RELINK_ORDER', slot: 'a::f' })
    expect(answers()).toEqual([100, 200, 3n])
    later.undo()
    all.undo()
    expect(answers()).toEqual([1, 2, 3n])
  })

  test('is undone altogether, or not at all', async () => {
    const { a, b, answers } = await pair()
    const [f, g] = [b.slot('b::f').original, b.slot('b::g').original]
    const first = link(g, a.slot('a::g'))
    const all = relink([
      [f, a.slot('a::f')],
      [f, a.slot('a::g')],
    ])
    expect(all.links.map(({ previous }) => previous)).toEqual([a.slot('a::f').original, g])
    expect(answers()).toEqual([100, 100, 3n])
    expect(thrownBy(() => first.undo())).toMatchObject({ code: 'ERR_RELINK_ORDER', slot: 'a::g' })
    a.slot('a::g').reset()
    // The first change could be made, the second could not.
    expect(thrownBy(() => all.undo())).toMatchObject({ code: 'ERR_RELINK_UNDONE', slot: 'a::g' })
    expect(answers()).toEqual([100, 2, 3n])
    expect(thrownBy(() => first.undo())).toMatchObject({ code: 'ERR_RELINK_UNDONE', slot: 'a::g' })
    all[Symbol.dispose]()
    expect(answers()).toEqual([1, 2, 3n])
    expect([a.slot('a::f').linked, a.slot('a::g').linked]).toEqual([false, false])
  })

  test('using undoes the links that are still active', async () => {
    const { a, b, answers } = await pair()
    {
      using all = relink([
        [b.slot('b::f').original, a.slot('a::f')],
        [b.slot('b::g').original, a.slot('a::g')],
      ])
      expect(answers()).toEqual([100, 200, 3n])
      all.links[0]?.undo()
    }
    expect(answers()).toEqual([1, 2, 3n])
  })

  test('a cycle over several changes', async () => {
    const { a, b, answers } = await pair()
    const error = thrownBy(() =>
      relink([
        [b.exports['slot:f'], a.slot('a::f')],
        [a.exports['slot:f'], b.slot('b::f')],
      ]),
    )
    expect(error.refusals).toEqual([expect.objectContaining({ index: 1, code: 'ERR_RELINK_CYCLE' })])
    expect(answers()).toEqual([1, 2, 3n])
  })
})

test('values that are not a list of changes', () => {
  for (const changes of [undefined, null, 5, {}, 'changes']) {
    const error = thrownBy(() => relink(changes as never))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    expect(error.message).toMatch(/^expected an iterable of \[implementation, slot\] as `changes`/)
  }
})

test.each([new Error('mine'), Object.assign(new Error('mine'), { code: 'ERR_RELINK_STORE' }), null, undefined, 5])(
  'what the user’s code throws while the changes are read comes out as it is: %p',
  (own) => {
    const fail = (): never => {
      throw own
    }
    function* failing(): Generator<never> {
      yield* []
      fail()
    }
    const sources = [
      failing(),
      [Object.defineProperty([() => 1, 2], 0, { get: fail })],
      [Object.defineProperty([() => 1, 2], Symbol.iterator, { value: fail })],
      [new Proxy([1, 2], { get: fail })],
      // The error also comes out unchanged if an earlier change is refused.
      [5, Object.defineProperty([() => 1, 2], 1, { get: fail })],
    ]
    for (const changes of sources) {
      let thrown: unknown = 'nothing was thrown'
      try {
        relink(changes as never)
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBe(own)
    }
  },
)
