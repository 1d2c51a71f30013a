// Bad input of every kind gives a clear error, changes nothing, and leaves the process alive.
import {
  CompileError,
  Instance,
  LinkError,
  Module,
  RuntimeError,
  Store,
  compile,
  instantiate,
  link,
  validate,
} from '../..'
import { compilers, declaring, guest, rejectionOf, thrownBy, wat, withSection } from '../support'

/** Checks an error's class, code and message, and that it is not an internal error. */
function expectError(error: Error & Record<string, any>, Class: Function, code: string | RegExp) {
  expect(error).toBeInstanceOf(Class)
  expect(error).toBeInstanceOf(Error)
  expect(error.code).toMatch(code)
  expect(error.message.length).toBeGreaterThan(10)
  expect(error.message).not.toMatch(/\{"|panick/)
  expect(error.stack).toContain('bad-input')
}

describe.each(compilers)('bytes that are not a module (%s)', (compiler) => {
  const make = (bytes: Uint8Array<ArrayBuffer>) => new Module(bytes, { compiler })

  test.each([
    ['nothing', new Uint8Array()],
    ['a text file', new Uint8Array(Buffer.from('Dear reader,\nthis is not WebAssembly.\n'))],
    ['zeros', new Uint8Array(1000)],
    ['the magic number alone', new Uint8Array([0, 97, 115, 109])],
    ['another version', new Uint8Array([0, 97, 115, 109, 2, 0, 0, 0])],
    ['an ELF file', new Uint8Array([127, 69, 76, 70, 2, 1, 1, 0, 0, 0, 0, 0])],
    ['the text format', new Uint8Array(Buffer.from('(module (func))'))],
  ])('%s', async (_, bytes) => {
    expectError(
      thrownBy(() => make(bytes)),
      CompileError,
      'ERR_RELINK_INVALID_WASM',
    )
    const rejected = await rejectionOf(compile(bytes, { compiler }))
    expect(rejected).toBeInstanceOf(CompileError)
    expect(rejected.code).toBe('ERR_RELINK_INVALID_WASM')
    expect(validate(bytes, { compiler })).toBe(false)
  })

  test('a component, which other engines accept', async () => {
    const component = new Uint8Array([0, 97, 115, 109, 13, 0, 1, 0])
    expectError(
      thrownBy(() => make(component)),
      CompileError,
      'ERR_RELINK_UNSUPPORTED',
    )
    expect(await rejectionOf(compile(component, { compiler }))).toMatchObject({ code: 'ERR_RELINK_UNSUPPORTED' })
    expect(validate(component, { compiler })).toBe(false)
  })

  test('a detached buffer, which is empty', async () => {
    const whole = (await wat('(module)')).buffer
    const sources = [whole, new Uint8Array(whole), new Uint8Array(whole, 4), new DataView(whole), Buffer.from(whole)]
    structuredClone(whole, { transfer: [whole] })
    for (const source of sources) {
      expectError(
        thrownBy(() => new Module(source, { compiler })),
        CompileError,
        'ERR_RELINK_INVALID_WASM',
      )
      expect(await rejectionOf(compile(source, { compiler }))).toMatchObject({ code: 'ERR_RELINK_INVALID_WASM' })
      expect(validate(source, { compiler })).toBe(false)
    }
  })

  /** The code of the CompileError for these bytes, `taken` if there is none. Rethrows any other error. */
  const outcome = (bytes: Uint8Array<ArrayBuffer>) => {
    try {
      make(bytes)
      return 'taken'
    } catch (error) {
      if (error instanceof CompileError) return error.code
      throw error
    }
  }

  test('a module that is cut off at any byte', () => {
    const bytes = guest('seed.O3')
    const cuts = Array.from({ length: 97 }, (_, i) => bytes.slice(0, Math.floor((i * bytes.length) / 97)))
    for (const cut of cuts) {
      // A cut at the end of a section may leave another valid module.
      const expected = WebAssembly.validate(cut) ? /^(taken|ERR_RELINK_DECLARATION)$/ : /^ERR_RELINK_INVALID_WASM$/
      expect(outcome(cut)).toMatch(expected)
    }
    expect(cuts.filter((cut) => outcome(cut) !== 'taken').length).toBeGreaterThan(80)
  })

  test('a module with any one byte changed', () => {
    const bytes = guest('seed.O3')
    const step = Math.max(1, Math.floor(bytes.length / 199))
    for (let at = 8; at < bytes.length; at += step) {
      const changed = bytes.slice()
      changed[at]! ^= 0xff
      expect(outcome(changed)).toMatch(/^(taken|ERR_RELINK_(INVALID_WASM|UNSUPPORTED|DECLARATION))$/)
    }
  })

  test('a module that does not validate', async () => {
    // (module (func (result i32) i64.const 1))
    const bytes = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 10, 6, 1, 4, 0, 66, 1, 11]
    const error = thrownBy(() => make(Uint8Array.from(bytes)))
    expectError(error, CompileError, 'ERR_RELINK_INVALID_WASM')
    expect(error.offset).toBeGreaterThan(8)
  })
})

test('SIMD on a compiler without it', () => {
  // (module (func (result v128) v128.const i64x2 0 0))
  const head = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 22, 1, 20, 0, 253, 12]
  const bytes = Uint8Array.from([...head, ...Array(16).fill(0), 11])
  expect(validate(bytes, { compiler: 'cranelift' })).toBe(true)
  expectError(
    thrownBy(() => new Module(bytes, { compiler: 'singlepass' })),
    CompileError,
    /^ERR_RELINK_(UNSUPPORTED|INVALID_WASM)$/,
  )
  expect(validate(bytes, { compiler: 'singlepass' })).toBe(false)
})

