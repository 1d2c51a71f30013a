// Entries of a table by the types of the calls that go through it: the published program, empty entries, and wasm-bindgen.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Instance, Module, Table, link, relink } from '../..'
import { compilers, guest, instanceOf, root, thrownBy } from '../support'

const TEXT = `(module
  (type $long (func (result i64))) (type $add (func (param i32) (result i32)))
  (table (export "table") 4 4 funcref)
  (elem (i32.const 0) $nothing $fifty $nothing)
  (func $nothing (export "nothing"))
  (func $fifty (export "fifty") (result i64) i64.const 50)
  (func (export "next") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "half") (result f64) f64.const 0.5)
  (func (export "direct") call $nothing)
  (func (export "call") (param i32) (result i64) (call_indirect (type $long) (local.get 0)))
  (func (export "add") (param i32) (result i32) (call_indirect (type $add) (i32.const 1) (local.get 0))))`

describe.each(compilers)('a table entry (%s)', (compiler) => {
  const make = async (slots?: 'none') => (await instanceOf(TEXT, {}, { compiler, slots })).exports

  test('knows the types by which code calls through its table', async () => {
    const { table } = await make('none')
    const types = [
      { parameters: [], results: ['i64'] },
      { parameters: ['i32'], results: ['i32'] },
    ]
    expect(table.slot(0).callTypes).toEqual(types)
    expect(table.slot(3).callTypes).toEqual(types)
    expect(table.slot(3)).toMatchObject({
      name: 'table[3]',
      kind: 'table',
      current: null,
      original: null,
      linked: false,
    })
    expect(table.slot(3).type).toBeUndefined()
  })

  test.each([[undefined], ['none' as const]])('takes a function of a call site’s type (slots: %s)', async (slots) => {
    const { table, fifty, call, direct, nothing } = await make(slots)
    table.set(2, null)
    expect(() => call(0)).toThrow('signature mismatch')
    expect(thrownBy(() => link(fifty, table.slot(0)))).toMatchObject({
      code: 'ERR_RELINK_SIGNATURE',
      message: expect.stringContaining("link with { type: 'call-site' }"),
    })
    const slot = table.slot(0, { entry: true })
    const change = link(fifty, slot, { type: 'call-site' })
    expect(change.slot).toBe(slot)
    expect([call(0), table.get(0), table.slot(0)]).toEqual([50n, fifty, slot])
    expect([direct(), nothing()]).toEqual([undefined, undefined])
    change.undo()
    expect(() => call(0)).toThrow('signature mismatch')
    expect(table.get(0)).toBe(nothing)
  })

  test('leaves the slot of the function alone, which the entry follows again after undo', async () => {
    const instance = await instanceOf(TEXT, {}, { compiler })
    const { table, fifty, call, direct } = instance.exports
    table.set(2, null)
    const named = instance.slot('nothing')
    const entry = table.slot(0, { entry: true })
    const change = link(fifty, entry, { type: 'call-site' })
    let calls = 0
    const other = link(() => void calls++, named)
    direct()
    expect([calls, call(0)]).toEqual([1, 50n])
    change.undo()
    table.get(0)()
    expect(calls).toBe(2)
    other.undo()
    table.get(0)()
    expect(calls).toBe(2)
  })

  test('refuses a type of no call site, with the list', async () => {
    const { table, half, next, call } = await make('none')
    for (const index of [0, 3]) {
      expect(thrownBy(() => link(half, table.slot(index), { type: 'call-site' }))).toMatchObject({
        name: 'LinkError',
        code: 'ERR_RELINK_SIGNATURE',
        slot: `table[${index}]`,
        expected: '() -> i64 or (i32) -> i32',
        actual: '() -> f64',
        candidates: ['() -> i64', '(i32) -> i32'],
        message: expect.stringContaining('no call site of type () -> f64 is left'),
      })
    }
    expect(
      thrownBy(() =>
        relink(
          [
            [next, table.slot(3)],
            [half, table.slot(0)],
          ],
          { type: 'call-site' },
        ),
      ),
    ).toMatchObject({
      code: 'ERR_RELINK_REFUSED',
      refusals: [{ index: 1, code: 'ERR_RELINK_SIGNATURE', slot: 'table[0]' }],
    })
    expect(table.get(3)).toBeNull()
    expect(() => call(0)).toThrow('signature mismatch')
  })

  test('that is empty takes what a call site uses, and undo and reset bring null back', async () => {
    const { table, fifty, next, half, call, add } = await make()
    const slot = table.slot(3)
    const first = link(fifty, slot)
    expect([call(3), first.previous, slot.original]).toEqual([50n, null, null])
    const second = link(next, slot)
    expect(add(3)).toBe(2)
    expect(thrownBy(() => link(half, slot))).toMatchObject({ code: 'ERR_RELINK_SIGNATURE' })
    second.undo()
    expect(call(3)).toBe(50n)
    first.undo()
    expect([table.get(3), slot.current, slot.linked]).toEqual([null, null, false])
    expect(table.slot(3)).toBe(slot)
    relink([[next, slot]])
    slot.reset()
    expect(table.get(3)).toBeNull()
  })

  test('gives a JavaScript function the type of the call site that is meant', async () => {
    const { table, call, add } = await make('none')
    const slot = table.slot(3)
    expect(thrownBy(() => link(() => 7n, slot))).toMatchObject({
      code: 'ERR_RELINK_SIGNATURE',
      candidates: ['() -> i64', '(i32) -> i32'],
      message: expect.stringContaining('choose a type with { type: { parameters, results } }'),
    })
    const long = link(() => 7n, slot, { type: { results: ['i64'] } })
    expect(call(3)).toBe(7n)
    long.undo()
    relink([[(x: number) => x * 10, slot]] as any, { type: { parameters: ['i32'], results: ['i32'] } })
    expect(add(3)).toBe(10)
    expect(thrownBy(() => link(() => 7n, slot, { type: { results: ['f64'] } }))).toMatchObject({
      code: 'ERR_RELINK_SIGNATURE',
      actual: '() -> f64',
    })
  })

  test('is named where a function is in several entries', async () => {
    const { table, fifty } = await make()
    expect(thrownBy(() => link(fifty, table.slot(0), { type: 'call-site' }))).toMatchObject({
      code: 'ERR_RELINK_SIGNATURE',
      slot: 'nothing',
      message: expect.stringContaining('in several table entries, 0, 2'),
    })
    link(fifty, table.slot(2, { entry: true }), { type: 'call-site' }).undo()
    // Entry 2 is a slot of its own now, and holds what it held.
    expect(table.get(2)).toBe(table.get(0))
  })

  test.each([
    [{ type: 5 }, "expected 'call-site' or a function type as `options.type`, got 5"],
    [{ type: null }, "expected 'call-site' or a function type as `options.type`, got null"],
    [{ type: 'callsite' }, "expected 'call-site' or a function type as `options.type`, got 'callsite'"],
    [{ type: { results: 'i32' } }, "expected an array of value types as `options.type.results`, got 'i32'"],
    [{ type: { parameters: ['i33'] } }, "as `options.type.parameters[0]`, got 'i33'"],
    [{ type: { result: [] } }, 'unknown option `result` in `options.type`, did you mean `results`?'],
  ])('refuses the option %j', async (options, message) => {
    const { table, fifty } = await make()
    expect(() => link(fifty, table.slot(3), options as any)).toThrow(message)
    expect(() => relink([[fifty, table.slot(3)]], options as any)).toThrow(message)
    expect(table.get(3)).toBeNull()
  })

  test('refuses a WebAssembly function of another type than the one that is named', async () => {
    const { table, fifty } = await make()
    const options = { type: { parameters: ['i32'], results: ['i32'] } } as const
    expect(thrownBy(() => link(fifty, table.slot(3), options as any))).toMatchObject({
      code: 'ERR_RELINK_SIGNATURE',
      expected: '(i32) -> i32',
      actual: '() -> i64',
    })
    expect(table.get(3)).toBeNull()
  })

  test('of a closed instance, or for a function of another store, is refused', async () => {
    const instance = await instanceOf(TEXT, {}, { compiler })
    const { table, fifty } = instance.exports
    const slot = table.slot(3)
    instance.close()
    expect(thrownBy(() => link(fifty, slot, { type: 'call-site' })).code).toBe('ERR_RELINK_CLOSED')
  })

  test('of a table that two modules share knows the calls of both', async () => {
    const table = new Table({ element: 'anyfunc', initial: 2 })
    const first = await instanceOf(
      '(module (import "env" "table" (table 1 funcref)))',
      { env: { table } },
      { compiler },
    )
    expect(table.slot(0).callTypes).toEqual([])
    const { call } = (
      await instanceOf(
        '(module (import "env" "table" (table 1 funcref)) (func (export "call") (result i32) (call_indirect (result i32) (i32.const 1))))',
        { env: { table } },
        { compiler },
      )
    ).exports
    const change = link(() => 3, table.slot(1))
    expect([call(), first.exports]).toEqual([3, {}])
    change.undo()
    expect(table.get(1)).toBeNull()
  })
})

