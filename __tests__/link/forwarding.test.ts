// Forwarding: a slot that is linked to another slot's export calls that slot's function directly, and follows its links.
import { type Instance, Store, type WasmFunction, link, relink } from '../..'
import { InstanceMaker, collect } from '../support/collecting'
import { compilers, instanceOf, thrownBy } from '../support'

/** A module that exports `f`, which returns a number, and calls it on every way. */
const giving = (number: number) => `(module
  (type $t (func (result i32)))
  (table (export "table") 1 1 funcref) (elem (i32.const 0) $f)
  (func $f (export "f") (type $t) (i32.const ${number}))
  (func (export "direct") (type $t) (call $f))
  (func (export "pointer") (type $t) (call_indirect (type $t) (i32.const 0))))`
type Giving = Record<'f' | 'direct' | 'pointer', () => number>

/** The results of every way to the function of an instance. */
const answers = ({ exports }: Instance<any>) => {
  const { f, direct, pointer } = exports as unknown as Giving
  return [f(), direct(), pointer()]
}
const all = (number: number) => [number, number, number]
const f = (instance: Instance<any>) => (instance.exports as { f: WasmFunction<[], number> }).f

describe.each(compilers)('%s', (compiler) => {
  const make = (number: number, options: object = {}) => instanceOf(giving(number), {}, { compiler, ...options })

  test('follows links, undo and reset, through any number of slots', async () => {
    const [a, b, c, d] = await Promise.all([1, 2, 3, 4].map((number) => make(number)))
    const first = link(f(b!), a!.slot('f'))
    expect([answers(a!), a!.slot('f').current]).toEqual([all(2), f(b!)])
    const second = link(f(c!), b!.slot('f'))
    expect([a!, b!, c!, d!].map(answers)).toEqual([all(3), all(3), all(3), all(4)])
    const third = link(f(d!), c!.slot('f'))
    expect([a!, b!, c!, d!].map(answers)).toEqual([all(4), all(4), all(4), all(4)])
    const fourth = link(() => 5, d!.slot('f'))
    expect([a!, b!, c!, d!].map(answers)).toEqual([all(5), all(5), all(5), all(5)])
    expect([a!.slot('f').current, b!.slot('f').current]).toEqual([f(b!), f(c!)])
    second.undo()
    expect([a!, b!, c!, d!].map(answers)).toEqual([all(2), all(2), all(5), all(5)])
    fourth.undo()
    third.undo()
    expect([a!, b!, c!, d!].map(answers)).toEqual([all(2), all(2), all(3), all(4)])
    expect([first.previous, first.slot.current]).toEqual([a!.slot('f').original, f(b!)])
    b!.slot('f').reset()
    first.undo()
    link(f(c!), b!.slot('f'))
    expect([a!, b!].map(answers)).toEqual([all(1), all(3)])
  })

  test('several follow one, until they are linked elsewhere', async () => {
    const [a, b, c] = await Promise.all([1, 2, 3].map((number) => make(number)))
    const hub = await make(10)
    const dependents = [a!, b!, c!]
    const links = relink(dependents.map((dependent) => [f(hub), dependent.slot('f')]))
    link(() => 11, hub.slot('f'))
    expect(dependents.map(answers)).toEqual([all(11), all(11), all(11)])
    link(() => 20, b!.slot('f'))
    c!.slot('f').reset()
    link(() => 12, hub.slot('f'))
    expect(dependents.map(answers)).toEqual([all(12), all(20), all(3)])
    expect(thrownBy(() => links.undo()).code).toBe('ERR_RELINK_UNDONE')
    hub.slot('f').reset()
    expect(dependents.map(answers)).toEqual([all(10), all(20), all(3)])
  })

  test('many follow one while they are linked to it, in any order', async () => {
    const [hub, other] = [await make(100), await make(200)]
    const dependents = await Promise.all(Array.from({ length: 9 }, (_, number) => make(number)))
    const expected = dependents.map((_, number) => number)
    const follow = (number: number, to: Instance<any>) => link(f(to), dependents[number]!.slot('f'))
    const check = (hubGives: number) => {
      const wanted = expected.map((number) => all(number === 100 ? hubGives : number))
      expect(dependents.map(answers)).toEqual(wanted)
    }
    for (let round = 0; round < 40; round++) {
      // One of nine slots, never the one after the last: it follows the hub or another slot, or is reset.
      const number = (round * 5) % 9
      const turn = (round * 7) % 3
      if (turn === 2) dependents[number]!.slot('f').reset()
      else follow(number, turn === 0 ? hub : other)
      expected[number] = [100, 200, number][turn]!
      link(() => 1000 + round, hub.slot('f'))
      check(1000 + round)
      hub.slot('f').reset()
      check(100)
    }
  })

  test('no cycle arises, and a refused undo changes nothing', async () => {
    const [a, b] = await Promise.all([1, 2].map((number) => make(number)))
    const first = link(f(b!), a!.slot('f'))
    const refused = { code: 'ERR_RELINK_CYCLE', slot: 'f' }
    expect(thrownBy(() => link(f(a!), b!.slot('f')))).toMatchObject(refused)
    const over = link(() => 7, a!.slot('f'))
    const back = link(f(a!), b!.slot('f'))
    expect([a!, b!].map(answers)).toEqual([all(7), all(7)])
    expect(thrownBy(() => over.undo())).toMatchObject(refused)
    expect([a!, b!].map(answers)).toEqual([all(7), all(7)])
    link(() => 8, a!.slot('f')).undo()
    const again = link(() => 9, a!.slot('f'))
    expect([a!, b!].map(answers)).toEqual([all(9), all(9)])
    again.undo()
    back.undo()
    over.undo()
    expect([a!, b!].map(answers)).toEqual([all(2), all(2)])
    first.undo()
    expect([a!, b!].map(answers)).toEqual([all(1), all(2)])
  })

  test.each(compilers)('to code of %s and back', async (other) => {
    const [a, b, c] = [await make(1), await make(2), await make(3, { compiler: other })]
    link(f(b), a.slot('f'))
    const change = link(f(c), b.slot('f'))
    expect([a, b].map(answers)).toEqual([all(3), all(3)])
    link(() => 4, c.slot('f'))
    expect([a, b, c].map(answers)).toEqual([all(4), all(4), all(4)])
    change.undo()
    expect([a, b, c].map(answers)).toEqual([all(2), all(2), all(4)])
  })

  test('an entry that others may write holds the function itself', async () => {
    const [a, b] = await Promise.all([1, 2].map((number) => make(number)))
    link(f(b!), a!.slot('f'))
    const { table } = a!.exports as unknown as { table: { get(index: number): unknown } }
    expect(table.get(0)).toBe(f(b!))
  })
})

