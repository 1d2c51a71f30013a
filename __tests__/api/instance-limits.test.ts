// Limits of one instance that its store does not set: externrefs and buffers; and those of all its objects together.
import { spawnSync } from 'node:child_process'
import { Instance, Memory, Module, Store, Table, type InstanceLimits } from '../..'
import { compilers, root, thrownBy, wat } from '../support'
import { collect } from '../support/collecting'

const exceeds = (limit: string, value: number, asked: number) =>
  expect.objectContaining({
    name: 'RangeError',
    code: 'ERR_RELINK_LIMIT',
    limit,
    value,
    asked,
    message: expect.stringContaining(`the limit \`${limit}\` of the instance`) as string,
  })

const text = `(module
  (import "env" "make" (func $make (result externref)))
  (memory (export "memory") 1)
  (table (export "values") 100 externref)
  (global (export "global") (mut externref) (ref.null extern))
  (func (export "put") (param i32 externref) (table.set (local.get 0) (local.get 1)))
  (func (export "three") (param externref externref externref)
    (table.set (i32.const 90) (local.get 0))
    (table.set (i32.const 91) (local.get 1))
    (table.set (i32.const 92) (local.get 2)))
  (func (export "take") (param i32) (result externref) (table.get (local.get 0)))
  (func (export "pull") (param i32) (table.set (local.get 0) (call $make)))
  (func (export "clear") (table.fill (i32.const 0) (ref.null extern) (i32.const 100))))`

const make = () => ({ made: true })

describe.each([...compilers, 'auto'] as const)('externrefs of an instance (%s)', (compiler) => {
  let module: Module
  beforeAll(async () => {
    module = new Module(await wat(text), { compiler })
  })
  const instanceOf = (store: Store, limits?: InstanceLimits) =>
    new Instance(module, { env: { make } }, { store, limits }).exports as Record<string, any>

  test('are those that JavaScript passes to it, in each way', () => {
    const store = new Store()
    const limited = instanceOf(store, { externrefs: 4 })
    limited.put(0, { argument: true })
    limited.pull(1)
    limited.values.set(2, { entry: true })
    limited.global.value = { global: true }
    const refusal = exceeds('externrefs', 4, 5)
    expect(thrownBy(() => limited.put(3, {}))).toEqual(refusal)
    expect(thrownBy(() => limited.pull(3))).toEqual(refusal)
    expect(thrownBy(() => limited.values.set(3, {}))).toEqual(refusal)
    expect(thrownBy(() => limited.values.grow(1, {}))).toEqual(refusal)
    expect(thrownBy(() => (limited.global.value = {}))).toEqual(refusal)
    expect([0, 1, 2, 3].map((index) => limited.take(index))).toEqual([
      { argument: true },
      { made: true },
      { entry: true },
      null,
    ])
    expect([limited.global.value, limited.values.length]).toEqual([{ global: true }, 100])
    // null and undefined take nothing.
    limited.put(3, undefined)
    limited.put(3, null)
    // Other instances and objects of the store are not concerned.
    const other = instanceOf(store)
    for (let index = 0; index < 50; index++) other.put(index, { index })
    const table = new Table({ element: 'externref', initial: 50 }, undefined, { store })
    for (let index = 0; index < 50; index++) table.set(index, { index })
    expect(thrownBy(() => limited.put(3, {}))).toEqual(refusal)
  })

  test('are refused together', () => {
    const limited = instanceOf(new Store(), { externrefs: 2 })
    expect(thrownBy(() => limited.three({}, {}, {}))).toEqual(exceeds('externrefs', 2, 3))
    expect([90, 91, 92].map((index) => limited.take(index))).toEqual([null, null, null])
    limited.three({ a: 1 }, null, { c: 3 })
    expect([90, 91, 92].map((index) => limited.take(index))).toEqual([{ a: 1 }, null, { c: 3 }])
  })

  test('count until wasm lets go of them', () => {
    const limited = instanceOf(new Store(), { externrefs: 10 })
    for (let round = 0; round < 50; round++) {
      for (let index = 0; index < 5; index++) limited.put(index, { round, index })
      for (let index = 5; index < 10; index++) limited.pull(index)
      expect(limited.take(4)).toEqual({ round, index: 4 })
      limited.clear()
    }
    for (let index = 0; index < 10; index++) limited.put(index, { index })
    expect(thrownBy(() => limited.put(10, {}))).toEqual(exceeds('externrefs', 10, 11))
  })

  test('go with the instance', async () => {
    const store = new Store()
    for (let round = 0; round < 20; round++) {
      const instance = new Instance(module, { env: { make } }, { store, limits: { externrefs: 3 } })
      const { exports } = instance as { exports: Record<string, any> }
      exports.put(0, { round })
      exports.pull(1)
      instance.close()
    }
    await collect(store)
    expect(store.stats()).toMatchObject({ instances: 0, externrefs: 0 })
  })

  test('have the limit of the store, too', () => {
    const store = new Store({ limits: { externrefs: 3 } })
    const [first, second] = [instanceOf(store, { externrefs: 2 }), instanceOf(store, { externrefs: 2 })]
    first.put(0, {})
    first.put(1, {})
    second.put(0, {})
    const { limit, message } = thrownBy(() => second.put(1, {})) as unknown as { limit: string; message: string }
    expect([limit, message]).toEqual(['externrefs', expect.stringContaining('of the store')])
  })
})

