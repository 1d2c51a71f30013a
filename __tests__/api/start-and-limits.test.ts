// A module while it starts, and the limits of modules.
import { Instance, Module, Table, validate } from '../..'
import { compilers, guest, instanceOf, thrownBy, wat, withSection } from '../support'

describe.each(compilers)('while a module starts (%s)', (compiler) => {
  test('its functions may reach JavaScript, and be called', async () => {
    let got: (() => number) | undefined
    await instanceOf(
      `(module
        (import "env" "give" (func $give (param funcref)))
        (func $seven (result i32) i32.const 7)
        (elem declare func $seven)
        (func $start ref.func $seven call $give)
        (start $start))`,
      { env: { give: (f: () => number) => (got = f) } },
      { compiler },
    )
    expect(got!()).toBe(7)
    expect(got).toHaveProperty('name', '1')
  })

  test('and stay in an imported table even if its start fails', async () => {
    const table = new Table({ element: 'anyfunc', initial: 1 })
    let seen: unknown
    const thrown = new Error('mine')
    const look = () => {
      seen = table.get(0)!()
      throw thrown
    }
    const bytes = await wat(`(module
      (import "env" "look" (func $look))
      (import "env" "table" (table 1 funcref))
      (func $seven (result i32) i32.const 7)
      (elem (i32.const 0) $seven)
      (start $look))`)
    const module = new Module(bytes, { compiler })
    expect(thrownBy(() => new Instance(module, { env: { look, table } }))).toBe(thrown)
    expect(seen).toBe(7)
    // Functions that a failed instantiation left in the table stay valid, as the specification says.
    expect(table.get(0)!()).toBe(7)
  })
})

describe.each(compilers)('limits (%s)', (compiler) => {
  test('a guest cannot grow its table beyond the limit', async () => {
    const { exports } = await instanceOf(
      `(module
        (table (export "table") 1 funcref)
        (func (export "grow") (param i32) (result i32) ref.null func local.get 0 table.grow 0))`,
      {},
      { compiler },
    )
    expect([exports.grow(-16), exports.grow(200_000_000), exports.grow(9_999_999)]).toEqual([-1, -1, 1])
    expect(exports.table).toHaveLength(10_000_000)
    expect(exports.grow(1)).toBe(-1)
  })

  test('a table without a maximum does not fit an import with one', async () => {
    const { table } = (await instanceOf('(module (table (export "table") 1 funcref))', {}, { compiler })).exports
    const module = new Module(await wat('(module (import "env" "table" (table 1 5 funcref)))'), { compiler })
    const error = thrownBy(() => new Instance(module, { env: { table } }))
    expect(error).toMatchObject({
      code: 'ERR_RELINK_IMPORT',
      expected: 'table funcref 1..5',
      actual: 'table funcref 1..',
    })
  })

  test('a valid module with a feature that the compiler lacks is not reported as invalid', async () => {
    const large = await wat('(module (memory i64 1))', { memory64: true })
    expect(validate(large, { compiler })).toBe(false)
    const error = thrownBy(() => new Module(large, { compiler }))
    expect(error).toMatchObject({ name: 'CompileError', code: 'ERR_RELINK_UNSUPPORTED' })
    expect(error.message).toMatch(/valid, but .*memory64/)
  })

  test('a name that the compiler cannot encode is ignored', async () => {
    const bytes = await wat('(module (func (export "f") (result i32) i32.const 5))')
    // Subsection 0, the module's name: three bytes, one of them NUL.
    const named = withSection(bytes, 'name', '\x00\x04\x03a\x00b')
    expect(new Instance(new Module(named, { compiler })).exports.f()).toBe(5)
  })

  test('functions are named as in the author’s file', () => {
    const names = ({ exports }: { exports: object }) =>
      Object.entries(exports).flatMap(([name, value]) => (typeof value === 'function' ? [[name, value.name]] : []))
    const bytes = guest('scalars')
    const original = (x: never) => x
    const relink = Object.fromEntries(
      WebAssembly.Module.imports(new WebAssembly.Module(bytes)).map(({ name }) => [name, original]),
    )
    const theirs = new WebAssembly.Instance(new WebAssembly.Module(bytes), { relink })
    expect(names(new Instance(new Module(bytes, { compiler })))).toEqual(names(theirs))
  })
})

test('values that do not cross are refused before anything runs', () => {
  // (module (global $runs (export "runs") (mut i32) (i32.const 0))
  //   (func (export "f") (result v128) (global.set $runs (i32.const 1)) (v128.const i64x2 0 0)))
  const body = [0, 0x41, 1, 0x24, 0, 0xfd, 12, ...Array(16).fill(0), 0x0b]
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 6, 6, 1, 0x7f, 1, 0x41, 0, 0x0b]
  const exported = [7, 12, 2, 4, ...Buffer.from('runs'), 3, 0, 1, 0x66, 0, 0]
  const bytes = Uint8Array.from([...head, ...exported, 10, body.length + 2, 1, body.length, ...body])
  const { exports } = new Instance(new Module(bytes))
  expect(thrownBy(() => exports.f())).toMatchObject({ name: 'TypeError', code: 'ERR_RELINK_UNSUPPORTED' })
  expect(exports.runs.value).toBe(0)
})
