import { Global, Instance, LinkError, Memory, Module, Store, Table, validate } from '../..'
import { compilers, instanceOf, thrownBy, wat } from '../support'

describe('functions as imports with many results', () => {
  const two = `(module
    (import "env" "f" (func $two (result i64 i32)))
    (func (export "two") (result i64 i32) call $two))`

  test('come from any iterable', async () => {
    let result: unknown
    const { exports } = await instanceOf(two, { env: { f: () => result } })
    result = new Set<unknown>([5n, '6'])
    expect(exports.two()).toEqual([5n, 6])
    for (result of [[5n], [5n, 6, 7], 5, undefined]) {
      expect(thrownBy(() => exports.two())).toBeInstanceOf(TypeError)
    }
  })

  test('are refused by Singlepass, by name', async () => {
    const bytes = await wat(two)
    expect(validate(bytes, { compiler: 'singlepass' })).toBe(false)
    const error = thrownBy(() => new Module(bytes, { compiler: 'singlepass' }))
    expect(error).toMatchObject({ name: 'CompileError', code: 'ERR_RELINK_UNSUPPORTED' })
    expect(error.message).toContain('"env"."f"')
  })
})

describe.each(compilers)('functions as imports (%s)', (compiler) => {
  test('a JavaScript function takes and returns converted values', async () => {
    const seen: unknown[] = []
    const { exports } = await instanceOf(
      `(module
        (import "env" "mix" (func $mix (param i32 i64 f32 f64) (result i64)))
        (func (export "run") (result i64) (call $mix (i32.const -1) (i64.const -2) (f32.const 0.5) (f64.const 0.1))))`,
      {
        env: {
          mix(...values: unknown[]) {
            seen.push(...values)
            return 2n ** 64n + 7n
          },
        },
      },
      { compiler },
    )
    expect(exports.run()).toBe(7n)
    expect(seen).toEqual([-1, -2n, 0.5, 0.1])
  })

  test('no result, one that is converted, and many from any iterable', async () => {
    let result: unknown
    const { exports } = await instanceOf(
      `(module
        (import "env" "f" (func $none))
        (import "env" "f" (func $one (result i32)))
        (func (export "none") call $none)
        (func (export "one") (result i32) call $one))`,
      { env: { f: () => result } },
      { compiler },
    )
    result = 'ignored'
    expect(exports.none()).toBeUndefined()
    result = { valueOf: () => 2 ** 32 + 3 }
    expect(exports.one()).toBe(3)
    result = 5n
    expect(thrownBy(() => exports.one())).toBeInstanceOf(TypeError)
  })

  test('any value that an import throws comes out unchanged', async () => {
    let thrown: unknown
    const { exports } = await instanceOf(
      `(module (import "env" "fail" (func $fail)) (func $inner call $fail) (func (export "run") call $inner))`,
      {
        env: {
          fail() {
            throw thrown
          },
        },
      },
      { compiler },
    )
    for (thrown of [new Error('mine'), { plain: true }, 'text', 5, null, undefined, Symbol('s')]) {
      let caught: unknown = 'nothing was thrown'
      try {
        exports.run()
      } catch (error) {
        caught = error
      }
      expect(caught).toBe(thrown)
    }
  })

  test('an import may call back into wasm, and catch what it throws', async () => {
    const { exports } = await instanceOf(
      `(module
        (import "env" "down" (func $down (param i32) (result i32)))
        (func (export "sum") (param i32) (result i32)
          (if (result i32) (i32.eqz (local.get 0))
            (then (i32.const 0))
            (else (i32.add (local.get 0) (call $down (i32.sub (local.get 0) (i32.const 1)))))))
        (func (export "trap") unreachable))`,
      {
        env: {
          down(value: number) {
            expect(() => exports.trap()).toThrow(WebAssembly.RuntimeError)
            return exports.sum(value)
          },
        },
      },
      { compiler },
    )
    expect(exports.sum(50)).toBe(1275)
  })

  test('endless recursion through JavaScript ends in a RangeError, and the store goes on', async () => {
    const { exports } = await instanceOf(
      `(module (import "env" "again" (func $again)) (func (export "run") call $again) (func (export "one") (result i32) i32.const 1))`,
      { env: { again: () => exports.run() } },
      { compiler },
    )
    expect(thrownBy(() => exports.run())).toMatchObject({ name: 'RangeError' })
    expect(exports.one()).toBe(1)
  })

  test('a function of another instance is called directly, and exported again as the same object', async () => {
    const a = await instanceOf(
      '(module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))',
    )
    const b = await instanceOf(
      `(module (func $f (import "a" "f") (param i32) (result i32))
        (export "f" (func $f))
        (func (export "twice") (param i32) (result i32) (call $f (call $f (local.get 0)))))`,
      { a: a.exports },
      // With slots, the export is the thunk of the import's slot.
      { compiler, slots: 'none' },
    )
    expect(b.exports.twice(1)).toBe(3)
    expect(b.exports.f).toBe(a.exports.f)
  })

  test("a function of V8's WebAssembly is a JavaScript function like any other", async () => {
    const theirs = new WebAssembly.Instance(
      new WebAssembly.Module(await wat('(module (func (export "f") (result i32) i32.const 8))')),
    )
    const { exports } = await instanceOf(
      '(module (import "v8" "f" (func $f (result i32))) (func (export "run") (result i32) call $f))',
      { v8: theirs.exports as never },
      { compiler },
    )
    expect(exports.run()).toBe(8)
  })

  test('the receiver of an import is undefined', async () => {
    const receivers: unknown[] = []
    const { exports } = await instanceOf(
      '(module (import "env" "f" (func $f)) (func (export "run") call $f))',
      {
        env: {
          f: function (this: unknown) {
            receivers.push(this)
          },
        },
      },
      { compiler },
    )
    exports.run()
    expect(receivers).toEqual([undefined])
  })
})