test('externrefs of an instance are limited without code from strings', async () => {
  const program = `
    const { Instance, Module } = require(${JSON.stringify(root)})
    const module = new Module(Buffer.from(process.argv[1], 'base64'))
    const { exports } = new Instance(module, { env: { make: () => ({}) } }, { limits: { externrefs: 2 } })
    exports.put(0, {})
    exports.pull(1)
    const codes = [() => exports.put(2, {}), () => exports.pull(2)].map((run) => {
      try { return run() } catch ({ code, asked }) { return code + asked }
    })
    exports.clear()
    exports.put(0, {})
    console.log(codes.join())`
  const argument = Buffer.from(await wat(text)).toString('base64')
  const child = spawnSync(process.execPath, ['--disallow-code-generation-from-strings', '-e', program, argument])
  expect([`${child.stderr}`, `${child.stdout}`.trim()]).toEqual(['', Array(2).fill('ERR_RELINK_LIMIT3').join()])
})

test('externrefs among several results count, too', async () => {
  const module = new Module(
    await wat(`(module (import "env" "two" (func $two (result externref externref)))
      (table 2 externref)
      (func (export "pull") (local externref)
        (call $two)
        (local.set 0)
        (drop)
        (table.set (i32.const 1) (local.get 0))))`),
    { compiler: 'cranelift' },
  )
  const two = () => [{}, {}]
  const of = (externrefs: number) =>
    new Instance(module, { env: { two } }, { store: new Store(), limits: { externrefs } }).exports as Record<
      string,
      any
    >
  expect(thrownBy(() => of(1).pull())).toEqual(exceeds('externrefs', 1, 2))
  const exports = of(3)
  for (let round = 0; round < 10; round++) exports.pull()
})

test('buffers of an instance are those over its memories', async () => {
  const store = new Store()
  const module = new Module(
    await wat('(module (memory (export "first") 1 5) (memory (export "second") 1))', { multi_memory: true }),
  )
  const { exports } = new Instance(module, {}, { store, limits: { buffers: 1 } })
  const { first, second } = exports as unknown as Record<string, Memory>
  const buffer = first!.buffer
  expect(thrownBy(() => second!.buffer)).toEqual(exceeds('buffers', 1, 2))
  expect(first!.buffer).toBe(buffer)
  // The buffer counts until V8 has collected it, also when a growth has detached it.
  first!.grow(1)
  expect(buffer.byteLength).toBe(0)
  expect(thrownBy(() => first!.buffer)).toEqual(exceeds('buffers', 1, 2))
  const { exports: others } = new Instance(module, {}, { store })
  expect((others as unknown as Record<string, Memory>).first!.buffer.byteLength).toBe(65_536)
  expect(new Memory({ initial: 1 }, { store }).buffer.byteLength).toBe(65_536)
})

test('an instance whose objects exceed a limit together is refused before the first of them is made', async () => {
  const store = new Store({ limits: { tableElements: 100, memorySize: 10 * 65_536 } })
  const tables = new Module(await wat(`(module ${'(table 30 funcref)'.repeat(7)})`))
  const memories = new Module(await wat(`(module ${'(memory 3)'.repeat(5)})`, { multi_memory: true }))
  // The amount of all of them: none was made before.
  expect(thrownBy(() => new Instance(tables, {}, { store }))).toMatchObject({ limit: 'tableElements', asked: 210 })
  expect(thrownBy(() => new Instance(memories, {}, { store }))).toMatchObject({
    limit: 'memorySize',
    asked: 15 * 65_536,
  })
  expect(thrownBy(() => new Instance(tables, {}, { limits: { tableElements: 209 } }))).toEqual(
    exceeds('tableElements', 209, 210),
  )
  expect(store.stats()).toMatchObject({ instances: 0, tables: 0, memories: 0, memoryBytes: 0 })
})
