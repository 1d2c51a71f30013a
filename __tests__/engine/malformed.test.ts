// Any bytes are accepted, or refused with a CompileError that has an offset, in linear time and memory.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CompileError, Module, inspect, rewrite } from '../..'
import { custom, id, leb, list, module, name, oneType, section } from '../support/binary'
import { type ModuleBytes, large } from '../support/hostile'
import { declaring, guest, root, wat, withSection } from '../support'

const codes = ['ERR_RELINK_INVALID_WASM', 'ERR_RELINK_UNSUPPORTED', 'ERR_RELINK_DECLARATION']

/** The outcome of one way to read bytes: `taken`, or the code of a CompileError. Rethrows any other error. */
function outcome(bytes: ModuleBytes, read: (bytes: ModuleBytes) => unknown): string {
  try {
    read(bytes)
    return 'taken'
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    const { code, offset, message } = error
    const here = offset !== undefined && offset >= 0 && offset <= bytes.length
    const complete = codes.includes(code) && message.length > 10 && here === (code === 'ERR_RELINK_INVALID_WASM')
    return complete ? code : `${code} at ${offset}: ${message}`
  }
}

/** The outcomes of all ways to read bytes: one word if they agree. */
function outcomes(bytes: ModuleBytes, { compiles = false } = {}): string {
  const ways: ((bytes: ModuleBytes) => unknown)[] = [
    (bytes) => rewrite(bytes, { slots: 'all' }),
    (bytes) => inspect(bytes),
    (bytes) => inspect(rewrite(bytes, { slots: 'all' })),
    ...(compiles ? [(bytes: ModuleBytes) => new Module(bytes, { slots: 'all' })] : []),
  ]
  const others = outcome(bytes, (bytes) => rewrite(bytes, { slots: 'none' }))
  const words = new Set(ways.map((read) => outcome(bytes, read)))
  // Without slots, declarations are not read.
  if (others !== 'taken' || !words.has('ERR_RELINK_DECLARATION')) words.add(others)
  return [...words].sort().join(' or ')
}

/** V8's verdict on bytes, and on the pass's output for them. */
function onV8(bytes: ModuleBytes) {
  const rewritten = outcomes(bytes) === 'taken' && WebAssembly.validate(rewrite(bytes, { slots: 'all' }) as ModuleBytes)
  return { before: WebAssembly.validate(bytes), after: rewritten }
}

let small: ModuleBytes

beforeAll(async () => {
  small = await wat(`(module
    (import "env" "f" (func $f (param i32) (result i32)))
    (table (export "table") 3 3 funcref)
    (memory (export "memory") 1)
    (global (mut i32) (i32.const 7))
    (elem (i32.const 0) $f $g)
    (data (i32.const 0) "data")
    (func $g (param i32) (result i32) (local i64)
      (block (br_if 0 (local.get 0)) (local.set 1 (i64.const -1)))
      (call $f (local.get 0)))
    (func (export "h") (result i32) (call_indirect (param i32) (result i32) (i32.const 1) (i32.const 1))))`)
})

test('a module that is cut off at every byte', () => {
  for (let length = 0; length < small.length; length++) {
    const cut = small.slice(0, length)
    // V8 and the pass agree on which truncations are valid.
    const expected = WebAssembly.validate(cut) ? 'taken' : 'ERR_RELINK_INVALID_WASM'
    expect([length, outcomes(cut, { compiles: length % 7 === 0 })]).toEqual([length, expected])
  }
})

describe('modules with flipped bits', () => {
  const sources: [name: string, bytes: () => ModuleBytes | Promise<ModuleBytes>][] = [
    ['a small one', () => small],
    ['one with declared slots', () => declaring({ name: 'a::b', call: 'c', step: 1 })],
    ['the guest seed.O3', () => guest('seed.O3')],
  ]
  test.each(sources)('%s', async (_, source) => {
    const bytes = await source()
    // Pseudo-random numbers, the same in each run.
    let state = 12345
    const below = (limit: number) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % limit
    for (let round = 0; round < 1500; round++) {
      const changed = bytes.slice()
      for (let flips = 1 + below(3); flips > 0; flips--) changed[8 + below(bytes.length - 8)]! ^= 1 << (round % 8)
      expect(outcomes(changed, { compiles: round % 25 === 0 })).toMatch(
        /^(taken|ERR_RELINK_(INVALID_WASM|UNSUPPORTED|DECLARATION))$/,
      )
    }
  })
})

const one = [oneType, section('function', [1, 0])]
const empty = section('code', [1, 2, 0, 0x0b])
const most = 2 ** 32 - 1

/** A function with this code. */
const coded = (...code: number[]) => module(...one, section('code', [1], leb(code.length + 2), [0], code, [0x0b]))