describe('other imports', () => {
  test('globals as objects and as plain values', async () => {
    const { exports } = await instanceOf(
      `(module
        (import "env" "number" (global $number f64))
        (import "env" "big" (global $big i64))
        (import "env" "object" (global $object (mut i32)))
        (func (export "number") (result f64) global.get $number)
        (func (export "big") (result i64) global.get $big)
        (func (export "object") (result i32) global.get $object))`,
      { env: { number: 0.5, big: 2n ** 63n, object: new Global({ value: 'i32', mutable: true }, 4) } },
    )
    expect([exports.number(), exports.big(), exports.object()]).toEqual([0.5, -(2n ** 63n), 4])
  })

  test('they are read in the order of the binary, once each, before anything runs', async () => {
    const read: string[] = []
    const spy = (path: string, values: Record<string, unknown>): never =>
      new Proxy(values, {
        get(target, name) {
          read.push(`${path}.${String(name)}`)
          return target[String(name)]
        },
      }) as never
    const bytes = await wat(`(module
      (import "b" "g" (func)) (import "a" "m" (memory 1)) (import "b" "f" (func)))`)
    const b = spy('b', { f: () => {}, g: () => {} })
    const a = spy('a', { m: new Memory({ initial: 1 }) })
    new Instance(new Module(bytes), spy('', { a, b }))
    expect(read).toEqual(['.b', 'b.g', '.a', 'a.m', '.b', 'b.f'])
  })

  test('an error that a getter throws comes out unchanged', async () => {
    const own = new Error('mine')
    const imports = {
      get env(): never {
        throw own
      },
    }
    const module = new Module(await wat('(module (import "env" "f" (func)))'))
    expect(thrownBy(() => new Instance(module, imports))).toBe(own)
  })
})

