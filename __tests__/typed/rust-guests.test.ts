// Typed functions of guests in Rust: made by `relinkable`, and by wit-bindgen, which is another implementation of the ABI.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Instance, link, Module } from '../..'
import { compilers, guest, root, thrownBy } from '../support'

type Value = unknown
type Typed = Record<string, (...values: Value[]) => Value>

const WORLD = readFileSync(join(root, 'fixtures/typed_bindgen/wit/world.wit'), 'utf8')

const scalars = {
  a: 255,
  b: -128,
  c: 65535,
  d: -32768,
  e: 2 ** 32 - 1,
  f: -(2 ** 31),
  g: 2n ** 64n - 1n,
  h: -(2n ** 63n),
}
const record = {
  name: 'größe\0🎟',
  small: 1,
  bytes: Uint8Array.of(0, 255),
  big: 5n,
  point: { x: -0, y: NaN },
  tags: ['', 'b'],
  parent: { x: 5, y: Infinity },
}
const shapes = [
  { tag: 'nothing' },
  { tag: 'count', val: 200 },
  { tag: 'length', val: 0.5 },
  { tag: 'area', val: -0 },
  { tag: 'big', val: -(2n ** 63n) },
  { tag: 'named', val: 'x' },
  { tag: 'corners', val: [record.point, record.parent] },
  { tag: 'two', val: [7, 'y'] },
  { tag: 'rectangle', val: { width: 1, height: 2 } },
]
const rights = {
  read: true,
  write: false,
  run: false,
  list: true,
  own: false,
  share: false,
  sign: false,
  audit: true,
  payLater: true,
}
const whole = { ...scalars, i: 0.25, j: -0, k: true, l: '🎟' }
const large = { scalars: whole, record, shape: shapes[6], color: 'dark-green', rights }

/** Values of each type, by the end of its function's name. */
const VALUES: Record<string, Value[]> = {
  Strings: [[], ['', 'a', 'größe']],
  String: ['', 'x'.repeat(100_000), '\0', record.name],
  Bytes: [new Uint8Array(0), Uint8Array.of(1, 2, 3), new Uint8Array(100_000).fill(7)],
  Shorts: [Int16Array.of(-1, 32767)],
  Longs: [BigUint64Array.of(0n, 2n ** 64n - 1n)],
  Floats: [Float32Array.of(-0, NaN, 0.5)],
  Doubles: [Float64Array.of(-0, NaN, Infinity)],
  Chars: [['a', '🎟']],
  Bools: [[true, false]],
  Option: [{ tag: 'none' }, { tag: 'some', val: undefined }, { tag: 'some', val: 'x' }],
  Result: [undefined, { tag: 'ok', val: 0.5 }, { tag: 'err', val: 'no' }],
  Outcome: [undefined, { tag: 'ok' }, { tag: 'err', val: 2n ** 64n - 1n }],
  Tuple: [[255, -1n, 'x', true]],
  Array: [Uint16Array.of(1, 2, 3, 65535)],
  Names: [['a', '', 'c']],
  Scalars: [whole],
  Record: [record, { ...record, parent: undefined }],
  Points: [[], [record.point]],
  Shape: shapes,
  Shapes: [[], shapes],
  Color: ['red', 'dark-green', 'blue'],
  Rights: [rights],
  Boxed: shapes,
  Cents: [5n],
  Large: [large],
  Deep: [
    {
      names: [[['a'], []], []],
      results: [
        { tag: 'ok', val: shapes },
        { tag: 'err', val: record },
        { tag: 'err', val: undefined },
      ],
    },
  ],
  Char: [undefined, 'a'],
}

const slotOf = (name: string) => `typed::echo_${name.toLowerCase()}`
const importOf = (name: string) => `host${name}`
const echo = (value: Value) => value

/** The plugin `typed`, whose imports return their argument. */
function typed(compiler: (typeof compilers)[number]) {
  const hosts = Object.keys(VALUES).map((name) => [importOf(name), echo])
  const env = { ...Object.fromEntries(hosts), translate: (text: string, language: string) => `${text} (${language})` }
  return new Instance(new Module(guest('typed'), { compiler }), { env })
}
const exportsOf = (instance: Instance) => instance.exports as unknown as Typed