describe.each(compilers)('refusals (%s)', (compiler) => {
  test('imports: module, field, kind, signature', async () => {
    const module = new Module(await wat('(module (import "env" "f" (func (param i32))))'), { compiler })
    const other = new Instance(new Module(await wat('(module (func (export "f") (param f64)))'), { compiler }))
    expectError(
      thrownBy(() => new Instance(module)),
      TypeError,
      'ERR_INVALID_ARG_TYPE',
    )
    expectError(
      thrownBy(() => new Instance(module, { evn: { f: () => {} } })),
      TypeError,
      'ERR_INVALID_ARG_TYPE',
    )
    for (const f of [undefined, 5, other.exports.f]) {
      const error = thrownBy(() => new Instance(module, { env: { f } }))
      expectError(error, LinkError, 'ERR_RELINK_IMPORT')
      expect(error).toMatchObject({ module: 'env', field: 'f', expected: 'func (i32)' })
    }
    expectError(
      thrownBy(() => new Instance(module, { env: { ff: () => {} } })),
      LinkError,
      'ERR_RELINK_IMPORT',
    )
  })

  test('a trap in the start function', async () => {
    const bytes = await wat('(module (func $start unreachable) (start $start))')
    expectError(
      thrownBy(() => new Instance(new Module(bytes, { compiler }))),
      RuntimeError,
      'ERR_RELINK_TRAP',
    )
    expect(await rejectionOf(instantiate(bytes, {}, { compiler }))).toBeInstanceOf(RuntimeError)
  })

  test('links', async () => {
    const make = async (name: string, step: number, store?: Store, type?: 'i64') =>
      new Instance(
        new Module(await declaring({ name, call: 'f', step, ...(type && { type }) }), { compiler }),
        {},
        { store },
      )
    const a = await make('a::f', 1)
    const slot = a.slot('a::f')
    const wide = await make('b::f', 2, undefined, 'i64')
    const elsewhere = await make('c::f', 3, new Store())
    const closed = await make('d::f', 4)
    const { f: dead } = closed.exports
    closed.close()
    const cases: [() => unknown, Function, string][] = [
      [() => link(elsewhere.exports.f, slot), LinkError, 'ERR_RELINK_STORE'],
      [() => link(a.exports.f, elsewhere.slot('c::f')), LinkError, 'ERR_RELINK_STORE'],
      [() => a.slot('a::g'), LinkError, 'ERR_RELINK_UNKNOWN_SLOT'],
      [() => link(wide.exports.f, slot), LinkError, 'ERR_RELINK_SIGNATURE'],
      [() => link('f' as never, slot), TypeError, 'ERR_INVALID_ARG_TYPE'],
      [() => link(a.exports.f, a.slots['a::g'] as never), TypeError, 'ERR_INVALID_ARG_TYPE'],
      [() => link(dead, slot), LinkError, 'ERR_RELINK_CLOSED'],
      [() => closed.slot('d::f'), LinkError, 'ERR_RELINK_CLOSED'],
      [() => dead(1), RuntimeError, 'ERR_RELINK_CLOSED'],
    ]
    for (const [run, Class, code] of cases) {
      expectError(thrownBy(run), Class, code)
      expect([a.exports.f(0), slot.linked, slot.current]).toEqual([1, false, slot.original])
    }
  })
})

test('traps in guests that are built from Rust', () => {
  const env = { add_i32: () => 0, add_i64: () => 0n, mix: () => 0, callback: () => {} }
  for (const compiler of compilers) {
    const { exports } = new Instance(new Module(guest('plugin'), { compiler }), { env })
    const traps = [
      ['trap_unreachable', 'unreachable'],
      ['trap_panic', 'unreachable'],
      ['trap_divide', 'divide-by-zero'],
      ['trap_bounds', 'memory-out-of-bounds'],
      ['trap_call', 'table-out-of-bounds'],
      ['recurse_forever', /stack-overflow|memory-out-of-bounds/],
    ] as const
    for (const [name, trap] of traps) {
      const error = thrownBy(() => exports[name](...(name === 'recurse_forever' ? [0n] : [1, 0])))
      expectError(error, RuntimeError, 'ERR_RELINK_TRAP')
      expect(error.trap).toMatch(trap)
    }
    const { stack } = thrownBy(() => exports.trap_nested(1))
    expect(stack).toMatch(/inner_frame[^]*middle_frame[^]*outer_frame[^]*trap_nested/)
    expect(exports.double_i32(4)).toBe(8)
  }
})

describe('declarations that contradict the module', () => {
  test('are refused, with the reason', async () => {
    const cases = ['{"name":', '{"name":"a::f"}', 'no json at all']
    for (const content of cases) {
      const bytes = withSection(await wat('(module)'), 'relink', `${content}\n`)
      const error = thrownBy(() => new Module(bytes))
      expect(error).toBeInstanceOf(CompileError)
      expect(error.code).toBe('ERR_RELINK_DECLARATION')
    }
  })
})