test('a slot in between stays alive while calls may go through it again', async () => {
  const maker = await InstanceMaker.of(giving(1), giving(2), giving(3))
  const a = maker.make(giving(1))
  const between = () => {
    const b = maker.make(giving(2))
    link(f(b), a.slot('f'))
    // From here on, no code of `b` runs.
    const change = link(f(maker.make(giving(3))), b.slot('f'))
    return { change, slot: b.slot('f') }
  }
  let held: ReturnType<typeof between> | undefined = between()
  await collect(maker.store)
  expect([answers(a), maker.instances]).toEqual([all(3), 3])
  held.change.undo()
  expect(answers(a)).toEqual(all(2))
  link(() => 4, held.slot)
  held = undefined
  await collect(maker.store)
  expect([answers(a), maker.instances, maker.store.stats().slots]).toEqual([all(4), 2, 2])
  a.slot('f').reset()
  await collect(maker.store)
  expect([answers(a), maker.instances, maker.store.stats()]).toMatchObject([all(1), 1, { links: 0 }])
})

test('closed instances keep running the functions that they forwarded to', async () => {
  const maker = await InstanceMaker.of(giving(1), giving(2), giving(3))
  const [a, b, c] = [giving(1), giving(2), giving(3)].map((text) => maker.make(text))
  const first = link(f(b!), a!.slot('f'))
  link(f(c!), b!.slot('f'))
  b!.close()
  c!.close()
  await collect(maker.store)
  expect([answers(a!), maker.instances]).toEqual([all(3), 3])
  first.undo()
  maker.store.collect()
  expect([answers(a!), maker.instances]).toEqual([all(1), 1])
})

test('a tier-up instance follows too', async () => {
  const store = new Store()
  const make = (number: number, options: object) => instanceOf(giving(number), {}, { store, ...options })
  const a = await instanceOf(
    `(module (table 1 1 funcref) (elem (i32.const 0) $f)
      (func $f (export "f") (result i32) (i32.const 1)) (func (export "direct") (result i32) (call $f)))`,
    {},
    { compiler: 'auto', store },
  )
  const [b, c] = [await make(2, { compiler: 'singlepass' }), await make(3, { compiler: 'cranelift' })]
  const direct = () => (a.exports as unknown as Giving).direct()
  link(f(b), a.slot('f'))
  expect(direct()).toBe(2)
  await a.optimized
  expect([a.compiler, direct()]).toEqual(['cranelift', 2])
  const change = link(f(c), b.slot('f'))
  expect(direct()).toBe(3)
  change.undo()
  expect(direct()).toBe(2)
  a.slot('f').reset()
  expect(direct()).toBe(1)
})
