// The seed's example in both forms: a raw entry of the function table, which the optimizer may bypass, and a declared slot,
// which works at every level.
import { Instance, Module, Table, link } from '../..'
import { compilers, guest } from '../support'

/** The guest's instance, and its function table, whether it is exported or imported. */
function start(name: string, compiler: (typeof compilers)[number], slots?: 'none') {
  const given = new Table({ element: 'anyfunc', initial: 16 })
  const env = { __indirect_function_table: given, host_hook: () => {} }
  const { exports, slots: own } = new Instance(new Module(guest(name), { compiler, slots }), { env })
  const table: Table = exports.__indirect_function_table ?? given
  return { exports, slots: own, table }
}

describe.each(compilers)('an entry of the function table (%s)', (compiler) => {
  test.each(['fixed', 'growable', 'imported'])('works at opt-level 0: %s', (kind) => {
    const a = start('seed_raw.O0.fixed', compiler)
    const b = start(`seed_raw.O0.${kind}`, compiler)
    const slot = b.table.slot(b.exports.replace_me_index())
    expect(b.exports.watch_me()).toBe(10)
    const change = link(a.exports.return_50, slot)
    expect(b.exports.watch_me()).toBe(50)
    expect(a.exports.watch_me()).toBe(10)
    change.undo()
    expect(b.exports.watch_me()).toBe(10)
    // The plain `table.set` of the published trick.
    b.table.set(b.exports.replace_me_index(), a.exports.return_50)
    expect(b.exports.watch_me()).toBe(50)
    expect(b.table.get(b.exports.replace_me_index())).toBe(a.exports.return_50)
  })

  test('serves direct calls as well, at opt-level 3', () => {
    const a = start('seed_raw.O3.fixed', compiler)
    const b = start('seed_raw.O3.fixed', compiler)
    const slot = b.table.slot(b.exports.replace_me_index())
    expect(b.exports.watch_me()).toBe(10)
    const change = link(a.exports.return_50, slot)
    expect(slot.current!()).toBe(50)
    expect(b.exports.watch_me()).toBe(50)
    change.undo()
    expect(b.exports.watch_me()).toBe(10)
  })

  test('is bypassed at opt-level 3 without the load-time pass', () => {
    const a = start('seed_raw.O3.fixed', compiler, 'none')
    const b = start('seed_raw.O3.fixed', compiler, 'none')
    const slot = b.table.slot(b.exports.replace_me_index())
    link(a.exports.return_50, slot)
    expect(slot.current).toBe(a.exports.return_50)
    expect(slot.current!()).toBe(50)
    expect(b.exports.watch_me()).toBe(10)
  })
})

describe.each(compilers)('a declared slot (%s)', (compiler) => {
  const levels = ['O0', 'O1', 'O2', 'O3', 'Os', 'Oz', 'O3.fixed', 'O3.growable', 'O3.imported']

  test.each(levels)('works at %s, for direct calls, pointers and vtables', (level) => {
    const a = start('seed_raw.O0.fixed', compiler)
    const b = start(`seed.${level}`, compiler)
    const watch = () => [b.exports.watch_me(), b.exports.watch_pointer(), b.exports.watch_dyn()]
    const slot = b.slots['seed::replace_me']!
    expect(watch()).toEqual([10, 10, 10])
    const change = link(a.exports.return_50, slot)
    expect(watch()).toEqual([50, 50, 50])
    expect(slot.original()).toBe(10)
    change.undo()
    expect(watch()).toEqual([10, 10, 10])
  })

  test.each(levels)('of an instance at %s leaves other instances alone', (level) => {
    const a = start(`seed.${level}`, compiler)
    const b = start(`seed.${level}`, compiler)
    link(a.exports.return_50, b.slots['seed::replace_me']!)
    expect([a.exports.watch_me(), b.exports.watch_me()]).toEqual([10, 50])
    link(b.exports.return_50, a.slots['seed::replace_me']!)
    expect([a.exports.watch_me(), b.exports.watch_me()]).toEqual([50, 50])
    b.slots['seed::replace_me']!.reset()
    expect([a.exports.watch_me(), b.exports.watch_me()]).toEqual([50, 10])
  })

  test.each(['fixed', 'growable', 'imported'])('beside a table of the module’s own: %s', (kind) => {
    const { exports, slots, table } = start(`seed.O3.${kind}`, compiler)
    const theirs = WebAssembly.Module.exports(new WebAssembly.Module(guest(`seed.O3.${kind}`)))
    expect(Object.keys(exports)).toEqual(theirs.map(({ name }) => name))
    const { length } = table
    link(exports.return_50, slots['seed::replace_me']!)
    expect(table).toHaveLength(length)
    const grown = () => {
      try {
        return table.grow(1)
      } catch (error) {
        return (error as Error).constructor
      }
    }
    expect(grown()).toBe(kind === 'fixed' ? RangeError : length)
    expect(exports.watch_pointer()).toBe(50)
  })
})

test('between modules of different compilers', () => {
  const [a, b] = compilers.map((compiler) => start('seed.O3', compiler))
  link(a!.exports.return_50, b!.slots['seed::replace_me']!)
  link(b!.exports.return_50, a!.slots['seed::replace_me']!)
  expect([a!.exports.watch_me(), b!.exports.watch_dyn()]).toEqual([50, 50])
})
