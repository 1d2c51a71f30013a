// Typed values between JavaScript and a guest, both ways: the guest forwards a call of its export to its slot.
import { execFileSync } from 'node:child_process'
import { Instance, link, Module } from '../..'
import { root, thrownBy, wat } from '../support'
import { bump, forwarder } from '../support/typed'

const echo = async (wit: string, options?: Parameters<typeof forwarder>[1]) => {
  const instance = new Instance(new Module(await forwarder(wit, options)))
  const slot = instance.slot('t::run')
  return { run: instance.exports.run as (...values: unknown[]) => unknown, slot, instance }
}

test('a string goes in and out', async () => {
  const { run, slot } = await echo('interface i { run: func(text: string) -> string; }')
  link((text: string) => `${text}!`, slot)
  for (const text of [
    '',
    'hello',
    'grüße',
    '\0',
    '𝄞 clef',
    'x'.repeat(1000),
    'é'.repeat(1000),
    'a'.repeat(23) + '€',
    'é'.repeat(5000),
    `${'x'.repeat(3000)}𝄞${'y'.repeat(3000)}`,
    `${'z'.repeat(3000)}\ufeff`,
  ]) {
    expect(run(text)).toBe(`${text}!`)
  }
  expect(run('\ud800')).toBe('\ufffd!')
  expect(thrownBy(() => run(5))).toMatchObject({ name: 'TypeError', message: 'text: expected string, got number' })
})

/** Passes values through the guest and back: what JavaScript saw, and what came back must be the value itself. */
async function passes(definitions: string, type: string, values: unknown[]) {
  const { run, slot } = await echo(`interface i { ${definitions} run: func(value: ${type}) -> tuple<${type}>; }`)
  let seen: unknown
  link((value: unknown) => [(seen = value)], slot)
  for (const value of values) {
    expect(run(value)).toEqual([value])
    expect(seen).toEqual(value)
  }
  return (value: unknown) => thrownBy(() => run(value))
}

test.each<[string, unknown[], unknown[]]>([
  ['u8', [0, 255], [256, -1, 1.5, NaN, '1', 1n, undefined]],
  ['s8', [-128, 127], [128, -129, true]],
  ['u16', [0, 65_535], [65_536]],
  ['s16', [-32_768, 32_767], [32_768]],
  ['u32', [0, 2 ** 32 - 1], [2 ** 32, -1, Infinity]],
  ['s32', [-(2 ** 31), 2 ** 31 - 1], [2 ** 31]],
  ['u64', [0n, 2n ** 64n - 1n], [2n ** 64n, -1n, 5]],
  ['s64', [-(2n ** 63n), 2n ** 63n - 1n], [2n ** 63n, 5]],
  ['f32', [0, -0, NaN, Infinity, 1.5], ['1', 1n]],
  ['f64', [0, -0, NaN, -Infinity, 0.1, 5e-324], [null, Symbol.iterator]],
  ['bool', [true, false], [0, 1, 'true']],
  ['char', ['a', '\0', '𝄞', '\uffff'], ['', 'ab', '\ud800', 5]],
  ['list<u8>', [new Uint8Array(0), Uint8Array.of(0, 255)], [Int8Array.of(1), 'a', {}, [256]]],
  ['list<u64>', [BigUint64Array.of(0n, 2n ** 64n - 1n)], [[1], BigInt64Array.of(1n)]],
  ['list<f32>', [Float32Array.of(-0, NaN, 1.5)], [Float64Array.of(1)]],
  ['list<list<string>>', [[], [[]], [['a', '', 'b'], []]], [[5], [['a', undefined]]]],
  ['list<bool, 2>', [[true, false]], [[true], [true, false, true], true]],
  ['option<string>', [undefined, '', 'a'], [5, false]],
  ['option<option<u8>>', [{ tag: 'none' }, { tag: 'some', val: undefined }, { tag: 'some', val: 7 }], [undefined, 7]],
  [
    'result<u8, string>',
    [
      { tag: 'ok', val: 1 },
      { tag: 'err', val: 'no' },
    ],
    [{ tag: 'no' }, undefined, { tag: 'ok' }],
  ],
  ['tuple<u8, string>', [[1, 'a']], [[1], [1, 'a', 2], ['a', 1], {}]],
])('%s', async (type, good, bad) => {
  const refused = await passes('', type, good)
  for (const value of bad) expect(refused(value)).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
})

