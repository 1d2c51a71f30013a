// Calls between modules: each way to call, each pair of compilers, and signatures for which their calling conventions differ.
import { Global, Instance, Module, Table, link } from '../..'
import { compilers, instanceOf, thrownBy, wat } from '../support'

const signatures = [
  'i32',
  'i64',
  'f32',
  'f64',
  'i32 f64',
  'f64 i32',
  'f64 f64 f32',
  'i32 i32 i32 i32 i32 i32 i32 i32',
  'f64 f64 f64 f64 f64 f64 f64 f64 f64 f64',
  'i64 f32 i32 f64 i64 f32 i32 f64 i64 f32',
]
const pairs = compilers.flatMap((caller) => compilers.map((callee) => [caller, callee] as const))

/** Distinct arguments, in JavaScript and as wat. */
function argumentsOf(signature: string) {
  const types = signature.split(' ')
  const values = types.map((type, index) =>
    type === 'i64' ? BigInt(index + 7) : type === 'i32' ? index + 1 : index + 1.5,
  )
  return { values, constants: types.map((type, index) => `(${type}.const ${values[index]})`).join(' ') }
}

/** Adds up its parameters, each with its own weight, so that a swap changes the result. */
function callee(signature: string) {
  const converted = { i32: 'f64.convert_i32_s', i64: 'f64.convert_i64_s', f32: 'f64.promote_f32', f64: '' }
  const terms = signature.split(' ').map((type, index) => {
    const convert = converted[type as keyof typeof converted]
    return `local.get ${index} ${convert} f64.const ${10 ** (index % 4)} f64.mul`
  })
  return `(module (func (export "f") (param ${signature}) (result f64) ${terms.join(' ')} ${'f64.add '.repeat(terms.length - 1)}))`
}

describe.each(pairs)('%s code calls %s code', (caller, compiler) => {
  test.each(signatures)('(%s)', async (signature) => {
    const { values, constants } = argumentsOf(signature)
    const { f } = (await instanceOf(callee(signature), {}, { compiler })).exports
    const expected = f(...values)

    for (const slots of ['none', undefined] as const) {
      const importer = await instanceOf(
        `(module
          (import "env" "f" (func $f (param ${signature}) (result f64)))
          (func (export "call") (result f64) ${constants} call $f)
          (export "again" (func $f)))`,
        { env: { f } },
        { compiler: caller, slots },
      )
      expect(importer.exports.call()).toBe(expected)
      expect(importer.exports.again(...values)).toBe(expected)
      // With slots, the export is the thunk of the import's slot, not the function that it holds.
      expect(importer.exports.again === f).toBe(slots === 'none')
    }

    const dispatcher = await instanceOf(
      `(module
        (type $type (func (param ${signature}) (result f64)))
        (import "relink" "a::f" (func $slot (param ${signature}) (result f64)))
        (table (export "table") 2 funcref)
        (elem (i32.const 1) $nothing)
        (func $nothing (export "relink:a::f") (param ${signature}) (result f64) f64.const 0)
        (func (export "call") (result f64) ${constants} call $slot)
        (func (export "dispatch") (param i32) (result f64) ${constants} local.get 0 call_indirect (type $type)))`,
      {},
      { compiler: caller },
    )
    const { call, dispatch, table } = dispatcher.exports
    table.set(0, f)
    expect(dispatch(0)).toBe(expected)
    expect(table.get(0)).toBe(f)
    const entry = link(f, table.slot(1))
    expect([dispatch(1), table.slot(1).current]).toEqual([expected, f])
    const declared = link(f, dispatcher.slot('f'))
    expect([call(), dispatcher.slot('f').current]).toEqual([expected, f])
    entry.undo()
    declared.undo()
    expect([dispatch(1), call()]).toEqual([0, 0])
    table.grow(1, f)
    expect(dispatch(2)).toBe(expected)
  })

  test('and an exception of the callee comes out', async () => {
    const thrown = new Error('mine')
    const imports = {
      env: {
        fail() {
          throw thrown
        },
      },
    }
    const text = `(module
      (import "env" "fail" (func $fail))
      (func (export "throws") call $fail)
      (func (export "traps") unreachable))`
    const { throws, traps } = (await instanceOf(text, imports, { compiler })).exports
    const outcome = async (f: () => void) => {
      const importer = '(module (import "env" "f" (func $f)) (func (export "call") call $f))'
      const { exports } = await instanceOf(importer, { env: { f } }, { compiler: caller })
      return thrownBy(() => exports.call())
    }
    expect(await outcome(throws)).toBe(thrown)
    expect(await outcome(traps)).toMatchObject({ name: 'RuntimeError', trap: 'unreachable' })
  })
})