const invalid: [about: string, bytes: ModuleBytes][] = [
  ...Object.keys(id)
    .filter((kind) => kind !== 'custom' && kind !== 'start')
    .map((kind): [string, ModuleBytes] => [
      `a ${kind} section that says there is no end to it`,
      module(section(kind as 'type', leb(most))),
    ]),
  ['one type less than is said', module(list('type', 2, [0x60, 0, 0], 3))],
  ['one type more than is said', module(list('type', 3, [0x60, 0, 0], 2))],
  ['a section that is longer than the file', module([1, 100, 1, 0x60, 0, 0])],
  ['a section as long as a number can say', module([1, ...leb(most), 1, 0x60, 0, 0])],
  ['a length in more bytes than it may have', module([1, ...leb(4, 6), 1, 0x60, 0, 0])],
  ['a length with bits beyond the last', module([1, 0x84, 0x80, 0x80, 0x80, 0x70, 1, 0x60, 0, 0])],
  ['a constant with bits beyond the last', coded(0x41, 0xff, 0xff, 0xff, 0xff, 0x7f ^ 0x40, 0x1a)],
  ['a constant that does not end', coded(0x42, ...Array(20).fill(0xff), 0, 0x1a)],
  ['sections in the wrong order', module(section('function', [1, 0]), oneType, empty)],
  ['a section twice', module(oneType, oneType)],
  ['a section that there is not', module([42, 0])],
  ['functions without code', module(...one)],
  ['code without functions', module(oneType, empty)],
  ['a function that ends before its code does', module(...one, section('code', [1, 3, 0, 0x0b, 0x0b]))],
  ['a function that is longer than its section', module(...one, section('code', [1, 100, 0, 0x0b]))],
  ['blocks that do not end', coded(2, 0x40, 2, 0x40)],
  [
    'more locals than a number can count',
    module(...one, section('code', [1, 12, 2], leb(most), [0x7f], leb(most), [0x7e, 0x0b].slice(0, 1))),
  ],
  ['a jump with more targets than bytes', coded(0x41, 0, 0x0e, ...leb(most))],
  ['an index out of range', coded(0x10, ...leb(most))],
  ['an export name that is no UTF-8', module(...one, section('export', [1, 2, 0xc3, 0x28, 0, 0]), empty)],
  ['a custom section without a name', module([0, 0])],
  ['a custom section whose name is longer than it', module([0, 3, 100, 0x61, 0x62])],
]

test.each(invalid)('%s', (_, bytes) => {
  expect(outcomes(bytes, { compiles: true })).toBe('ERR_RELINK_INVALID_WASM')
  expect(onV8(bytes)).toEqual({ before: false, after: false })
})

describe('malformed names do not make a module invalid', () => {
  const map = (...entries: number[][]) => [1, ...leb(entries.flat().length + 1), entries.length, ...entries.flat()]
  const names: [about: string, content: number[]][] = [
    ['no UTF-8', map([0, 2, 0xc3, 0x28])],
    ['longer than their section', map([0, ...leb(most), 0x61])],
    ['more than there are', [1, 6, ...leb(most), 0]],
    ['a part that is longer than the section', [1, 100, 1, 0, 1, 0x61]],
    ['an unknown part', [99, 1, 0]],
    ['parts in the wrong order', [...map([0, ...name('f')]), 0, 2, ...name('m')]],
    ['of functions out of range', map([99, ...name('f')], [...leb(most), ...name('g')])],
    ['twice', map([0, ...name('f')], [0, ...name('g')])],
    ['with NUL', map([0, ...name('a\0b')])],
    ['empty', map([0, 0])],
    ['of locals of no function', [2, 7, 1, ...leb(99), 1, 0, ...name('xy')]],
    ['nothing', []],
  ]
  test.each(names)('%s', (_, content) => {
    const bytes = module(...one, section('export', [1, ...name('f'), 0, 0]), empty, custom('name', content))
    expect(outcomes(bytes, { compiles: true })).toBe('taken')
    expect(onV8(bytes)).toEqual({ before: true, after: true })
  })
})

test.each(['{', '[]', '{"name":1}', '\u{fffd}', '{"name":"f"}'])('a relink section of %j', (content) => {
  const bytes = withSection(module(oneType), 'relink', content)
  expect(outcomes(bytes, { compiles: true })).toBe('ERR_RELINK_DECLARATION')
})

describe('large modules take linear time and memory', () => {
  const directory = mkdtempSync(join(tmpdir(), 'wasm-relink-'))
  afterAll(() => rmSync(directory, { recursive: true }))

  const MiB = 2 ** 20
  /** A function of three bytes becomes an object with a name, a type and lists, and another one in the pass. */
  const TIMES = 600

  function measure(bytes: ModuleBytes, steps: readonly string[]) {
    const path = join(directory, 'large.wasm')
    writeFileSync(path, bytes)
    const child = spawnSync(process.execPath, [join(root, 'fuzz', 'measure.cjs'), path, ...steps], { timeout: 60_000 })
    expect([child.signal, child.status, `${child.stderr}`]).toEqual([null, 0, ''])
    return JSON.parse(`${child.stdout}`) as {
      growth: number
      outcomes: { step: string; code: string; offset?: number }[]
    }
  }

  const refused: Record<string, string[]> = {
    'types that are more than they look': ['ERR_RELINK_INVALID_WASM'],
    // Without slots, the records are not read.
    'records in records': ['taken', 'ERR_RELINK_DECLARATION'],
  }
  /** Modules that Cranelift compiles within a second. */
  const compiled = [
    'blocks in blocks',
    'a jump with many targets',
    'many segments',
    'many declared slots',
    'names with punycode',
  ]

  test.each(Object.keys(large))('%s', (about) => {
    const bytes = large[about]!()
    // A report on a million functions takes JavaScript some seconds.
    const told = about === 'a million functions' ? [] : ['inspect']
    const result = measure(bytes, ['rewrite none', 'rewrite all', ...told])
    expect(new Set(result.outcomes.map(({ code }) => code))).toEqual(new Set(refused[about] ?? ['taken']))
    expect(result.growth).toBeLessThan(TIMES * bytes.length + 64 * MiB)
  })

  test.each(compiled)('%s, compiled', (about) => {
    const { outcomes } = measure(large[about]!(), ['cranelift', 'singlepass'])
    expect(outcomes.map(({ code }) => code)).toEqual(['taken', 'taken'])
  })
})
