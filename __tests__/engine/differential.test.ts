// Without links, a module behaves the same: original and rewritten, on V8 and on wasmer.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CompileError, Instance, Module, inspect, rewrite } from '../..'
import { custom, module, name, oneType, section, sectionsOf } from '../support/binary'
import { compare } from '../support/differential'
import { gentle } from '../support/scenario'
import { declaring, guest, root, thrownBy, wat } from '../support'
import { STACK_POINTER, withStackPointer } from '../support/stack-pointer'
import { type Where, texts } from '../support/texts'

const engines: Record<Where, string[]> = {
  everywhere: ['v8, all', 'cranelift, all', 'singlepass, all'],
  cranelift: ['cranelift, all'],
  wasmer: ['cranelift, all', 'singlepass, all'],
  v8: ['v8, all'],
}

/** The findings for a module: differences, engines that did not run it, and too few results. */
async function faults(bytes: Uint8Array<ArrayBuffer>, where: Where = 'everywhere', calls = 1, options = {}) {
  const { differences, ran, returned, known } = await compare(bytes, options)
  const missing = engines[where].filter((engine) => !ran.includes(engine))
  return [...differences, ...missing, ...known, ...(returned < calls ? [`${returned} calls came back`] : [])]
}

/**
 * Guests that behave otherwise on no other engine: instances write to the memory of the one whose panics this package reads, and
 * the typed exports of the others take values of JavaScript (`__tests__/typed` compares those with what they are to do).
 */
const OWN = [
  'panics_reported',
  'http_filter',
  'http_filter_v2',
  'shop',
  'typed',
  'typed_v2',
  'typed_bindgen',
  'everything_bindgen',
  'waiting',
  // A command, whose `_start` needs the system
  'wasi_command',
]
const guests = readdirSync(join(root, 'fixtures', 'target', 'modules'))
  .map((name) => name.replace(/\.wasm$/, ''))
  .filter((name) => !OWN.includes(name))

test.each(guests)('the guest %s', async (name) => {
  const options = { argumentSets: gentle, stackPointer: STACK_POINTER }
  expect(await faults(withStackPointer(guest(name)), 'everywhere', 4, options)).toEqual([])
})

test('declared slots', async () => {
  const slots = [
    { name: 'guest::one', call: 'one', step: 1 },
    { name: 'guest::two', call: 'two', step: 2, type: 'i64' },
  ] as const
  expect(await faults(await declaring(...slots))).toEqual([])
})

test.each(texts)('%s', async (_, where, text, features = {}) => {
  expect(await faults(await wat(text, features), where, 0)).toEqual([])
})

describe('branch tables', () => {
  /** Each branch goes to the label of its case, or to the last label, and returns the label's number. */
  const tables = [
    [],
    [0],
    [0, 0],
    [1],
    [0, 1],
    [1, 0, 1],
    [0, 0, 1, 1, 0],
    [2, 1, 0],
    [0, 1, 2, 3],
    [3, 3, 2, 0, 0],
    [0, 1, 2, 3, 4],
    [4, 0, 4, 1, 4, 2],
    [5, 5, 4, 4],
  ]
  const indices = [0, 1, 2, 3, 4, 5, 6, 7, 100, -1, -(2 ** 31), 2 ** 31 - 1]

  test('of any size branch to the right label, with or without values', async () => {
    const functions = tables.map((cases, number) => {
      const labels = [...cases, Math.max(5, ...cases)].join(' ')
      const ends = Array.from({ length: 6 }, (_, label) => `(return (i32.add (local.get 1) (i32.const ${label}))) end`)
      return `
        (func (export "plain ${number}") (param i32 i32) (result i32) (local f64 i64)
          ${'block '.repeat(6)} (br_table ${labels} (local.get 0)) end ${ends.slice(1).join(' ')} (local.get 1))
        (func (export "values ${number}") (param i32 i32) (result i32) (local i64)
          ${'block (result i32) '.repeat(6)} (br_table ${labels} (local.get 1) (local.get 0)) end
          ${'(i32.const 1) i32.add end '.repeat(5)})
        (func (export "loop ${number}") (param i32 i32) (result i32) (local i64)
          (block $out (loop $again
            (local.set 1 (i32.add (local.get 1) (i32.const 1)))
            (br_if $out (i32.gt_u (local.get 1) (i32.const 40)))
            ${'block '.repeat(5)}
            (br_table ${labels} (i32.add (local.get 0) (local.get 1)))
            ${'end (local.set 1 (i32.add (local.get 1) (i32.const 1))) '.repeat(5)}
            (br $again)))
          (local.get 1))`
    })
    const bytes = await wat(`(module ${functions.join('')})`)
    expect(await faults(bytes, 'everywhere', 8)).toEqual([])
    type BranchExports = Record<string, (index: number, base: number) => number>
    const ours = new Instance(new Module(bytes)).exports as BranchExports
    const v8 = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as BranchExports
    const answers = (all: BranchExports) =>
      Object.keys(all).map((name) => [name, ...indices.map((index) => all[name]!(index, 3))])
    expect(answers(ours)).toEqual(answers(v8))
  })
})

