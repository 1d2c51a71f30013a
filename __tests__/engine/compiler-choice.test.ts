// Singlepass compiles modules on which Cranelift would spend too long, if it supports them. They compute the same as on V8, and
// `inspect` reports the costly functions.
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { inspect, Instance, link, Module, type SlotSelection, Store } from '../..'
import { leb, module, section } from '../support/binary'
import { folder, inProcess } from '../support/caching'
import { root, wat } from '../support'

// The report of the command line, which is no part of the typed API.
const { toText } = require(join(root, 'bin', 'report.js'))

const V8 = globalThis.WebAssembly as any

const flat = (count: number, each: (index: number) => number[]) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => Buffer.from(each(index))))
const get = (local: number) => [0x20, ...leb(local)]
const set = (local: number) => [0x21, ...leb(local)]
/** x & 3 */
const low = [0x20, 0, 0x41, 3, 0x71]

interface Parts {
  locals?: number
  code: Uint8Array[]
  more?: Record<string, Uint8Array>
}

/** A module that exports `f: (i32) -> i32`, which returns its parameter after this code; its locals are of i32. */
function exporting({ locals = 1, code, more = {} }: Parts): Uint8Array<ArrayBuffer> {
  const body = Buffer.concat([Buffer.from([1, ...leb(locals), 0x7f]), ...code, Buffer.from([0x20, 0, 0x0b])])
  const sections: Record<string, Uint8Array> = {
    type: section('type', [1, 0x60, 1, 0x7f, 1, 0x7f]),
    function: section('function', [1, 0]),
    export: section('export', [1, 1, 0x66, 0, 0]),
    code: section('code', [1], leb(body.length), body),
    ...more,
  }
  const order = ['type', 'import', 'function', 'table', 'memory', 'global', 'export', 'code']
  return module(...order.flatMap((name) => sections[name] ?? []))
}

/** Three times, each local becomes the sum of itself and the local before. */
const chain = (count: number): Parts => ({
  locals: count + 1,
  code: [
    Buffer.from([0x03, 0x40]),
    flat(count, (index) => [...get(index), ...get(index + 1), 0x6a, ...set(index + 1)]),
    Buffer.from([...get(0), ...get(count), 0x6a, 0x41, 1, 0x6a, ...set(0)]),
    Buffer.from([...get(count + 1), 0x41, 1, 0x6a, 0x22, ...leb(count + 1), 0x41, 3, 0x49, 0x0d, 0, 0x0b]),
  ],
})

const costly: Record<string, { reason: string; make: () => Parts }> = {
  'locals in a loop': { reason: 'live-values', make: () => chain(2000) },
  'locals that are set and then read': {
    reason: 'live-values',
    make: () => ({
      locals: 3000,
      code: [
        flat(3000, (index) => [...get(0), 0x41, 5, 0x6a, 0x22, 0, ...set(index + 1)]),
        flat(3000, (index) => [...get(index + 1), ...get(0), 0x6c, ...get(0), 0x73, ...set(0)]),
      ],
    }),
  },
  'ifs in a loop that set a local each': {
    reason: 'live-values',
    make: () => ({
      locals: 1001,
      code: [
        Buffer.from([0x03, 0x40]),
        flat(1000, (index) => [...low, 0x04, 0x40, ...get(0), ...set(index + 1), 0x0b]),
        flat(1000, (index) => [...get(index + 1), ...get(0), 0x6a, ...set(0)]),
        // Three rounds.
        Buffer.from([...get(1001), 0x41, 1, 0x6a, 0x22, ...leb(1001), 0x41, 3, 0x49, 0x0d, 0, 0x0b]),
      ],
    }),
  },
  'ifs on as many locals': {
    reason: 'distant-reads',
    make: () => ({
      locals: 5000,
      code: [
        flat(5000, (index) => [
          ...low,
          0x04,
          0x40,
          ...get(index + 1),
          ...get(0),
          0x6a,
          0x22,
          ...leb(index + 1),
          ...set(0),
          0x0b,
        ]),
      ],
    }),
  },
  'a nest of blocks around writes of 40 locals': {
    reason: 'merges',
    make: () => ({
      locals: 40,
      code: [
        flat(400, () => [0x02, 0x40, ...low, 0x0d, 0]),
        flat(40, (index) => [...get(0), 0x41, 3, 0x6c, ...set(index + 1)]),
        flat(400, () => [0x0b]),
        flat(40, (index) => [...get(index + 1), ...get(0), 0x6a, ...set(0)]),
      ],
    }),
  },
  'ifs with values': {
    reason: 'blocks',
    make: () => ({
      code: [flat(20_000, () => [...low, 0x04, 0x7f, ...get(0), 0x05, 0x41, 9, 0x0b, ...get(0), 0x6a, ...set(0)])],
    }),
  },
  'constants of f64': {
    reason: 'constants',
    make: () => ({
      code: [
        flat(2000, (index) => {
          const constant = Buffer.alloc(8)
          constant.writeDoubleLE(index + 0.5)
          // x = x + wrap(bits(c + x))
          return [0x44, ...constant, ...get(0), 0xb7, 0xa0, 0xbd, 0xa7, ...get(0), 0x6a, ...set(0)]
        }),
      ],
    }),
  },
}