describe('imports that are missing or wrong', () => {
  const NODE = "made by Node's WebAssembly, not by wasm-relink"
  const cases: [what: string, wanted: string, given: unknown, message: RegExp][] = [
    ['a missing function', '(func (param i32))', undefined, /expected func \(i32\), got undefined/],
    ['a number for a function', '(func)', 5, /got 5/],
    ['a missing memory', '(memory 1)', undefined, /expected memory/],
    ["Node's own memory", '(memory 1)', () => new WebAssembly.Memory({ initial: 1 }), new RegExp(NODE)],
    [
      "Node's own table",
      '(table 1 funcref)',
      () => new WebAssembly.Table({ element: 'anyfunc', initial: 1 }),
      new RegExp(NODE),
    ],
    ["Node's own global", '(global i32)', () => new WebAssembly.Global({ value: 'i32' }), new RegExp(NODE)],
    ['too small a memory', '(memory 2)', () => new Memory({ initial: 1 }), /expected memory 2/],
    ['a memory without a maximum', '(memory 1 2)', () => new Memory({ initial: 1 }), /expected memory 1\.\.2/],
    ['too small a table', '(table 2 funcref)', () => new Table({ element: 'anyfunc', initial: 1 }), /expected table/],
    ['a table for a memory', '(memory 1)', () => new Table({ element: 'anyfunc', initial: 1 }), /expected memory/],
    ['a number for an i64', '(global i64)', 5, /expected global i64, got 5/],
    ['a BigInt for an i32', '(global i32)', 5n, /expected global i32, got 5n/],
    ['a number for a mutable global', '(global (mut i32))', 5, /expected global mut i32, got 5/],
    [
      'a global of another type',
      '(global i32)',
      () => new Global({ value: 'f32' }),
      /expected global i32, got global f32/,
    ],
    [
      'an immutable global',
      '(global (mut i32))',
      () => new Global({ value: 'i32' }),
      /expected global mut i32, got global i32/,
    ],
  ]

  test.each(cases)('%s', async (_, wanted, given, message) => {
    const text = `(module (import "env" "it" ${wanted}))`
    const wasmMade = typeof given === 'function' ? given() : given
    const module = new Module(await wat(text))
    const error = thrownBy(() => new Instance(module, { env: { it: wasmMade } as never }))
    expect(error).toBeInstanceOf(LinkError)
    expect(error).toBeInstanceOf(WebAssembly.LinkError)
    expect(error).toMatchObject({
      code: 'ERR_RELINK_IMPORT',
      module: 'env',
      field: 'it',
      expected: expect.any(String),
      actual: expect.any(String),
    })
    expect(error.message).toMatch(/^import "env"\."it": /)
    expect(error.message).toMatch(message)
  })

  test('a wasm function of another type', async () => {
    const { f } = (await instanceOf('(module (func (export "f") (param i64)))')).exports
    const module = new Module(await wat('(module (import "env" "f" (func (param i32))))'))
    expect(thrownBy(() => new Instance(module, { env: { f } }))).toMatchObject({
      code: 'ERR_RELINK_IMPORT',
      expected: 'func (i32)',
      actual: 'func (i64)',
    })
  })

  test('no imports at all, or no object for a module, is a TypeError', async () => {
    const module = new Module(await wat('(module (import "env" "f" (func)))'))
    const none = thrownBy(() => new Instance(module))
    expect(none).toBeInstanceOf(TypeError)
    expect(none.message).toBe('expected an object as `imports`, got undefined; the module imports "env"."f"')
    const empty = thrownBy(() => new Instance(module, {}))
    expect(empty).toBeInstanceOf(TypeError)
    expect(empty.message).toBe('expected an object as `imports["env"]`, got undefined; the module imports "f" from it')
  })

  test('an object of another store', async () => {
    const elsewhere = { store: new Store() }
    const { f } = (await instanceOf('(module (func (export "f")))', {}, elsewhere)).exports
    const given = {
      '(func)': f,
      '(memory 1)': new Memory({ initial: 1 }, elsewhere),
      '(table 1 funcref)': new Table({ element: 'anyfunc', initial: 1 }, null, elsewhere),
      '(global i32)': new Global({ value: 'i32' }, 0, elsewhere),
    }
    for (const [wanted, it] of Object.entries(given)) {
      const module = new Module(await wat(`(module (import "env" "it" ${wanted}))`))
      const error = thrownBy(() => new Instance(module, { env: { it } }))
      expect(error).toBeInstanceOf(LinkError)
      expect(error).toMatchObject({ code: 'ERR_RELINK_STORE', module: 'env', field: 'it' })
      expect(error.message).toMatch(/another store/)
    }
  })
})