describe('names', () => {
  const lies: [about: string, functions: number[]][] = [
    ['of one function twice', [2, 0, ...name('f'), 0, ...name('g')]],
    ['of two functions, the same', [2, 0, ...name('f'), 1, ...name('f')]],
    ['of functions that are not there', [2, 0, ...name('f'), 99, ...name('g')]],
    ['in no order', [2, 1, ...name('f'), 0, ...name('g')]],
    ['with a NUL', [1, 0, ...name('f\0g')]],
  ]
  test.each(lies)('%s', async (_, functions) => {
    const plain = await wat(`(module
      (import "env" "imported" (func $imported (result i32)))
      (func (export "f") (result i32) (call $imported)))`)
    const own = sectionsOf(plain).filter(([kind]) => kind !== 0)
    const bytes = module(...own, custom('name', [1, functions.length, ...functions]))
    expect(await faults(bytes)).toEqual([])
  })
})

describe('custom sections', () => {
  /** The module with a custom section before and after each of its sections, and a custom section `last` at its end. */
  const crowded = async (last: string) => {
    const plain = await wat(`(module
      (import "env" "f" (func $f (result i32)))
      (memory (export "memory") 1 1)
      (data (i32.const 0) "data")
      (func (export "g") (result i32) (call $f)))`)
    const own = sectionsOf(plain).filter(([kind]) => kind !== 0)
    const between = own.flatMap((each, index) => [each, custom(`after ${index}`, Buffer.from(`content ${index}`))])
    return module(custom('first', Buffer.from('content')), ...between, custom(last, Buffer.from('last')))
  }
  const named = (bytes: Uint8Array) => inspect(bytes).sections.map((each) => each.name)

  test.each(['none', 'all'] as const)('stay in place (%s)', async (slots) => {
    const bytes = await crowded('last')
    expect(await faults(bytes)).toEqual([])
    const rewritten = rewrite(bytes, { slots }) as Uint8Array<ArrayBuffer>
    // The pass adds a table, an element segment, and the names of its functions.
    const added = ['table', 'element', 'custom "name"']
    expect(named(rewritten).filter((each) => !added.includes(each))).toEqual(named(bytes))
    const V8 = WebAssembly.Module
    const text = (content: ArrayBuffer[]) => content.map((each) => Buffer.from(each).toString())
    const read = ['first', 'after 0', 'after 3'].map((title) => V8.customSections(new V8(rewritten), title)).map(text)
    expect(read).toEqual([['content'], ['content 0'], ['content 3']])
  })

  const stale = ['.debug_info', '.debug_line', 'reloc.CODE', 'linking', 'metadata.code.branch_hint', 'sourceMappingURL']
  test.each(stale)('%s refers to code that has moved, and is left out', async (title) => {
    const bytes = await crowded(title)
    expect(named(rewrite(bytes, { slots: 'all' }))).not.toContain(`custom "${title}"`)
    // Without slots, code stays where it is.
    expect(named(rewrite(bytes, { slots: 'none' }))).toContain(`custom "${title}"`)
    expect(Module.customSections(new Module(bytes, { slots: 'all' }), title)).toHaveLength(1)
    expect(await faults(bytes)).toEqual([])
  })
})

const one = section('function', [1, 0])

/** Modules of proposals that the engine lacks, and the expected messages. */
const beyond: [about: string, says: RegExp, bytes: Uint8Array<ArrayBuffer>][] = [
  [
    'a table with an initialiser',
    /function.references/,
    module(oneType, one, section('table', [1, 0x40, 0, 0x70, 0, 2, 0xd2, 0, 0x0b]), section('code', [1, 2, 0, 0x0b])),
  ],
  ['a structure', /gc/, module(section('type', [1, 0x5f, 1, 0x7f, 0]))],
  ['a memory of 64 bits', /memory64/, module(section('memory', [1, 4, 1]))],
  ['a typed reference', /function.references/, module(section('type', [2, 0x60, 0, 0, 0x60, 1, 0x64, 0, 0]))],
  ['pages of one byte', /page size/, module(section('memory', [1, 8, 1, 0]))],
  ['a component', /component/, Uint8Array.from([0, 0x61, 0x73, 0x6d, 13, 0, 1, 0])],
]

describe('features that the engine lacks are refused by name, with any options', () => {
  test.each(beyond)('%s', (_, says, bytes) => {
    const made = (slots: 'none' | 'all') => [
      thrownBy(() => rewrite(bytes, { slots })),
      thrownBy(() => inspect(bytes, { slots })),
      thrownBy(() => new Module(bytes, { slots })),
      thrownBy(() => new Module(bytes, { slots, compiler: 'singlepass' })),
    ]
    const errors = [...made('none'), ...made('all')]
    for (const error of errors) {
      expect(error).toBeInstanceOf(CompileError)
      expect(error.code).toBe('ERR_RELINK_UNSUPPORTED')
      expect(error.message.replaceAll('-', ' ')).toMatch(says)
    }
    expect(new Set(errors.map(({ message }) => message)).size).toBe(1)
  })
})
