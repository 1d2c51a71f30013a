// Refusals at a limit: they do not collect each time, since a plugin at its limit would stop the event loop.
import { Instance, Module, Store, Table } from '../..'
import { thrownBy, wat } from '../support'

/** Calls that a limit refuses. */
const REFUSALS = 300

const refuse = (limit: string, call: () => unknown) => {
  const start = performance.now()
  for (let number = 0; number < REFUSALS; number++) expect(thrownBy(call)).toMatchObject({ limit })
  return performance.now() - start
}

test('of externrefs take a small part of the time that so many collections take', async () => {
  const count = 60_000
  const store = new Store({ limits: { externrefs: count } })
  const table = new Table({ element: 'externref', initial: count }, undefined, { store })
  const { exports } = new Instance(
    new Module(await wat('(module (func (export "f") (param externref)))')),
    {},
    { store },
  )
  for (let index = 0; index < count; index++) table.set(index, { index })
  const start = performance.now()
  for (let number = 0; number < REFUSALS; number++) store.collect()
  const collecting = performance.now() - start
  expect(refuse('externrefs', () => table.set(0, {}))).toBeLessThan(collecting / 2)
  expect(refuse('externrefs', () => (exports as Record<string, any>).f({}))).toBeLessThan(collecting / 2)
  // A collection of its own makes room at once.
  for (let index = 0; index < count / 2; index++) table.set(index, null)
  store.collect()
  expect(store.stats().externrefs).toBe(count / 2)
  table.set(0, { again: true })
  expect([table.get(0), table.get(count - 1)]).toEqual([{ again: true }, { index: count - 1 }])
})

test('of objects take less time than so many collections by V8', async () => {
  const module = new Module(await wat('(module (memory (export "memory") 1) (table (export "table") 2 funcref))'))
  const full = () => {
    const store = new Store({ limits: { memorySize: 65_536, tableElements: 2 } })
    return [store, new Instance(module, {}, { store }).exports as Record<string, any>] as const
  }
  // The first refusal makes V8 collect.
  const first = [1, 2, 3, 4, 5].map(() => {
    const [, exports] = full()
    const start = performance.now()
    expect(thrownBy(() => exports.memory.grow(1))).toMatchObject({ limit: 'memorySize' })
    return performance.now() - start
  })
  const collecting = Math.min(...first) * REFUSALS
  const [store, exports] = full()
  expect(refuse('memorySize', () => new Instance(module, {}, { store }))).toBeLessThan(collecting / 2)
  expect(refuse('memorySize', () => exports.memory.grow(1))).toBeLessThan(collecting / 2)
  expect(refuse('tableElements', () => exports.table.grow(1))).toBeLessThan(collecting / 2)
  const create = () => new Table({ element: 'anyfunc', initial: 1 }, null, { store })
  expect(refuse('tableElements', create)).toBeLessThan(collecting / 2)
})

test('values that tables hold stay themselves while sweeps move them', async () => {
  const store = new Store()
  const [first, second] = [1, 2].map(() => new Table({ element: 'externref', initial: 300 }, undefined, { store }))
  const expected = new Map([first!, second!].map((table) => [table, Array<unknown>(300).fill(undefined)]))
  let [seed, wrong] = [7, 0]
  const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below
  for (let step = 0; step < 6000; step++) {
    const [from, to] = [random(2) === 0 ? first! : second!, random(2) === 0 ? first! : second!]
    const [source, target] = [random(300), random(300)]
    // A new value, none, or one of the same or of the other table.
    const kind = random(4)
    const value = kind === 0 ? { step } : kind === 1 ? null : from.get(source)
    to.set(target, value)
    expected.get(to)![target] = value
    if (step % 97 === 0) store.collect()
    if (from.get(source) !== expected.get(from)![source]) wrong++
  }
  expect(wrong).toBe(0)
  for (const [table, values] of expected) values.forEach((value, index) => expect(table.get(index)).toBe(value))
})