test('named types', async () => {
  const definitions = `enum colour { light-red, green } flags rights { can-read, write }
    variant shape { a-dot, line(f64) } type json = string; record item { the-name: string, extra: json, shape: shape,
      colour: colour, rights: rights, more: list<option<colour>> }`
  const item = (more: object = {}) => ({
    theName: 'x',
    extra: { a: [1, null, 'b'] },
    shape: { tag: 'line', val: 0.5 },
    colour: 'light-red',
    rights: { canRead: true, write: false },
    more: ['green', undefined],
    ...more,
  })
  const refused = await passes(definitions, 'item', [item(), item({ shape: { tag: 'a-dot' }, extra: null })])
  const words = (more: object) => refused(item(more)).message
  expect(words({ theName: 5 })).toBe('value.theName: expected string, got number')
  expect(words({ extra: undefined })).toBe('value.extra: expected a value that JSON has, got undefined')
  expect(words({ shape: { tag: 'aDot' } })).toBe('value.shape.tag: expected "a-dot" or "line", got "aDot"')
  expect(words({ shape: { tag: 'line', val: 1n } })).toBe('value.shape.val: expected number, got bigint')
  expect(words({ colour: 'blue' })).toBe('value.colour: expected "light-red" or "green", got "blue"')
  expect(words({ rights: { write: 1 } })).toBe('value.rights.write: expected boolean, got number')
  expect(words({ more: ['green', 'red'] })).toBe('value.more[1]: expected "light-red" or "green", got "red"')
  expect(refused(null).message).toBe('value: expected object, got null')
})

test('a path leads through lists of records', async () => {
  const definitions = 'record item { name: string, price: u64 } record order { items: list<item> }'
  const items = [1n, 2n, 3n, 4n].map((price) => ({ name: 'x', price }))
  const refused = await passes(definitions, 'order', [{ items }])
  const wrong = { items: [...items.slice(0, 3), { name: 'x', price: 4 }] }
  expect(refused(wrong)).toMatchObject({
    name: 'TypeError',
    code: 'ERR_INVALID_ARG_TYPE',
    path: 'value.items[3].price',
    message: 'value.items[3].price: expected bigint, got number',
  })
})

test('a value that does not fit takes no memory of the guest', async () => {
  const wit = 'interface i { record r { a: string, b: u8 } run: func(all: list<r>) -> string; }'
  const { run, slot, instance } = await echo(wit, { more: '(func (export "top") (result i32) (global.get $top))' })
  link(() => 'x', slot)
  const top = instance.exports.top()
  expect(thrownBy(() => run([{ a: 'text', b: 1 }, { a: 'text', b: 'x' }]))).toMatchObject({ path: 'all[1].b' }) // prettier-ignore
  expect(instance.exports.top()).toBe(top)
})

test('17 parameters and more go through memory', async () => {
  const parameters = Array.from({ length: 17 }, (_, index) => `p${index}: ${index % 2 ? 'string' : 'u64'}`)
  const { run, slot } = await echo(`interface i { run: func(${parameters.join(', ')}) -> list<string>; }`)
  const values = parameters.map((_, index) => (index % 2 ? `text ${index}` : BigInt(index)))
  link((...all: unknown[]) => all.map(String), slot)
  expect(run(...values)).toEqual(values.map(String))
  expect(thrownBy(() => run(...values.slice(0, 16), 5))).toMatchObject({ message: 'p16: expected bigint, got number' })
})

