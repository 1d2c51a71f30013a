// Functions of extreme shapes compile in linear time, and compute the same as on V8.
import { spawnSync } from 'node:child_process'
import { inspect, Instance, Module, type SlotSelection, Store } from '../..'
import { leb, module, section } from '../support/binary'
import { compilers, root } from '../support'

const V8 = globalThis.WebAssembly as any

const repeat = (count: number, bytes: number[]) => Buffer.alloc(count * bytes.length, Buffer.from(bytes))

/**
 * A module that exports `f: (i32) -> i32`, which returns its parameter after the given code has changed it. Its locals are
 * an i64, an f64 and 20 of i32.
 */
function exporting(...code: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const body = Buffer.concat([Buffer.from([3, 1, 0x7e, 1, 0x7c, 20, 0x7f]), ...code, Buffer.from([0x20, 0, 0x0b])])
  return module(
    section('type', [1, 0x60, 1, 0x7f, 1, 0x7f]),
    section('function', [1, 0]),
    section('export', [1, 1, 0x66, 0, 0]),
    section('code', [1], leb(body.length), body),
  )
}

/** x & 3, then an instruction that consumes it. */
const low = [0x20, 0, 0x41, 3, 0x71]
const add = [0x20, 0, 0x41, 5, 0x6a, 0x21, 0]
const mix = [0x20, 0, 0x41, 7, 0x73, 0x21, 0]
/** i = i + 1; x = wrap(i) + x. d = x; x = trunc_sat(d * 0.5), so that locals of all types matter */
const wide = [0x20, 1, 0x42, 1, 0x7c, 0x22, 1, 0xa7, 0x20, 0, 0x6a, 0x21, 0]
const float = [0x20, 0, 0xb7, 0x22, 2, 0x20, 2, 0xa0, 0xfc, 2, 0x21, 0]

/** Changes each of the 20 locals in one of several ways. */
const locals = Array.from({ length: 20 }, (_, index) => index + 3)
const addAll = locals.flatMap((local) => [0x20, local, 0x41, local, 0x6a, 0x21, local])
const mixAll = locals.flatMap((local) => [0x20, local, 0x20, local === 3 ? 0 : local - 1, 0x73, 0x21, local])
/** x = x * 3 + last */
const gather = [0x20, 0, 0x41, 3, 0x6c, 0x20, 22, 0x6a, 0x21, 0]
const many = [...low, 0x04, 0x40, ...addAll, 0x05, ...mixAll, 0x0b, ...gather]

const COUNT = 5000

const shapes: Record<string, () => Uint8Array<ArrayBuffer>> = {
  'if and else': () => exporting(repeat(COUNT, [...low, 0x04, 0x40, ...add, 0x05, ...mix, 0x0b])),
  'if with locals of three types': () => exporting(repeat(COUNT, [...low, 0x04, 0x40, ...wide, 0x05, ...float, 0x0b])),
  blocks: () => exporting(repeat(COUNT, [0x02, 0x40, ...low, 0x0d, 0, ...add, 0x0b])),
  'blocks in blocks': () => exporting(repeat(COUNT, [0x02, 0x40]), repeat(COUNT, [...low, 0x0d, 0, ...add, 0x0b])),
  'values of blocks': () =>
    exporting(repeat(COUNT, [...low, 0x04, 0x7f, 0x20, 0, 0x05, 0x41, 9, 0x0b, 0x20, 0, 0x6a, 0x21, 0])),
  'few ifs with many locals': () => exporting(repeat(1900, many)),
  // Each end of a block merges all locals again, though each is written once.
  'many locals written in a deep nest': () =>
    exporting(
      repeat(4000, [0x02, 0x40, ...low, 0x0d, 0]),
      Buffer.from(addAll),
      repeat(4000, [...add, 0x0b]),
      Buffer.from(locals.flatMap((local) => [0x20, local, 0x20, 0, 0x6a, 0x21, 0])),
    ),
}

const selections: (SlotSelection | undefined)[] = [undefined, 'none']

describe.each(compilers)('%s', (compiler) => {
  test.each(Object.keys(shapes))('%s', (name) => {
    const bytes = shapes[name]!()
    const expected = new V8.Instance(new V8.Module(bytes)).exports
    for (const slots of selections) {
      const { f } = new Instance(new Module(bytes, { compiler, slots }), {}, { store: new Store() }).exports
      for (const argument of [0, 1, 2, 3, -7, 123_456_789]) expect(f(argument)).toBe(expected.f(argument))
      expect([f.name, f.length]).toEqual(['0', 1])
    }
  })
})

test('inspect lists exactly the functions that Cranelift gets with added calls', () => {
  for (const [name, make] of Object.entries(shapes)) {
    expect([name, inspect(make()).cutFunctions]).toEqual([name, name === 'values of blocks' ? [] : [0]])
  }
  expect(inspect(exporting(repeat(480, many))).cutFunctions).toEqual([])
  expect(inspect(exporting(repeat(500, many))).cutFunctions).toEqual([0])
  // Locals that are each written once are not merged often.
  const once = locals.map((local) => [...low, 0x04, 0x40, 0x41, local, 0x21, local, 0x0b])
  expect(
    inspect(exporting(...once.map((code) => Buffer.from(code)), repeat(3000, [0x02, 0x40, 0x0b]))).cutFunctions,
  ).toEqual([])
  expect(inspect(exporting(repeat(5000, [...add, ...mix, ...gather]))).cutFunctions).toEqual([])
})

test('a trap in such a function names it, and no added function', () => {
  const bytes = exporting(repeat(3000, [...low, 0x04, 0x40, ...add, 0x05, ...mix, 0x0b]), Buffer.from([0x00]))
  const { f } = new Instance(new Module(bytes)).exports
  let error: any
  try {
    f(1)
  } catch (caught) {
    error = caught
  }
  expect(error).toMatchObject({ name: 'RuntimeError', trap: 'unreachable' })
  const frames = error.stack.split('\n').filter((line: string) => line.includes('wasm'))
  expect(frames.join('\n')).not.toMatch(/wasm-function\[1\]|wasm-function\[2\]/)
})

test('a function that used to take minutes takes seconds', () => {
  const program = `
    const { Module } = require(${JSON.stringify(root)})
    const { body, head } = JSON.parse(process.argv[1])
    const step = Buffer.from(body)
    new Module(Uint8Array.from([...Buffer.from(head), ...Buffer.alloc(step.length * 60000, step), 0x20, 0, 0x0b]))`
  const body = [...low, 0x04, 0x40, ...add, 0x05, ...mix, 0x0b]
  const length = 1 + body.length * 60_000 + 3
  const types = module(section('type', [1, 0x60, 1, 0x7f, 1, 0x7f]), section('function', [1, 0]))
  const head = [...types, 10, ...leb(1 + leb(length).length + length), 1, ...leb(length), 0]
  const { status, stderr } = spawnSync(process.execPath, ['-e', program, JSON.stringify({ body, head })], {
    encoding: 'utf8',
    timeout: 50_000,
    killSignal: 'SIGKILL',
  })
  expect([status, stderr]).toEqual([0, ''])
})
