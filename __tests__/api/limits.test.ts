// Limits of stores, instances and compiles: reaching one is an error, or a growth of -1, and the process goes on.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { constrainedMemory } from 'node:process'
import { totalmem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import {
  Instance,
  Memory,
  Module,
  Store,
  Table,
  WebAssembly,
  compile,
  compileFile,
  instantiate,
  link,
  load,
  type ResourceLimits,
} from '../..'
import { PEAK, compilers, rejectionOf, root, thrownBy, wat } from '../support'
import { collect } from '../support/collecting'

const PAGE = 65_536

/** The class, the code and the numbers of a limit's error. */
const exceeds = (limit: string, value: number, asked: number) =>
  expect.objectContaining({ name: 'RangeError', code: 'ERR_RELINK_LIMIT', limit, value, asked })

const GROWING = `(module
  (import "env" "keep" (func $keep (param externref)))
  (memory (export "memory") 1)
  (table (export "table") 2 funcref)
  (table (export "values") 0 externref)
  (func (export "size") (result i32) memory.size)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "growTable") (param i32) (result i32) (table.grow 0 (ref.null func) (local.get 0)))
  (func (export "put") (param externref) (result i32) (table.grow 1 (local.get 0) (i32.const 1))))`

const imports = { env: { keep() {} } }
let growing: Uint8Array<ArrayBuffer>
let folder: string

beforeAll(async () => {
  growing = await wat(GROWING)
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-limits-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const storeOf = (limits: ResourceLimits) => new Store({ limits })

describe.each(compilers)('on %s', (compiler) => {
  const make = (store: Store, limits?: ResourceLimits) =>
    new Instance(new Module(growing, { compiler }), imports, { store, limits })

  describe.each(['full', 'small'] as const)('memories that are %s', (reserve) => {
    test('end at `memorySize`, from wasm and by API, at instantiation and by growth', () => {
      const store = storeOf({ memorySize: 4 * PAGE })
      const module = new Module(growing, { compiler, reserve })
      const plugin = new Instance(module, imports, { store })
      expect([plugin.exports.grow(2), plugin.exports.grow(2), plugin.exports.size()]).toEqual([1, -1, 3])
      const own = new Memory({ initial: 1 }, { store, reserve })
      expect(thrownBy(() => own.grow(1))).toEqual(exceeds('memorySize', 4 * PAGE, 5 * PAGE))
      expect(thrownBy(() => plugin.exports.memory.grow(1))).toEqual(exceeds('memorySize', 4 * PAGE, 5 * PAGE))
      expect(thrownBy(() => new Memory({ initial: 2 }, { store, reserve }))).toEqual(
        exceeds('memorySize', 4 * PAGE, 6 * PAGE),
      )
      expect(thrownBy(() => new Instance(module, imports, { store }))).toEqual(
        exceeds('memorySize', 4 * PAGE, 5 * PAGE),
      )
      expect(plugin.exports.grow(0)).toBe(3)
      expect(store.stats()).toMatchObject({ instances: 1, memoryBytes: 4 * PAGE })
    })
  })

  test('an imported memory counts for the store that has it', async () => {
    const store = storeOf({ memorySize: 3 * PAGE })
    const memory = new Memory({ initial: 2 }, { store })
    const module = new Module(
      await wat(`(module (import "env" "memory" (memory 1))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`),
      { compiler },
    )
    // The instance defines no memory, so its own limit does not matter.
    const { exports } = new Instance(module, { env: { memory } }, { store, limits: { memorySize: 0 } })
    expect([exports.grow(1), exports.grow(1)]).toEqual([2, -1])
    expect(memory.buffer.byteLength).toBe(3 * PAGE)
  })

  test('an instance may have less than its store', () => {
    const store = storeOf({ memorySize: 10 * PAGE, tableElements: 100 })
    const plugin = make(store, { memorySize: 2 * PAGE, tableElements: 5 })
    expect([plugin.exports.grow(1), plugin.exports.grow(1)]).toEqual([1, -1])
    expect([plugin.exports.growTable(3), plugin.exports.growTable(1)]).toEqual([2, -1])
    expect(thrownBy(() => plugin.exports.memory.grow(1))).toEqual(exceeds('memorySize', 2 * PAGE, 3 * PAGE))
    expect(thrownBy(() => plugin.exports.table.grow(1))).toEqual(exceeds('tableElements', 5, 6))
    const other = make(store)
    expect(other.exports.grow(7)).toBe(1)
    expect(other.exports.grow(1)).toBe(-1)
    expect(thrownBy(() => make(store, { memorySize: PAGE - 1 }))).toEqual(exceeds('memorySize', PAGE - 1, PAGE))
    expect(thrownBy(() => make(storeOf({}), { functions: 4 }))).toEqual(
      exceeds('functions', 4, expect.any(Number) as never),
    )
  })

  test('tables end at `tableElements`', () => {
    const store = storeOf({ tableElements: 6 })
    const { exports } = make(store)
    expect([exports.growTable(2), exports.growTable(3)]).toEqual([2, -1])
    const own = new Table({ element: 'anyfunc', initial: 1 }, null, { store })
    expect(own.grow(1)).toBe(1)
    expect(thrownBy(() => own.grow(1))).toEqual(exceeds('tableElements', 6, 7))
    expect(thrownBy(() => new Table({ element: 'externref', initial: 1 }, 0, { store }))).toEqual(
      exceeds('tableElements', 6, 7),
    )
    expect(thrownBy(() => make(store))).toEqual(exceeds('tableElements', 6, 8))
    // A growth that fails for another reason takes nothing.
    const small = storeOf({ tableElements: 4 })
    const fixed = new Table({ element: 'anyfunc', initial: 1, maximum: 2 }, null, { store: small })
    for (let round = 0; round < 10; round++) expect(thrownBy(() => fixed.grow(3)).code).toBe('ERR_OUT_OF_RANGE')
    expect(fixed.grow(1)).toBe(1)
    expect(new Table({ element: 'anyfunc', initial: 2 }, null, { store: small })).toHaveLength(2)
  })

  test('an imported table counts for its store, also when wasm grows it', async () => {
    const store = storeOf({ tableElements: 4 })
    const table = new Table({ element: 'externref', initial: 2 }, 0, { store })
    const module = new Module(
      await wat(`(module (import "env" "table" (table 1 externref)) (table 0 funcref)
        (func (export "grow") (param i32) (result i32) (table.grow 0 (ref.null extern) (local.get 0))))`),
      { compiler },
    )
    const { exports } = new Instance(module, { env: { table } }, { store })
    expect([exports.grow(2), exports.grow(1), table.length]).toEqual([2, -1, 4])
  })

  test('instances and functions', () => {
    const store = storeOf({ instances: 2 })
    const [first, second] = [make(store), make(store)]
    expect(thrownBy(() => make(store))).toEqual(exceeds('instances', 2, 3))
    first.close()
    expect(make(store).exports.size()).toBe(1)
    expect(second.exports.size()).toBe(1)
    const few = storeOf({ functions: 9 })
    expect(thrownBy(() => make(few))).toMatchObject({ code: 'ERR_RELINK_LIMIT', limit: 'functions', value: 9 })
    expect(few.stats()).toMatchObject({ instances: 0, functions: 0, memories: 0, tables: 0 })
  })

  test('externrefs that wasm holds, and those that it has let go of', () => {
    const store = storeOf({ externrefs: 100 })
    const { exports } = make(store)
    for (let number = 0; number < 100; number++) expect(exports.put({ number })).toBe(number)
    expect(thrownBy(() => exports.put({}))).toEqual(exceeds('externrefs', 100, 101))
    expect(exports.values).toHaveLength(100)
    for (let number = 0; number < 100; number++) exports.values.set(number, null)
    // These externrefs are free from the next call on.
    expect(exports.size()).toBe(1)
    for (let number = 0; number < 50; number++) exports.values.set(number, { number })
    expect(exports.values.get(7)).toEqual({ number: 7 })
  })
})

test('buffers that are alive', async () => {
  const store = storeOf({ buffers: 2 })
  const memories = [1, 2, 3].map(() => new Memory({ initial: 1 }, { store }))
  const buffers = memories.slice(0, 2).map(({ buffer }) => buffer)
  expect(thrownBy(() => memories[2]!.buffer)).toEqual(exceeds('buffers', 2, 3))
  expect(buffers[0]).toBe(memories[0]!.buffer)
})

describe('shared memories', () => {
  const limits = { memorySize: 3 * PAGE }

  test('end at `memorySize`, by API and from wasm', async () => {
    const store = storeOf(limits)
    const memory = new Memory({ initial: 1, maximum: 10, shared: true }, { store })
    const module = new Module(
      await wat(
        `(module (import "env" "memory" (memory 1 10 shared))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`,
        { threads: true },
      ),
    )
    const { exports } = new Instance(module, { env: { memory } }, { store })
    expect([exports.grow(1), exports.grow(2)]).toEqual([1, -1])
    expect(memory.grow(1)).toBe(2)
    expect(thrownBy(() => memory.grow(1))).toEqual(exceeds('memorySize', 3 * PAGE, 4 * PAGE))
    const large = () => new Memory({ initial: 4, maximum: 10, shared: true }, { store: storeOf(limits) })
    expect(thrownBy(large)).toEqual(exceeds('memorySize', 3 * PAGE, 4 * PAGE))
  })

  test('that a worker has grown count here too, and the worker has limits of its own', async () => {
    const store = storeOf({ memorySize: 6 * PAGE })
    const memory = new Memory({ initial: 1, maximum: 10, shared: true }, { store })
    const program = `
      const { parentPort, workerData } = require('node:worker_threads')
      const { Instance, Module, Store } = require(${JSON.stringify(root)})
      const store = new Store({ limits: { memorySize: 4 * ${PAGE} } })
      const { exports } = new Instance(new Module(workerData.bytes), { env: { memory: workerData.memory } }, { store })
      parentPort.postMessage([exports.grow(3), exports.grow(1)])`
    const bytes = await wat(
      `(module (import "env" "memory" (memory 1 10 shared))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`,
      { threads: true },
    )
    const worker = new Worker(program, { eval: true, workerData: { memory, bytes } })
    const results = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    expect(results).toEqual([1, -1])
    await worker.terminate()
    expect(memory.buffer.byteLength).toBe(4 * PAGE)
    const other = new Memory({ initial: 2 }, { store })
    expect(thrownBy(() => new Memory({ initial: 1 }, { store }))).toEqual(exceeds('memorySize', 6 * PAGE, 7 * PAGE))
    expect(other.grow(0)).toBe(2)
  })
})

describe('compiles', () => {
  const bytes = () => growing
  const path = () => {
    const file = join(folder, 'growing.wasm')
    writeFileSync(file, growing)
    return file
  }

  test('of large modules are refused before they are read', async () => {
    const moduleSize = growing.length - 1
    const limits = { moduleSize }
    const expected = exceeds('moduleSize', moduleSize, growing.length)
    expect(thrownBy(() => new Module(bytes(), { limits }))).toEqual(expected)
    expect(thrownBy(() => new (WebAssembly.Module as typeof Module)(bytes(), { limits }))).toEqual(expected)
    const store = storeOf(limits)
    const refusals = await Promise.all([
      rejectionOf(compile(bytes(), { limits })),
      rejectionOf(instantiate(bytes(), imports, { limits })),
      rejectionOf(instantiate(bytes(), imports, { store })),
      rejectionOf(compileFile(path(), { limits })),
      rejectionOf(compileFile(path(), { limits, slots: ['grow'] })),
      rejectionOf(load(path(), imports, { limits, compiler: 'auto' })),
      rejectionOf(load(path(), imports, { store })),
    ])
    for (const error of refusals) expect(error).toEqual(expected)
    expect(refusals.map(({ file }) => file !== undefined)).toEqual([false, false, false, true, true, true, true])
    await load(path(), imports, {
      limits: { moduleSize: growing.length },
      store: storeOf({ moduleSize: growing.length }),
    })
  })

  test('whose code is large', async () => {
    const limits = { codeSize: 100 }
    const expected = exceeds('codeSize', 100, expect.any(Number) as never)
    for (const compiler of ['auto', ...compilers] as const) {
      expect(thrownBy(() => new Module(bytes(), { compiler, limits }))).toEqual(expected)
    }
    // Also for code that the process or the disk cache has.
    const module = await compileFile(path())
    expect(await rejectionOf(compileFile(path(), { limits }))).toEqual(expected)
    expect(new Instance(module, imports).exports.size()).toBe(1)
  })

  test('that take long', async () => {
    const many = (count: number) => `(func (result i32) ${'(i32.const 1) (drop) '.repeat(200)} (i32.const ${count}))`
    const slow = await wat(`(module ${Array.from({ length: 400 }, (_, index) => many(index)).join('')})`)
    for (const compiler of ['auto', ...compilers] as const) {
      const options = { compiler, limits: { compileTime: 0 } }
      expect(thrownBy(() => new Module(slow, options))).toEqual(exceeds('compileTime', 0, 1))
      expect(await rejectionOf(compile(slow, options))).toEqual(exceeds('compileTime', 0, 1))
    }
    expect(new Module(slow, { compiler: 'singlepass' })).toBeInstanceOf(Module)
  })
})

describe('accounting', () => {
  test('does not drift over 10,000 cycles', async () => {
    const store = storeOf({ memorySize: 1000 * PAGE, tableElements: 2000, instances: 120, functions: 3000 })
    const module = new Module(growing, { compiler: 'singlepass' })
    for (let cycle = 0; cycle < 10_000; cycle++) {
      const { exports } = new Instance(module, imports, { store })
      if (exports.grow(7) !== 1 || exports.growTable(10) !== 2) throw new Error(`cycle ${cycle}: no growth`)
      if (exports.growTable(2000) !== -1 || exports.grow(1000) !== -1) throw new Error(`cycle ${cycle}: growth`)
      if (cycle % 3 === 0) exports.values.grow(1, { cycle })
      if (cycle % 100 === 99) await collect(store)
    }
    // Everything may be had at once.
    await collect(store)
    const instance = new Instance(module, imports, { store })
    const { instances, memoryBytes } = store.stats()
    expect(instances).toBeLessThan(120)
    const left = 1000 - memoryBytes / PAGE
    expect([instance.exports.grow(left + 1), instance.exports.grow(left)]).toEqual([-1, 1])
    expect(instance.exports.grow(1)).toBe(-1)
    // Each instance has 12 entries but the new one, which has 2.
    const entries = 2000 - 2 - (instances - 1) * 12
    expect([instance.exports.growTable(entries + 10), instance.exports.growTable(entries - 50)]).toEqual([-1, 2])
  })

  test('goes down when instances are closed', () => {
    const store = storeOf({ memorySize: 8 * PAGE, tableElements: 10, instances: 2 })
    const module = new Module(growing)
    for (let cycle = 0; cycle < 300; cycle++) {
      const instance = new Instance(module, imports, { store })
      expect([instance.exports.grow(7), instance.exports.growTable(8)]).toEqual([1, 2])
      instance.close()
    }
    const [first, second] = [new Instance(module, imports, { store }), new Instance(module, imports, { store })]
    link(first.exports.size, second.slot('size'))
    expect(second.exports.size()).toBe(1)
  })
})

describe('the option', () => {
  test('is checked, and a store tells its limits', () => {
    const store = storeOf({ memorySize: 5, instances: Infinity })
    const available = Math.min(totalmem(), constrainedMemory?.() || Infinity)
    expect(store.limits).toMatchObject({ memorySize: 5, instances: Infinity, tableElements: 100_000_000 })
    expect(Store.default.limits.memorySize).toBe(Math.max(2 ** 26, Math.floor(available / 2)))
    const wrong: [object, string][] = [
      [{ memorySize: -1 }, 'ERR_OUT_OF_RANGE'],
      [{ memorySize: 1.5 }, 'ERR_OUT_OF_RANGE'],
      [{ memorySize: NaN }, 'ERR_OUT_OF_RANGE'],
      [{ memorySize: '1' }, 'ERR_INVALID_ARG_TYPE'],
      [{ memorysize: 1 }, 'ERR_INVALID_ARG_VALUE'],
    ]
    for (const [limits, code] of wrong) expect(thrownBy(() => storeOf(limits))).toMatchObject({ code })
    expect(thrownBy(() => new Module(growing, { limits: { instances: 1 } as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message:
        'unknown option `instances` in `options.limits`, expected one of `moduleSize`, `codeSize`, `compileTime`',
    })
  })

  test('a plugin has 1 GiB by default, and a module of `WebAssembly` what its store has', async () => {
    const pages = 2 ** 30 / PAGE
    const large = await wat('(module (memory 20000) (func (export "grow") (result i32) (memory.grow (i32.const 1))))')
    const begun = new Instance(new Module(large))
    expect(begun.exports.grow()).toBe(-1)
    begun.close()
    const plugin = new Instance(new Module(growing), imports)
    expect([plugin.exports.grow(pages - 1), plugin.exports.grow(1)]).toEqual([1, -1])
    const standard = new WebAssembly.Instance(new WebAssembly.Module(growing), imports)
    expect(standard.exports.grow(pages)).toBe(1)
    const raised = new Instance(new Module(growing), imports, { limits: { memorySize: 2 ** 31 } })
    expect(raised.exports.grow(pages)).toBe(1)
    for (const instance of [plugin, standard, raised]) (instance as Instance).close()
  })
})

test('a plugin that eats memory is stopped, and the process goes on', async () => {
  const program = `
    const { Instance, Module } = require(${JSON.stringify(root)})
    const bytes = Buffer.from(process.argv[1], 'base64')
    const plugin = new Instance(new Module(bytes))
    const pages = plugin.exports.eat()
    plugin.close()
    setTimeout(() => console.log(JSON.stringify({ pages, peak: ${PEAK} / 1024 })), 1)`
  const bytes = await wat(`(module (memory (export "memory") 1) (func (export "eat") (result i32)
    (block $out (loop $more
      (br_if $out (i32.eq (memory.grow (i32.const 64)) (i32.const -1)))
      (memory.fill (i32.shl (i32.sub (memory.size) (i32.const 64)) (i32.const 16)) (i32.const 7) (i32.const 0x400000))
      (br $more)))
    memory.size))`)
  const child = spawnSync(process.execPath, ['-e', program, Buffer.from(bytes).toString('base64')])
  expect([child.signal, child.status, `${child.stderr}`]).toEqual([null, 0, ''])
  const { pages, peak } = JSON.parse(`${child.stdout}`)
  expect(pages).toBe(16_384 - 63)
  expect(peak).toBeLessThan(1024 + 300)
})
