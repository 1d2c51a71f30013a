// Rust plugins that wait for the host behind the slots of other Rust plugins: each has frames in the memories of both.
import { Instance, Module, Store, Suspending, link, promising, relink, split } from '../..'
import { seeded } from '../support/typed-values'
import { compilers, guest, rejectionOf } from '../support'

type Run = (...values: any[]) => Promise<any>

/** The host's value for a key. */
const fetched = (key: number) => (Math.imul(key, 0x85eb_ca6b) ^ (key >>> 13)) | 0

/** The result of `digest`. */
function digest(seed: number, rounds: number): number {
  if (rounds === 0) return seed
  const one = fetched((seed + rounds) | 0)
  const rest = digest(seed ^ one, rounds - 1)
  return ((rest << 5) | (rest >>> 27)) ^ one
}

describe.each(compilers)('%s', (compiler) => {
  /** Two plugins, the slots of the first of which the second implements; calls wait until `settle` is called. */
  function plugins(settle: (waiting: (() => void)[]) => void) {
    const waiting: (() => void)[] = []
    const later = <T>(value: () => T) =>
      new Promise<T>((resolve, reject) => {
        if (waiting.length === 0) setImmediate(() => settle(waiting))
        waiting.push(() => {
          try {
            resolve(value())
          } catch (error) {
            reject(error as Error)
          }
        })
      })
    const translate = (text: string) =>
      later(() => {
        if (text === 'fail') throw Object.assign(new Error('failed'), { payload: 'untranslatable' })
        return text.toUpperCase()
      })
    const env = { fetch: new Suspending((key: number) => later(() => fetched(key))), translate }
    const store = new Store()
    const make = () => new Instance(new Module(guest('waiting'), { compiler }), { env } as never, { store })
    const [first, second] = [make(), make()]
    link(second.exports.fetch_rounds, first.slot('waiting::digest'))
    link(second.exports.describeHere, first.slot('waiting::describe'))
    const run = promising(first.exports.run as never) as unknown as Run
    const describe = promising(first.exports.callDescribe as never) as unknown as Run
    return { first, second, run, describe, waiting }
  }

  test.each([1, 2])('calls that wait in both go on in any order (seed %i)', async (seed) => {
    const random = seeded(seed)
    const below = (count: number) => Math.floor(random() * count)
    const { first, second, run, describe, waiting } = plugins(function settle(waiting) {
      for (let count = 1 + below(waiting.length); count > 0; count--) {
        waiting.splice(below(waiting.length), 1)[0]!()
        if (below(3) === 0) second.exports.scribble(below(1000))
      }
      if (waiting.length > 0) setImmediate(() => settle(waiting))
    })
    const calls = Array.from({ length: 60 }, (_, index) => {
      const at = below(1_000_000)
      const [rounds, texts] = [below(4), Array.from({ length: below(4) }, (_, text) => `text ${at} ${text}`)]
      return index % 3 > 0
        ? { call: run(at, rounds), expected: digest(at, rounds) }
        : { call: describe(texts), expected: texts.map((text) => text.toUpperCase()) }
    })
    const results = await Promise.all(calls.map(({ call }) => call))
    expect(results).toEqual(calls.map(({ expected }) => expected))
    for (const { exports } of [first, second]) exports.scribble(1)
    expect(waiting.length).toBe(0)
  })

  test('an error of the host is the result of the slot, and the plugins go on', async () => {
    const { run, describe } = plugins((waiting) => {
      for (const each of waiting.splice(0).toReversed()) each()
    })
    const calls = [describe(['a']), describe(['fail']), run(5, 0), describe(['b'])]
    await expect(rejectionOf(calls[1]!)).resolves.toMatchObject({ payload: 'untranslatable' })
    await expect(Promise.all([calls[0], calls[2], calls[3]])).resolves.toEqual([['A'], 5, ['B']])
  })
})

describe('a slot that is declared with `suspend`', () => {
  const slotOf = () => {
    const { first, run } = plainPlugin()
    return { slot: first.slot('waiting::digest'), run }
  }
  const plainPlugin = () => {
    const env = { fetch: () => 1, translate: (text: string) => text }
    const first = new Instance(new Module(guest('waiting')), { env } as never)
    return { first, run: promising(first.exports.run as never) as unknown as Run }
  }
  const later = async (seed: number, rounds: number) => seed * 100 + rounds

  test('says so in its descriptor', () => {
    const slots = Module.slots(new Module(guest('waiting')))
    expect(slots.filter(({ suspend }) => suspend).map(({ name }) => name)).toEqual([
      'waiting::describe',
      'waiting::digest',
    ])
  })

  test('takes a function that returns promises, linked alone, with others, and by a split', async () => {
    const { slot, run } = slotOf()
    const change = link(later, slot)
    expect(slot.current).not.toBe(slot.original)
    await expect(run(2, 3)).resolves.toBe(203)
    change.undo()
    const all = relink([[later, slot]])
    await expect(run(2, 4)).resolves.toBe(204)
    all.undo()
    const canary = split(slot, { later, original: slot.original }, { weights: { later: 1, original: 0 } })
    await expect(Promise.all([run(2, 5), run(3, 6)])).resolves.toEqual([205, 306])
    canary.set({ later: 0, original: 1 })
    await expect(run(7, 0)).resolves.toBe(7)
    canary.undo()
    const chosen = split(slot, { later, other: async () => 1 }, { choose: (seed) => (seed > 5 ? 'other' : 'later') })
    await expect(Promise.all([run(2, 5), run(6, 6)])).resolves.toEqual([205, 1])
    chosen.undo()
    await expect(run(7, 0)).resolves.toBe(7)
  })

  test('a function that was linked to another slot of the same type before waits here, too', async () => {
    const { first, run } = plainPlugin()
    link(later as never, first.slot('run')).undo()
    link(later, first.slot('waiting::digest'))
    await expect(run(2, 3)).resolves.toBe(203)
  })

  test('a split waits in plugins that have tiered up', async () => {
    const env = { fetch: new Suspending(async (key: number) => fetched(key)), translate: (text: string) => text }
    const make = () => new Instance(new Module(guest('waiting'), { compiler: 'auto' }), { env } as never)
    const [first, second] = [make(), make()]
    await Promise.all([first.optimized, second.optimized])
    const variants = { x: second.exports.fetch_rounds as never, y: async () => 5 }
    const all = split(first.slot('waiting::digest'), variants, { weights: { x: 1, y: 0 } })
    const run = promising(first.exports.run as never) as unknown as Run
    await expect(run(7, 3)).resolves.toBe(digest(7, 3))
    all.set({ x: 0, y: 1 })
    await expect(run(7, 3)).resolves.toBe(5)
  })

  test('a split by a chooser takes functions of `Suspending`', async () => {
    const { slot, run } = slotOf()
    const variants = { first: new Suspending(later), second: new Suspending(async () => 2) }
    const chosen = split(slot, variants, { choose: (seed) => (seed > 5 ? 'second' : 'first') })
    await expect(Promise.all([run(2, 5), run(6, 6)])).resolves.toEqual([205, 2])
    chosen.end('first')
    await expect(run(6, 6)).resolves.toBe(606)
  })
})
