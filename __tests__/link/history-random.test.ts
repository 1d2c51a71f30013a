// Commits that are undone in any order, compared with a model; and what a rollback meets: trials, splits, wraps, closed instances.
import { Instance, Module, type Relink, Store, link, relink, split, wrap } from '../..'
import { thrownBy, wat } from '../support'

const NAMES = ['a', 'b', 'c', 'd']

/** Exports the slots, each of which gives `number` and its position, and `all`, which calls them. */
const text = (number: number) => `(module
  ${NAMES.map((name, index) => `(func $${name} (export "${name}") (result i32) (i32.const ${number + index}))`).join('\n')}
  (func (export "all") (result ${NAMES.map(() => 'i32').join(' ')}) ${NAMES.map((name) => `(call $${name})`).join(' ')}))`

let modules: Module[]
beforeAll(async () => {
  modules = await Promise.all([0, 10, 20, 30].map(async (number) => new Module(await wat(text(number)))))
})

/** A generator of numbers below a limit, from a seed. */
function randomFrom(seed: number) {
  let state = seed
  return (limit: number) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

function setUp() {
  const store = new Store({ historyLimit: 50 })
  const [host, ...others] = modules.map((module) => new Instance(module, {}, { store }))
  return { store, host: host!, others }
}

/** A commit in the model: the result of each slot that it has changed. */
type Made = { change: Relink; results: Map<string, number> }

/** A random commit of random slots. */
function commit(random: (limit: number) => number, { host, others }: ReturnType<typeof setUp>, label: string): Made {
  const changes: [any, any][] = []
  const results = new Map<string, number>()
  for (const [index, name] of NAMES.entries()) {
    if (random(2) === 0 && !(index === NAMES.length - 1 && changes.length === 0)) continue
    const other = random(others.length + 1)
    const value = other === others.length ? 100 + random(1000) : 10 * (other + 1) + index
    // A function of JavaScript, an export, or an original.
    const fn =
      other === others.length
        ? () => value
        : random(2)
          ? others[other]!.exports[name]
          : others[other]!.slot(name).original
    changes.push([fn, host.slot(name)])
    results.set(name, value)
  }
  return { change: relink(changes, random(3) === 0 ? {} : { label }), results }
}

test('five commits, undone in any order: the state of the model, or refused and nothing changed', () => {
  let [undone, refused] = [0, 0]
  for (let seed = 1; seed <= 150; seed++) {
    const random = randomFrom(seed)
    const world = setUp()
    const made: Made[] = []
    for (let count = 0; count < 5; count++) made.push(commit(random, world, `commit ${count}`))
    const active = new Set(made)
    /** The commits that have a slot, the newest last. */
    const of = (name: string) => made.filter((each) => active.has(each) && each.results.has(name))
    const expected = () => NAMES.map((name, index) => of(name).at(-1)?.results.get(name) ?? index)
    const check = (what: string) => {
      expect([seed, what, world.host.exports.all()]).toEqual([seed, what, expected()])
      const linked = NAMES.filter((name) => of(name).length > 0)
      expect(
        world.store
          .links()
          .map(({ slot }) => slot.name)
          .toSorted(),
      ).toEqual(linked)
    }
    check('made')
    for (let attempt = 0; attempt < 12; attempt++) {
      const each = made[random(made.length)]!
      if (!active.has(each)) continue
      const isNewest = [...each.results.keys()].every((name) => of(name).at(-1) === each)
      let error: any
      try {
        each.change.undo()
      } catch (thrown) {
        error = thrown
      }
      const refusal = error && [error.code, isNewest, each.results.has(error.slot)]
      expect([seed, refusal]).toEqual([seed, error && ['ERR_RELINK_ORDER', false, true]])
      if (error === undefined) active.delete(each)
      if (error === undefined) undone++
      else refused++
      check(error === undefined ? 'undone' : 'refused')
    }
    // A rollback to a random commit, if all up to it are there.
    const target = random(made.length)
    const isThere = made.slice(0, target + 1).every((each) => active.has(each))
    const roll = () => world.store.rollback(made[target]!.change.id)
    expect([seed, isThere ? roll() && undefined : thrownBy(roll).code]).toEqual([
      seed,
      isThere ? undefined : 'ERR_RELINK_UNDONE',
    ])
    if (isThere) for (const each of made.slice(target + 1)) active.delete(each)
    check('rolled back')
    for (const each of made.toReversed()) if (active.delete(each)) each.change.undo()
    check('all undone')
  }
  expect(undone).toBeGreaterThan(300)
  expect(refused).toBeGreaterThan(100)
})

test('a rollback takes back a trial, a split, a wrap and plain links', async () => {
  const { store, host, others } = setUp()
  const [one, two, three] = others as [Instance, Instance, Instance]
  const first = relink({ a: one.exports.a }, host, { label: 'first' })
  const trial = relink({ a: two.exports.a, b: two.exports.b }, host, { trial: { calls: 100, for: '1h' } })
  const canary = split(
    host.slot('c'),
    { old: host.slot('c').current!, next: three.exports.c },
    { weights: { old: 0, next: 1 } },
  )
  wrap(host.slot('d'), (previous) => () => previous() + 1000)
  link(() => 7, host.slot('d'))
  expect(host.exports.all()).toEqual([20, 21, 32, 7])
  canary.end('old')
  expect(host.exports.all()).toEqual([20, 21, 2, 7])
  expect(store.rollback(first.id)).toHaveLength(5)
  expect(host.exports.all()).toEqual([10, 1, 2, 3])
  expect(await trial.settled).toMatchObject({ outcome: 'undone', reason: 'undo' })
  expect(thrownBy(() => canary.end('next'))).toMatchObject({ code: 'ERR_RELINK_ORDER', slot: 'c' })
  store.rollback(0)
  expect([host.exports.all(), store.links()]).toEqual([[0, 1, 2, 3], []])
})

test('a split cannot be ended in favour of a closed instance, and its calls say which is closed', () => {
  const { store, host, others } = setUp()
  const next = others[0]!
  const canary = split(
    host.slot('a'),
    { old: host.slot('a').current!, next: next.exports.a },
    { weights: { old: 1, next: 1 } },
  )
  next.close()
  expect(thrownBy(() => canary.end('next'))).toMatchObject({ code: 'ERR_RELINK_CLOSED', slot: 'a' })
  expect(host.slot('a').linked).toBe(true)
  canary.end('old')
  expect(host.exports.all()).toEqual([0, 1, 2, 3])
  store.rollback(0)
  expect(store.links()).toEqual([])
})

test('links of a recycled instance are undone and rolled back as before', async () => {
  const store = new Store({ historyLimit: 10 })
  const bytes = await wat(`(module (global $g (mut i32) (i32.const 5))
    (func $f (export "f") (result i32) (global.get $g))
    (func (export "call") (result i32) (call $f))
    (func (export "trap") (global.set $g (i32.const 9)) unreachable))`)
  const host = new Instance(new Module(bytes), {}, { store, onTrap: 'recycle' })
  const other = new Instance(modules[1]!, {}, { store })
  const sale = relink({ f: other.exports.a }, host, { label: 'sale' })
  const later = relink({ f: other.exports.b }, host, { trial: { calls: 1000, maxTraps: 5 } })
  expect(thrownBy(() => host.exports.trap())).toMatchObject({ code: 'ERR_RELINK_TRAP' })
  expect(host.exports.call()).toBe(11)
  store.rollback(sale.id)
  expect([host.exports.call(), later.undone]).toEqual([10, true])
  host.exports.call()
  expect(thrownBy(() => host.exports.trap())).toMatchObject({ code: 'ERR_RELINK_TRAP' })
  sale.undo()
  expect([host.exports.call(), store.links()]).toEqual([5, []])
})
