// The whole list of limits in one place: each is reached once, by each owner that has it.
import { Instance, Memory, Module, Store, Table, type CompileLimits, type InstanceLimits } from '../..'
import { thrownBy, wat } from '../support'

const PAGE = 65_536

const TEXT = `(module
  (memory (export "memory") 1)
  (table (export "values") 4 externref)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "growTable") (param i32) (result i32) (table.grow (ref.null extern) (local.get 0)))
  (func (export "put") (param i32 externref) (table.set (local.get 0) (local.get 1))))`

/** Each limit of an instance: its value, and a program that exceeds it. */
const reached: Record<keyof Required<InstanceLimits>, [value: number, run: (module: Module, options: any) => unknown]> =
  {
    memorySize: [PAGE, (module, options) => memory(module, options).grow(1)],
    tableElements: [4, (module, options) => table(module, options).grow(1)],
    functions: [2, (module, options) => new Instance(module, {}, options)],
    externrefs: [
      1,
      (module, options) => {
        const { exports } = new Instance<any>(module, {}, options)
        exports.put(0, {})
        exports.put(1, {})
      },
    ],
    buffers: [0, (module, options) => memory(module, options).buffer],
  }

const memory = (module: Module, options: object) => new Instance<any>(module, {}, options).exports.memory as Memory
const table = (module: Module, options: object) => new Instance<any>(module, {}, options).exports.values as Table

let bytes: Uint8Array<ArrayBuffer>
beforeAll(async () => {
  bytes = await wat(TEXT)
})

const exceeds = (limit: string, value: number) => ({ name: 'RangeError', code: 'ERR_RELINK_LIMIT', limit, value })

describe.each(['store', 'instance'])('of one %s', (owner) => {
  test.each(Object.entries(reached))('%s', (limit, [value, run]) => {
    const limits = { [limit]: value }
    const options = owner === 'store' ? { store: new Store({ limits }) } : { store: new Store(), limits }
    const error = thrownBy(() => run(new Module(bytes), options))
    expect(error).toMatchObject(exceeds(limit, value))
    expect(error.message).toContain(`\`${limit}\` of the ${owner}`)
  })

  test.each([
    ['memorySize', PAGE, 'grow'],
    ['tableElements', 4, 'growTable'],
  ])('%s, reached by WebAssembly', (limit, value, name) => {
    const limits = { [limit]: value }
    const options = owner === 'store' ? { store: new Store({ limits }) } : { store: new Store(), limits }
    expect(new Instance<any>(new Module(bytes), {}, options).exports[name](1)).toBe(-1)
  })
})

test('of a store alone: instances', () => {
  const store = new Store({ limits: { instances: 1 } })
  const module = new Module(bytes)
  const first = new Instance<any>(module, {}, { store })
  expect(thrownBy(() => new Instance(module, {}, { store }))).toMatchObject(exceeds('instances', 1))
  expect(first.exports.grow(0)).toBe(1)
})

test.each<[keyof Required<CompileLimits>, number]>([
  ['moduleSize', 10],
  ['codeSize', 10],
  ['compileTime', 0],
])('of a compile: %s', async (limit, value) => {
  // Bytes of its own: for code that the process has, nothing is compiled.
  const own = await wat(`(module (func (export "${limit}")))`)
  expect(thrownBy(() => new Module(own, { limits: { [limit]: value } }))).toMatchObject(exceeds(limit, value))
})

test('the depth of calls: `stackSize`', async () => {
  const deep = new Module(await wat('(module (func $f (export "f") (result i32) (i32.add (call $f) (i32.const 1))))'))
  const { exports } = new Instance<any>(deep, {}, { store: new Store({ stackSize: 64 * 1024 }) })
  expect(thrownBy(() => exports.f())).toMatchObject({ code: 'ERR_RELINK_TRAP', trap: 'stack-overflow' })
})

test('these are all limits', () => {
  const known = [...Object.keys(reached), 'instances', 'moduleSize', 'codeSize', 'compileTime']
  expect(Object.keys(new Store().limits).sort()).toEqual(known.sort())
})