test('no parameters, no result, one flat result', async () => {
  const none = await echo('interface i { run: func(); }')
  link(() => 5, none.slot)
  expect(none.run()).toBeUndefined()
  const flat = await echo('interface i { enum e { a, b } run: func(x: e) -> e; }')
  link((value: string) => value, flat.slot)
  expect([flat.run('b'), flat.run('a')]).toEqual(['b', 'a'])
})

test('a result: ok is returned, err is thrown, and other errors pass', async () => {
  const { run, slot } = await echo('interface i { run: func(text: string) -> result<string, tuple<u8, string>>; }')
  const other = new Error('other')
  link((text: string) => {
    if (text === 'err') throw Object.assign(new Error('no'), { payload: [5, 'why'] })
    if (text === 'bad') throw Object.assign(new Error('no'), { payload: 'x' })
    if (text === 'other') throw other
    return text
  }, slot)
  expect(run('fine')).toBe('fine')
  const error = thrownBy(() => run('err'))
  expect(error).toMatchObject({ name: 'Error', payload: [5, 'why'], message: "run failed: [ 5, 'why' ]" })
  expect(thrownBy(() => run('other'))).toBe(other)
  expect(thrownBy(() => run('bad'))).toMatchObject({ message: 'result.val: expected array, got string' })
})

test('a string of 100 MB', async () => {
  const { run, slot } = await echo('interface i { run: func(text: string) -> string; }')
  link((text: string) => text, slot)
  const text = 'abcdefghij'.repeat(10_000_000)
  expect(run(text) === text).toBe(true)
})

test('getters of the user may call the plugin and grow its memory', async () => {
  const { run, slot, instance } = await echo(
    'interface i { record r { a: string, b: string } run: func(r: r) -> string; }',
  )
  link(({ a, b }: { a: string; b: string }) => a + b, slot)
  const value = {
    a: 'x',
    get b(): string {
      instance.exports.memory.grow(1)
      return `(${run({ a: 'inner', b: '!' })})`
    },
  }
  expect(run(value)).toBe('x(inner!)')
})

test('a typed import is given in camelCase or as it is named', async () => {
  const wit = 'world w { import to-upper: func(text: string) -> string; export f: func() -> string; }'
  const bytes = await wat(`(module (import "$root" "to-upper" (func $upper (param i32 i32 i32)))
    (memory (export "memory") 1) (data (i32.const 100) "hello") ${bump}
    (func (export "f") (result i32) (call $upper (i32.const 100) (i32.const 5) (i32.const 64)) (i32.const 64)))`)
  const toUpper = (text: string) => text.toUpperCase()
  for (const $root of [{ toUpper }, { 'to-upper': toUpper }]) {
    const { exports } = new Instance(new Module(bytes), { $root }, { wit })
    expect(exports.f()).toBe('HELLO')
  }
  expect(thrownBy(() => new Instance(new Module(bytes), { $root: {} }, { wit }))).toMatchObject({
    code: 'ERR_RELINK_IMPORT',
  })
  const instance = new Instance(new Module(bytes), { $root: { toUpper } }, { wit })
  const slot = instance.slot('$root.to-upper')
  expect(slot.current).toBe(toUpper)
  const change = link((text: string) => `${text}?`, slot)
  expect(instance.exports.f()).toBe('hello?')
  change.undo()
  expect(instance.exports.f()).toBe('HELLO')
})

test('without code from strings, values pass too', async () => {
  const wit = 'interface i { run: func(text: string) -> string; }'
  const bytes = Buffer.from(await forwarder(wit)).toString('base64')
  const program = `const { Instance, link, Module } = require('.')
    const instance = new Instance(new Module(Buffer.from('${bytes}', 'base64')))
    link((text) => text + '!', instance.slot('t::run'))
    console.log(instance.exports.run('hello'))`
  const options = ['--disallow-code-generation-from-strings', '-e', program]
  expect(execFileSync(process.execPath, options, { cwd: root, encoding: 'utf8' })).toBe('hello!\n')
})