describe.each(compilers)('%s', (compiler) => {
  test.each(Object.keys(VALUES))('%s goes to an original, an import, JavaScript, another plugin, and back', (name) => {
    const plugin = typed(compiler)
    const second = new Instance(new Module(guest('typed_v2'), { compiler }))
    const exports = exportsOf(plugin)
    const slot = plugin.slot(slotOf(name))
    const through = () => VALUES[name]!.map((value) => exports[`callEcho${name}`]!(value))
    expect(through()).toEqual(VALUES[name])
    expect(VALUES[name]!.map((value) => exports[`callHost${name}`]!(value))).toEqual(VALUES[name])
    const seen: Value[] = []
    const change = link((value: Value) => (seen.push(value), value), slot)
    expect(through()).toEqual(VALUES[name])
    expect(seen).toEqual(VALUES[name])
    change.undo()
    link(second.exports[`echo${name}`] as never, slot)
    expect(through()).toEqual(VALUES[name])
    expect(exportsOf(second).calls!()).toBe(VALUES[name]!.length)
  })

  test.each(Object.keys(VALUES).filter((name) => !['Array', 'Names'].includes(name)))(
    '%s goes to a guest of wit-bindgen, and back',
    (name) => {
      const plugin = typed(compiler)
      const hosts = ['String', 'Record', 'Shape', 'Large'].map((each) => [importOf(each), echo])
      const module = new Module(guest('typed_bindgen'), { compiler })
      const bindgen = new Instance(module, { $root: Object.fromEntries(hosts) }, { wit: WORLD })
      link(bindgen.exports[`echo${name}`] as never, plugin.slot(slotOf(name)))
      const exports = exportsOf(plugin)
      expect(VALUES[name]!.map((value) => exports[`callEcho${name}`]!(value))).toEqual(VALUES[name])
      expect(exportsOf(bindgen).calls!()).toBe(VALUES[name]!.length)
    },
  )

  test.each(['String', 'Record', 'Shape', 'Large'])(
    '%s goes from a guest of wit-bindgen to the host, and back',
    (name) => {
      const hosts = ['String', 'Record', 'Shape', 'Large'].map((each) => [importOf(each), echo])
      const module = new Module(guest('typed_bindgen'), { compiler })
      const bindgen = new Instance(module, { $root: Object.fromEntries(hosts) }, { wit: WORLD })
      expect(VALUES[name]!.map((value) => exportsOf(bindgen)[`callHost${name}`]!(value))).toEqual(VALUES[name])
    },
  )

  test('references, and more parameters than core functions have', () => {
    const exports = exportsOf(typed(compiler))
    const names = ['ab', 'c']
    const longs = BigUint64Array.of(1n, 2n)
    expect(exports.callCount!('wörld', Uint8Array.of(1, 2, 3), longs, names, { tag: 'nothing' })).toEqual([
      5,
      6,
      2,
      3,
      'red',
    ])
    expect(
      exports.callSeventeen!(1, -1, 2, -2, 3, -3, 4n, -4n, 0.5, 1.5, true, 'x', 'text', 9, Uint8Array.of(1, 2), 7n, [
        'q',
      ]),
    ).toBe('1 -1 2 -2 3 -3 4 -4 0.5 1.5 true x text 9 [1, 2] Some(7) ["q"]')
    expect(exports.callDeeper!({ depth: 3, names: ['a'] })).toEqual({ depth: 4, names: ['a'] })
    expect(exports.callTranslate!('tea', 'de')).toBe('tea (de)')
    expect(exports.nothing!()).toBeUndefined()
    expect(exports.check!(true)).toBeUndefined()
    expect(thrownBy(() => exports.check!(false))).toMatchObject({ payload: 'invalid' })
  })
})

