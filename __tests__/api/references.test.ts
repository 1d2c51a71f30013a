// References to JavaScript values: they come out of WebAssembly unchanged, and are released.
import { spawnSync } from 'node:child_process'
import { Global, Table } from '../..'
import { compilers, instanceOf, root, wat } from '../support'

const values: unknown[] = [
  undefined,
  null,
  0,
  -0,
  NaN,
  5n,
  '',
  'text',
  Symbol('s'),
  Symbol.for('registered'),
  {},
  [],
  () => {},
  new Proxy({}, {}),
  Object.create(null),
  new Map(),
  globalThis,
]

const text = `(module
  (import "env" "hand" (func $hand (param externref) (result externref)))
  (import "env" "two" (func $two (param externref externref) (result externref externref)))
  (table $t (export "table") 2 10 externref)
  (global $g (export "global") (mut externref) (ref.null extern))
  (func (export "same") (param externref) (result externref) local.get 0)
  (func (export "over") (param externref) (result externref) (call $hand (local.get 0)))
  (func (export "swap") (param externref externref) (result externref externref) (call $two (local.get 0) (local.get 1)))
  (func (export "put") (param i32 externref) (table.set $t (local.get 0) (local.get 1)))
  (func (export "take") (param i32) (result externref) (table.get $t (local.get 0)))
  (func (export "grow") (param externref i32) (result i32) (table.grow $t (local.get 0) (local.get 1)))
  (func (export "fill") (param i32 externref i32) (table.fill $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "keep") (param externref) (global.set $g (local.get 0)))
  (func (export "kept") (result externref) (global.get $g))
  (func (export "isNull") (param externref) (result i32) (ref.is_null (local.get 0))))`

describe.each(compilers)('a value of any kind (%s)', (compiler) => {
  const make = async () => {
    const handed: unknown[] = []
    const env = {
      hand(value: unknown) {
        handed.push(value)
        return value
      },
      two: (one: unknown, other: unknown) => [other, one],
    }
    // Singlepass accepts no imports with two results.
    const source =
      compiler === 'singlepass'
        ? text.replace(/\(import "env" "two".*\n/, '').replace(/\(func \(export "swap"\).*\n/, '')
        : text
    const { exports } = await instanceOf(source, { env }, { compiler })
    return { ...exports, handed } as Record<string, any>
  }

  test('as a parameter, a result, and of an import', async () => {
    const { same, over, handed } = await make()
    for (const value of values) {
      expect(same(value)).toBe(value)
      expect(over(value)).toBe(value)
    }
    expect(handed).toEqual(values)
    expect(same()).toBe(undefined)
  })

  test('null, and no other value, is null in WebAssembly', async () => {
    const { isNull } = await make()
    expect(values.filter((value) => isNull(value) === 1)).toEqual([null])
  })

  test('in a table, from both sides', async () => {
    const { table, put, take, grow, fill } = await make()
    expect([table.get(0), table.length]).toEqual([null, 2])
    for (const value of values) {
      put(0, value)
      expect(table.get(0)).toBe(value)
      table.set(1, value)
      expect(take(1)).toBe(value)
    }
    expect(table.grow(1)).toBe(2)
    expect([take(2), table.get(2)]).toEqual([undefined, undefined])
    expect(grow('new', 2)).toBe(3)
    expect([table.get(3), take(4)]).toEqual(['new', 'new'])
    fill(0, 'filled', 3)
    expect([0, 1, 2, 3].map((index) => table.get(index))).toEqual(['filled', 'filled', 'filled', 'new'])
    table.set(0)
    expect(take(0)).toBe(undefined)
  })

  test('in a global, from both sides', async () => {
    const { global, keep, kept } = await make()
    expect(global.value).toBe(null)
    for (const value of values) {
      keep(value)
      expect(global.value).toBe(value)
      global.value = null
      global.value = value
      expect(kept()).toBe(value)
    }
  })

  test('as an import', async () => {
    const source = `(module
      (import "env" "plain" (global $plain externref))
      (import "env" "global" (global $global (mut externref)))
      (import "env" "function" (global $function funcref))
      (import "env" "table" (table $table 1 externref))
      (func (export "all") (result externref) (table.set $table (i32.const 0) (global.get $plain)) (global.get $global))
      (func (export "none") (result i32) (ref.is_null (global.get $function))))`
    const plain = {}
    const global = new Global({ value: 'externref', mutable: true }, 'mutable')
    const table = new Table({ element: 'externref', initial: 1 })
    const { exports } = await instanceOf(source, { env: { plain, global, table, function: null } }, { compiler })
    expect([exports.all(), table.get(0) === plain, exports.none()]).toEqual(['mutable', true, 1])
  })
})

test('two results, and two parameters', async () => {
  const env = { hand: () => {}, two: (one: unknown, other: unknown) => new Set([other, one]) }
  const { exports } = await instanceOf(text, { env })
  const [one, other] = [{}, Symbol('s')]
  expect(exports.swap(one, other)).toEqual([other, one])
})

test('functions in globals', async () => {
  const { exports } = await instanceOf('(module (func (export "f") (result i32) i32.const 7))')
  const global = new Global({ value: 'anyfunc', mutable: true }, exports.f)
  expect(global.value).toBe(exports.f)
  const bytes = `(module (type $t (func (result i32))) (import "env" "g" (global $g (mut funcref))) (table $t 1 funcref)
    (func (export "call") (result i32) (table.set $t (i32.const 0) (global.get $g)) (call_indirect $t (type $t) (i32.const 0))))`
  const importer = await instanceOf(bytes, { env: { g: global } })
  expect(importer.exports.call()).toBe(7)
  global.value = null
  expect(() => importer.exports.call()).toThrow(/null function/)
  expect(() => (global.value = (() => {}) as never)).toThrow(TypeError)
})

test('of a million values, only those that WebAssembly holds are kept', async () => {
  // In a process of its own, which can trigger V8's collection.
  const program = `
    const { Instance, Module } = require(${JSON.stringify(root)})
    const { exports } = new Instance(new Module(Buffer.from(process.argv[1], 'base64')), { env: { hand: (x) => x } })
    const { same, over, put, keep, take, kept } = exports
    const watched = []
    const value = (number) => {
      const object = { number }
      if (number % 10_000 === 0) watched.push(new WeakRef(object))
      return object
    }
    put(0, value(0))
    keep(value(10_000))
    for (let number = 1; number < 1_000_000; number++) {
      const object = value(number)
      if (same(object) !== object || over(object) !== object) throw new Error('another object')
    }
    setImmediate(() => {
      gc()
      const left = watched.filter((reference) => reference.deref() !== undefined).length
      console.log(JSON.stringify({ left, table: take(0).number, global: kept().number }))
    })`
  const source = text.replace(/\(import "env" "two".*\n/, '').replace(/\(func \(export "swap"\).*\n/, '')
  const bytes = Buffer.from(await wat(source)).toString('base64')
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', program, bytes], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const { left, table, global } = JSON.parse(stdout)
  expect({ table, global }).toEqual({ table: 0, global: 10_000 })
  // The values that are still held, and the values since the last sweep.
  expect(left).toBeLessThan(5)
})