const selections: (SlotSelection | undefined)[] = [undefined, 'none', 'all']
const inputs = [0, 1, 2, 3, -7, 123_456_789]

describe.each(Object.entries(costly))('%s', (_, { reason, make }) => {
  const bytes = exporting(make())

  test('compiles with Singlepass, and computes what it does on V8', () => {
    const expected = new V8.Instance(new V8.Module(bytes)).exports
    for (const compiler of ['cranelift', 'singlepass', undefined] as const) {
      for (const slots of selections) {
        const instance = new Instance(new Module(bytes, { compiler, slots }), {}, { store: new Store() })
        expect(instance.compiler).toBe('singlepass')
        for (const input of inputs) expect(instance.exports.f(input)).toBe(expected.f(input))
      }
    }
  })

  test('inspect says so, and why', () => {
    const report = inspect(bytes)
    expect(report).toMatchObject({ compiler: 'singlepass', costlyFunctions: [{ index: 0, reason }] })
    expect(toText(report, 'x')).toMatch(
      `Compiled by singlepass, since cranelift would take too long for: func[0] (${reason})\n`,
    )
  })

  test('`auto` keeps the code of Singlepass', async () => {
    const instance = new Instance(new Module(bytes, { compiler: 'auto' }), {}, { store: new Store() })
    await instance.optimized
    expect(instance.compiler).toBe('singlepass')
  })
})

test('smaller functions of the same shapes stay with Cranelift', () => {
  const bytes = exporting(chain(900))
  expect(inspect(bytes)).toMatchObject({ compiler: 'cranelift', costlyFunctions: [] })
  expect(new Instance(new Module(bytes)).compiler).toBe('cranelift')
})

test('a module that only Cranelift takes, or that shares functions in a table, stays with Cranelift', () => {
  const { code, ...rest } = chain(2000)
  const simd = { ...rest, code: [Buffer.from([0x41, 1, 0xfd, 0x0f, 0x1a]), ...code] }
  const table = {
    table: section('table', [1, 0x70, 0, 1]),
    export: section('export', [2, 1, 0x66, 0, 0, 1, 0x74, 1, 0]),
  }
  const tables = { ...chain(2000), more: table }
  for (const parts of [simd, tables]) {
    const bytes = exporting(parts)
    const expected = new V8.Instance(new V8.Module(bytes)).exports
    expect(inspect(bytes)).toMatchObject({
      compiler: 'cranelift',
      costlyFunctions: [{ index: 0, reason: 'live-values' }],
    })
    const instance = new Instance(new Module(bytes))
    expect(instance.compiler).toBe('cranelift')
    for (const input of inputs) expect(instance.exports.f(input)).toBe(expected.f(input))
    expect(toText(inspect(bytes), 'x')).toMatch(/Cranelift takes long for: func\[0\] \(live-values\)\n/)
  }
})

test('a module that is compiled by Singlepass links and is linked with modules of Cranelift', async () => {
  const costlyOne = new Instance(new Module(exporting(chain(2000)), { slots: 'all' }))
  const other = new Instance(
    new Module(
      await wat('(module (func (export "f") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))'),
      {
        slots: 'all',
      },
    ),
  )
  expect([costlyOne.compiler, other.compiler]).toEqual(['singlepass', 'cranelift'])
  const expected = new V8.Instance(new V8.Module(exporting(chain(2000)))).exports.f(5)
  const one = link(costlyOne.exports.f, other.slot('f'))
  expect(other.exports.f(5)).toBe(expected)
  one.undo()
  link(other.exports.f, costlyOne.slot('f'))
  expect(costlyOne.exports.f(21)).toBe(42)
})

test('the cache keeps the code under the compiler that was asked for, and says which made it', async () => {
  const file = join(folder, 'chain.wasm')
  writeFileSync(file, exporting(chain(2000)))
  const program = `
    const { compiler } = await relink.load(file)
    return [compiler, relink.cache.entries().map(({ compiler, usable }) => [compiler, usable])]`
  const expected = ['singlepass', [['singlepass', true]]]
  expect(await inProcess(program, file)).toEqual(expected)
  expect(await inProcess(program, file)).toEqual(expected)
})