describe.each(compilers)('%s code calls JavaScript', (compiler) => {
  test.each(signatures)('by import, by table and through another instance: (%s)', async (signature) => {
    const { values, constants } = argumentsOf(signature)
    let seen: unknown[] = []
    const f = (...given: unknown[]) => {
      seen = given
      return 42
    }
    const text = (table: string) => `(module
      (type $type (func (param ${signature}) (result f64)))
      (import "env" "f" (func $f (param ${signature}) (result f64)))
      ${table}
      (export "f" (func $f))
      (func (export "call") (result f64) ${constants} call $f)
      (func (export "dispatch") (result f64) ${constants} i32.const 0 call_indirect (type $type)))`
    const first = await instanceOf(
      text('(table (export "t") 1 funcref) (elem (i32.const 0) $f)'),
      { env: { f } },
      { compiler },
    )
    const shared = { env: { f: first.exports.f, t: first.exports.t } }
    const second = await instanceOf(text('(import "env" "t" (table 1 funcref))'), shared, { compiler })
    const own = await instanceOf(text('(table (export "t") 1 funcref)'), shared, { compiler })
    own.exports.t.set(0, first.exports.t.get(0))
    for (const { exports } of [first, second, own]) {
      for (const call of [exports.call, exports.dispatch, () => exports.f(...values)]) {
        seen = []
        expect(call()).toBe(42)
        expect(seen).toEqual(values)
      }
    }
  })
})

test('objects that two compilers cannot share are refused', async () => {
  const [one, other] = compilers
  const maker = (compiler: (typeof compilers)[number]) =>
    instanceOf(
      `(module
        (table (export "table") 1 funcref)
        (global (export "global") (mut funcref) (ref.null func))
        (func (export "takes") (param funcref)))`,
      {},
      { compiler },
    )
  const { table, global, takes } = (await maker(one!)).exports
  const refused: [string, unknown][] = [
    ['(table 1 funcref)', table],
    ['(global (mut funcref))', global],
    ['(func (param funcref))', takes],
  ]
  for (const [type, value] of refused) {
    const bytes = await wat(`(module (import "env" "it" ${type}))`)
    const imports = { env: { it: value as never } }
    const error = thrownBy(() => new Instance(new Module(bytes, { compiler: other! }), imports))
    expect(error).toMatchObject({ name: 'LinkError', code: 'ERR_RELINK_COMPILER', expected: other, actual: one })
    expect(new Instance(new Module(bytes, { compiler: one! }), imports).exports).toEqual({})
  }
  // A table of externref holds no functions.
  const { references } = (
    await instanceOf('(module (table (export "references") 1 externref))', {}, { compiler: one! })
  ).exports
  const importer = await wat('(module (import "env" "it" (table 1 externref)))')
  for (const compiler of compilers) {
    const instance = new Instance(new Module(importer, { compiler }), { env: { it: references } })
    expect(instance.exports).toEqual({})
  }
  // A table that JavaScript makes belongs to the compiler of its first user.
  const free = new Table({ element: 'anyfunc', initial: 1 })
  const bytes = await wat('(module (import "env" "it" (table 1 funcref)))')
  expect(new Instance(new Module(bytes, { compiler: other! }), { env: { it: free } })).toBeInstanceOf(Instance)
  const error = thrownBy(() => new Instance(new Module(bytes, { compiler: one! }), { env: { it: free } }))
  expect(error).toMatchObject({ code: 'ERR_RELINK_COMPILER', expected: one, actual: other })
  // Globals with numbers may be shared between compilers.
  const number = new Global({ value: 'f64', mutable: true }, 1.5)
  const reader = await wat(
    '(module (import "env" "it" (global $it (mut f64))) (func (export "it") (result f64) global.get $it))',
  )
  for (const compiler of compilers) {
    expect((new Instance(new Module(reader, { compiler }), { env: { it: number } }).exports as any).it()).toBe(1.5)
  }
})