describe.each(compilers)('the published program (%s)', (compiler) => {
  const start = (level: string, slots?: 'none') =>
    new Instance(new Module(guest(`seed_published.${level}.fixed`), { compiler, slots })).exports

  test.each([[undefined], ['none' as const]])('works at opt-level 0, as published (slots: %s)', (slots) => {
    const { watch_me, call_directly, replace_me_index, return_50_index, ...rest } = start('O0', slots)
    const table: Table = rest.__indirect_function_table
    const [replace_me, return_50] = [replace_me_index(), return_50_index()]
    expect(() => watch_me()).toThrow('signature mismatch')
    const change = link(table.get(return_50)!, table.slot(replace_me), { type: 'call-site' })
    expect(watch_me()).toBe(50n)
    expect(call_directly()).toBeUndefined()
    change.undo()
    expect(() => watch_me()).toThrow('signature mismatch')
    table.set(replace_me, table.get(return_50))
    expect(watch_me()).toBe(50n)
  })

  test('is folded away at opt-level 3, and the refusal says so', () => {
    const { watch_me, replace_me_index, return_50_index, __indirect_function_table: table } = start('O3')
    const before = watch_me()
    const change = () => link(table.get(return_50_index()), table.slot(replace_me_index()), { type: 'call-site' })
    expect(thrownBy(change)).toMatchObject({
      code: 'ERR_RELINK_SIGNATURE',
      candidates: [],
      message: expect.stringContaining('no call site of type () -> i64 is left; no code calls through its table'),
    })
    expect(watch_me()).toBe(before)
  })
})

test('a wasm-bindgen package under register replaces its own entry from inside', () => {
  const script = `
    const { replace_replace_me, watch_me } = require('./fixtures/bindgen/pkg/bindgen.js')
    let before
    try { before = watch_me() } catch (error) { before = error.code }
    replace_replace_me()
    console.log(before, watch_me())`
  const options = ['--require', join(root, 'register.cjs'), '--eval', script]
  const { stdout, stderr } = spawnSync(process.execPath, options, { cwd: root, encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(stdout).toBe('ERR_RELINK_TRAP 50n\n')
})