test('a million calls leave the memory as it was', () => {
  const plugin = typed('cranelift')
  const { callGreet, callDiscount, callSeventeen, memory } = plugin.exports as unknown as Typed & {
    memory: { buffer: ArrayBuffer }
  }
  const item = { sku: 'x', quantity: 2, price: 100n }
  const order = { customer: 'Bob', items: [item, item], rights: { payLater: true, cancel: false }, channel: 'phone' }
  const calls = (count: number) => {
    for (let call = 0; call < count; call++) {
      callGreet!('wörld')
      if (call % 10 === 0) {
        callDiscount!(order)
        callSeventeen!(1, 1, 1, 1, 1, 1, 1n, 1n, 1, 1, true, 'x', 'text', 9, Uint8Array.of(1, 2), 7n, ['q'])
      }
    }
  }
  calls(1000)
  const before = memory.buffer.byteLength
  calls(1_000_000)
  expect(memory.buffer.byteLength).toBe(before)
})

describe('what a guest refuses, called by another engine', () => {
  const hosts = Object.keys(VALUES).map((name) => [`host-${name.toLowerCase()}`, () => 0])
  const bytes = guest('typed')
  const module = new WebAssembly.Module(bytes)
  let exports: any
  const relink = Object.fromEntries(
    WebAssembly.Module.imports(module)
      .filter((each) => each.module === 'relink')
      .map(({ name }) => [name, (...values: number[]) => exports[`relink:${name}`](...values)]),
  )
  beforeEach(() => {
    const env = { ...Object.fromEntries(hosts), translate: () => 0 }
    exports = new WebAssembly.Instance(module, { relink, env } as never).exports
    exports['relink:report_panics']()
  })

  /** The message of the panic that a call ends in. */
  function panic(call: () => void): string {
    expect(call).toThrow(WebAssembly.RuntimeError)
    const memory = exports.memory.buffer
    const [address, length] = new Uint32Array(memory, exports['relink:panic'].value, 2)
    return Buffer.from(memory, address, length).toString()
  }
  const put = (bytes: number[]) => {
    const address = exports.cabi_realloc(0, 0, 1, bytes.length)
    new Uint8Array(exports.memory.buffer, address).set(bytes)
    return [address, bytes.length]
  }

  test('text that is not UTF-8', () => {
    expect(panic(() => exports['call-greet'](...put([0x61, 0xff])))).toBe(
      'export `call-greet`: the parameter `name` has text that is not UTF-8: byte 0xff at position 1',
    )
  })

  test('a discriminant that no case has', () => {
    expect(panic(() => exports['relink:lifted:typed::echo_color'](3))).toBe(
      'slot `typed::echo_color`: the parameter `value` has the discriminant 3, and `color` has 3 cases',
    )
    expect(panic(() => exports['call-half'](256, 0))).toContain('has the discriminant 256, and `option` has 2 cases')
  })

  test('a number that is no char, and a list that is not aligned', () => {
    expect(panic(() => exports['call-echo-char'](1, 0xd800))).toContain('has 0xd800, which is not a char')
    expect(panic(() => exports['call-echo-longs'](9, 1))).toContain('is not aligned to 8 or does not fit')
    expect(panic(() => exports['call-echo-longs'](8, 0x7fff_ffff))).toContain('has a list of 2147483647 elements')
  })
})

test('a missing import is described as Rust declares it, and no name of the ABI is proposed', () => {
  const module = new Module(guest('typed'))
  const given = (missing?: string) =>
    new Proxy({}, { get: () => new Proxy({}, { get: (_, name) => (name === missing ? undefined : () => {}) }) })
  expect(thrownBy(() => new Instance(module, given('translate')))).toMatchObject({
    code: 'ERR_RELINK_IMPORT',
    expected: 'function translate(text: &str, language: String) -> Option<String>',
    actual: 'undefined',
  })
  const instance = new Instance(module, given())
  const { candidates } = thrownBy(() => instance.slot('echo_byte'))
  expect(candidates).toContain('typed::echo_bytes')
  expect(candidates.filter((name: string) => /^(relink:|cabi_)/.test(name))).toEqual([])
})
