import { Global } from '../..'
import { compilers, instanceOf, thrownBy } from '../support'

describe.each(compilers)('globals (%s)', (compiler) => {
  const TEXT = `(module
    (global $count (export "count") (mut i32) (i32.const 3))
    (global (export "wide") i64 (i64.const -1))
    (global (export "single") f32 (f32.const 0.5))
    (global (export "double") f64 (f64.const 0.1))
    (func (export "get") (result i32) global.get $count)
    (func (export "set") (param i32) (global.set $count (local.get 0))))`

  test('have the value that wasm sees', async () => {
    const { exports } = await instanceOf(TEXT, {}, { compiler })
    const { count, wide, single, double } = exports
    expect([count.value, wide.value, single.value, double.value]).toEqual([3, -1n, 0.5, 0.1])
    count.value = 2 ** 32 + 9
    expect(exports.get()).toBe(9)
    exports.set(-4)
    expect(count.value).toBe(-4)
    expect(count + 1).toBe(-3)
    expect(count).toBeInstanceOf(Global)
  })

  test('an immutable one cannot be set', async () => {
    const { wide } = (await instanceOf(TEXT, {}, { compiler })).exports
    const error = thrownBy(() => (wide.value = 1n))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toMatch(/^ERR_/)
    expect(wide.value).toBe(-1n)
  })

  test('one global is one object, shared by its instances', async () => {
    const shared = new Global({ value: 'i32', mutable: true }, 10)
    const text = `(module (global $g (import "env" "g") (mut i32)) (export "g" (global $g))
      (func (export "add") (global.set $g (i32.add (global.get $g) (i32.const 1)))))`
    const a = await instanceOf(text, { env: { g: shared } }, { compiler })
    const b = await instanceOf(text, { env: { g: shared } }, { compiler })
    a.exports.add()
    b.exports.add()
    expect(shared.value).toBe(12)
    expect([a.exports.g, b.exports.g]).toEqual([shared, shared])
    expect(a.exports.g).toBe(shared)
  })
})

describe('new Global', () => {
  test.each([
    ['i32', 0, 1.9, 1],
    ['i32', 0, 2 ** 31, -(2 ** 31)],
    ['i32', 0, '12', 12],
    ['i64', 0n, 2n ** 63n, -(2n ** 63n)],
    ['i64', 0n, '12', 12n],
    ['f32', 0, 0.1, Math.fround(0.1)],
    ['f64', 0, 0.1, 0.1],
  ] as const)('of %s starts at %p, and makes of %p %p', (value, zero, given, held) => {
    expect(new Global({ value } as never).value).toBe(zero)
    expect(new Global({ value } as never, given as never).value).toBe(held)
  })

  test('converts a value that is set', () => {
    const wide = new Global({ value: 'i64', mutable: true })
    wide.value = 2n ** 64n + 1n
    expect(wide.valueOf()).toBe(1n)
    expect(() => (wide.value = 1 as never)).toThrow(TypeError)
    const narrow = new Global({ value: 'i32', mutable: true }, 1)
    expect(() => (narrow.value = 1n as never)).toThrow(TypeError)
    expect([wide.value, narrow.value]).toEqual([1n, 1])
  })

  test.each([
    [undefined, undefined],
    [{}, undefined],
    [{ value: 'i8' }, undefined],
    [{ value: 'anyfunc' }, () => 5],
    [{ value: 'exnref' }, undefined],
    [{ value: 'v128' }, undefined],
    [{ value: 'i64' }, 1],
    [{ value: 'i32' }, 1n],
    [{ value: 'f64' }, Symbol('s')],
  ])('refuses %p with %p', (descriptor, value) => {
    expect(() => new Global(descriptor as never, value as never)).toThrow(TypeError)
  })

  test('its members are for globals, and the setter wants a value', () => {
    for (const receiver of [{}, Global.prototype, undefined]) {
      const error = thrownBy(() => Global.prototype.valueOf.call(receiver as never))
      expect(error).toMatchObject({ name: 'TypeError', message: expect.stringMatching(/^expected a Global as `this`/) })
    }
    const global = new Global({ value: 'i32', mutable: true }, 3)
    const { set } = Object.getOwnPropertyDescriptor(Global.prototype, 'value')!
    const error = thrownBy(() => Reflect.apply(set!, global, []))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    expect(global.value).toBe(3)
  })

  test('looks as the specification says', () => {
    const global = new Global({ value: 'i32' })
    expect(String(global)).toBe('[object WebAssembly.Global]')
    expect(Global).toHaveLength(1)
    expect(Object.keys(Global.prototype).toSorted()).toEqual(['value', 'valueOf'])
  })
})
