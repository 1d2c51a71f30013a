// `validate` agrees with a compile, for each module, compiler and choice of slots. Modules with features that the pass
// translates for the engine behave as on V8.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Global, Instance, Memory, Module, type SlotSelection, Store, Table, WebAssembly as Own, validate } from '../..'
import { id, leb, module, section } from '../support/binary'
import { compilers, declaring, guest, root, wat, withSection } from '../support'
import { texts } from '../support/texts'

const V8 = globalThis.WebAssembly as any

/** The differences between `validate` and a compile, by compiler and slots. */
function differences(bytes: Uint8Array<ArrayBuffer>): string[] {
  return compilers.flatMap((compiler) => {
    const ways = [
      ['the package', (options = { compiler }) => validate(bytes, options), () => new Module(bytes, { compiler })],
      ['all', () => validate(bytes, { compiler, slots: 'all' }), () => new Module(bytes, { compiler, slots: 'all' })],
      ['WebAssembly', () => Own.validate(bytes, { compiler }), () => new Own.Module(bytes, { compiler })],
    ] as const
    return ways.flatMap(([name, says, compile]) => {
      let error: any
      try {
        compile()
      } catch (caught) {
        error = caught
      }
      const found = []
      if (says() !== (error === undefined)) found.push(`${name}, ${compiler}: validate says ${says()}, but ${error}`)
      // `validate` cannot foresee an error of the compiler itself.
      if (error && !/^ERR_RELINK_(INVALID_WASM|UNSUPPORTED|DECLARATION)$/.test(error.code))
        found.push(`${error.code}: ${error}`)
      return found
    })
  })
}

const repeat = (count: number, bytes: number[]) => Array.from({ length: count }, () => bytes).flat()

const numbers = (...values: number[]) => Uint8Array.from(values)

type SectionKind = keyof typeof id

const order: SectionKind[] = [
  'type',
  'import',
  'function',
  'table',
  'memory',
  'tag',
  'global',
  'export',
  'element',
  'code',
]

/** A module with one function `() -> ()` with this body, and other sections. */
function code(body: number[], sections: Partial<Record<SectionKind, number[]>> = {}, locals: number[] = [0]) {
  const whole = [...locals, ...body, 0x0b]
  const all = { type: [1, 0x60, 0, 0], function: [1, 0], code: [1, ...leb(whole.length), ...whole], ...sections }
  return module(...order.flatMap((kind) => (all[kind] ? [section(kind, all[kind])] : [])))
}

test('every module of the tests compiles if and only if it is valid', async () => {
  for (const name of readdirSync(join(root, 'fixtures', 'target', 'modules'))) {
    expect(differences(guest(name.replace(/\.wasm$/, '')))).toEqual([])
  }
  for (const [, , text, features] of texts) expect(differences(await wat(text, features))).toEqual([])
})

// Modules by name: features of the proposals, and cases that engines often miss.
const modules: [string, Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>][] = [
  ['no bytes', numbers()],
  ['text', new TextEncoder().encode('(module)') as Uint8Array<ArrayBuffer>],
  ['a component', numbers(0, 97, 115, 109, 13, 0, 1, 0)],
  ['a tail call', code([0x12, 0])],
  ['a tail call through a table', code([0x41, 0, 0x13, 0, 0], { table: [1, 0x70, 0, 1] })],
  ['a vector', code([0xfd, 12, ...Array(16).fill(0), 0x1a])],
  ['a relaxed vector operation', code([...repeat(2, [0xfd, 12, ...Array(16).fill(0)]), 0xfd, 0x80, 2, 0x1a])],
  ['a table of 2^32-1 entries', code([], { table: [1, 0x70, 0, 0xff, 0xff, 0xff, 0xff, 15] })],
  [
    'a table of 2^32-1 entries that cannot grow',
    code([], { table: [1, 0x70, 1, ...[0, 0].flatMap(() => [0xff, 0xff, 0xff, 0xff, 15])] }),
  ],
  ['a memory of 4 GiB', code([], { memory: [1, 0, 0x80, 0x80, 4] })],
  ['a memory of more', code([], { memory: [1, 0, 0x81, 0x80, 4] })],
  ['a memory of 64 bits', code([], { memory: [1, 4, 1] })],
  ['two memories', code([], { memory: [2, 0, 1, 0, 1] })],
  ['a table with an initial value', code([], { table: [1, 0x40, 0, 0x70, 0, 1, 0xd2, 0, 0x0b] })],
  ['a struct', module(section('type', [1, 0x5f, 0]))],
  ['a typed reference', module(section('type', [2, 0x60, 0, 0, 0x60, 1, 0x64, 0, 0]))],
  ['a tag', code([], { tag: [1, 0, 0] })],
  ['a tag of the proposal that came before', code([0x06, 0x40, 0x08, 0, 0x19, 0x0b], { tag: [1, 0, 0] })],
  ['an exception that is caught', code([0x02, 0x40, 0x1f, 0x40, 1, 2, 0, 0x08, 0, 0x0b, 0x0b], { tag: [1, 0, 0] })],
  ['a table of exceptions', code([], { table: [1, 0x69, 0, 1] })],
  ['an element segment of exceptions', code([], { element: [1, 5, 0x69, 1, 0xd0, 0x69, 0x0b] })],
  ['a global of exceptions', code([], { global: [1, 0x69, 1, 0xd0, 0x69, 0x0b] })],
  ['a global of exceptions that is thrown', code([0x23, 0, 0x0a], { global: [1, 0x69, 1, 0xd0, 0x69, 0x0b] })],
  [
    'an exception from a global that is not just thrown',
    code([0x23, 0, 0x23, 0, 0x1a, 0x0a], { global: [1, 0x69, 1, 0xd0, 0x69, 0x0b] }),
  ],
  ['a hundred tables', code([], { table: [100, ...repeat(100, [0x70, 0, 1])], export: [1, 1, 102, 0, 0] })],
  ['more tables', code([], { table: [101, ...repeat(101, [0x70, 0, 1])], export: [1, 1, 102, 0, 0] })],
  [
    '50,000 locals, and a branch table',
    code([0x02, 0x40, 0x41, 0, 0x0e, 1, 0, 0, 0x0b], {}, [1, ...leb(50_000), 0x7f]),
  ],
  ['49,999 locals, and a `try`', code([0x06, 0x40, 0x19, 0x09, 0, 0x0b], {}, [1, ...leb(49_999), 0x7f])],
  ['50,000 locals, and a `try`', code([0x06, 0x40, 0x19, 0x09, 0, 0x0b], {}, [1, ...leb(50_000), 0x7f])],
  [
    'a function that the pass makes too long',
    code([...Array(7_654_210).fill(1), ...repeat(50, [0x10, 0])], { export: [1, 1, 102, 0, 0] }),
  ],
  [
    'the maximum number of element segments',
    code([], {
      table: [1, 0x70, 0, 1],
      export: [1, 1, 102, 0, 0],
      element: [...leb(100_000), ...repeat(100_000, [1, 0, 0])],
    }),
  ],
  ['a reserved name as an import', wat('(module (import "relink" "absent" (func)))')],
  ['a declared slot', declaring({ name: 'guest::f', call: 'f', step: 1 })],
  [
    'a declared slot of two types',
    wat('(module (import "relink" "a::f" (func (param i32))) (func (export "relink:a::f")))'),
  ],
  ['a `relink` section that cannot be read', wat('(module (func))').then((bytes) => withSection(bytes, 'relink', '{'))],
  ['a name section that cannot be read', wat('(module (func))').then((bytes) => withSection(bytes, 'name', '\u0001'))],
  ['imported functions of two results', wat('(module (import "a" "f" (func (result i32 i32))))')],
  [
    'an offset that is computed',
    wat(
      '(module (import "a" "o" (global $o i32)) (table 9 funcref) (memory 1) (func $f) (elem (i32.add (global.get 0) (i32.const 1)) $f) (data (i32.mul (i32.const 2) (global.get 0)) "a"))',
      { extended_const: true },
    ).catch(() => numbers()),
  ],
]

test.each(modules)('%s', async (_, bytes) => {
  expect(differences(await bytes)).toEqual([])
})

/** The observable behaviour of a module with the classes of an engine. */
function outcome(
  bytes: Uint8Array<ArrayBuffer>,
  W: any,
  compile: (bytes: Uint8Array<ArrayBuffer>) => any,
  last: object,
) {
  const helper = new W.Instance(compile(bytesOf.functions!), {}, last).exports
  const table = new W.Table({ element: 'anyfunc', initial: 8 }, null, last)
  const references = new W.Table({ element: 'externref', initial: 8 }, 'before', last)
  const object = { here: 1 }
  const imports = {
    env: {
      table,
      references,
      memory: new W.Memory({ initial: 1 }, last),
      function: helper.function,
      none: helper.none,
      object: new W.Global({ value: 'externref' }, object, last),
      near: new W.Global({ value: 'i32' }, 2, last),
    },
  }
  const seen: unknown[] = []
  const attempt = (run: () => unknown) => {
    try {
      const value = run()
      seen.push(value === object ? 'the object' : value)
    } catch (error: any) {
      seen.push(/out of bounds|segment/.test(error.message) ? 'out of bounds' : String(error))
    }
  }
  const look = () => {
    for (let entry = 0; entry < 8; entry++) {
      attempt(() => table.get(entry)?.())
      attempt(() => references.get(entry))
    }
    seen.push([...new Uint8Array(imports.env.memory.buffer, 0, 8)])
  }
  let instance: any
  attempt(() => void (instance = new W.Instance(compile(bytes), imports, last)))
  look()
  for (const [name, run] of Object.entries<any>(instance?.exports ?? {})) {
    seen.push(name)
    attempt(() => run())
    look()
  }
  return seen
}

// wabt resolves globals in segment items by index only.
const head = `
  (import "env" "table" (table $t 8 funcref))
  (import "env" "references" (table $r 8 externref))
  (import "env" "memory" (memory 1))
  (import "env" "function" (global $f funcref))
  (import "env" "none" (global $none funcref))
  (import "env" "object" (global $o externref))
  (import "env" "near" (global $near i32))
  (func $one (result i32) (i32.const 1))
  (func $two (result i32) (i32.const 2))`

const elements: Record<string, string> = {
  'an active segment': '(elem (i32.const 1) funcref (ref.func $one) (global.get 0) (ref.null func) (global.get 1))',
  'segments that overwrite each other':
    '(elem (i32.const 0) funcref (global.get 0) (global.get 0)) (elem (i32.const 1) $one $two) (elem (global.get 3) funcref (global.get 0))',
  'a segment that fails after one, and data that is not written':
    '(elem (i32.const 0) $two) (elem (i32.const 1) funcref (global.get 0)) (elem (i32.const 8) $one) (elem (i32.const 2) $one) (data (i32.const 0) "a")',
  'a segment that fails as a whole': '(elem (i32.const 7) funcref (global.get 0) (global.get 0))',
  'data that fails after one':
    '(elem (i32.const 1) funcref (global.get 0)) (data (i32.const 1) "a") (data (i32.const 65536) "b") (data (i32.const 2) "c")',
  'an empty segment past the end': '(elem (i32.const 1) funcref (global.get 0)) (elem (i32.const 9) func)',
  'a start function, and data':
    '(elem (i32.const 1) funcref (global.get 0)) (data (global.get 3) "start") (data $d "passive") (func $start (table.set $t (i32.const 0) (table.get $t (i32.const 1))) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 2))) (start $start)',
  'a start function that traps': '(elem (i32.const 1) funcref (global.get 0)) (func $start unreachable) (start $start)',
  'code that copies from an active segment':
    '(elem $e (i32.const 1) funcref (global.get 0)) (func (export "none") (table.init $t $e (i32.const 4) (i32.const 0) (i32.const 0))) (func (export "one") (table.init $t $e (i32.const 4) (i32.const 0) (i32.const 1)))',
  'a passive segment': `(elem $e funcref (ref.func $one) (global.get 0) (ref.func $two) (global.get 0))
     (func (export "a") (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 4)))
     (func (export "b") (table.init $t $e (i32.const 4) (i32.const 2) (i32.const 1)))
     (func (export "c") (table.init $t $e (i32.const 5) (i32.const 3) (i32.const 1)))
     (func (export "d") (table.init $t $e (i32.const 6) (i32.const 2) (i32.const 3)))
     (func (export "e") (table.init $t $e (i32.const 6) (i32.const 0) (i32.const 3)))
     (func (export "f") (elem.drop $e) (table.init $t $e (i32.const 8) (i32.const 0) (i32.const 0)))
     (func (export "g") (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)))`,
  'host references': `(elem (table $r) (i32.const 1) externref (ref.null extern) (global.get 2))`,
  'host references that end past the table': `(elem (table $r) (i32.const 7) externref (ref.null extern) (global.get 2))`,
  'host references that code copies': `
     (elem $e externref (ref.null extern) (global.get 2) (ref.null extern))
     (func (export "a") (table.init $r $e (i32.const 0) (i32.const 0) (i32.const 3)))
     (func (export "b") (table.init $r $e (i32.const 4) (i32.const 1) (i32.const 1)))
     (func (export "c") (table.init $r $e (i32.const 5) (i32.const 1) (i32.const 3)))
     (func (export "d") (table.init $r $e (i32.const 6) (i32.const -1) (i32.const 2)))
     (func (export "e") (table.init $r $e (i32.const 6) (i32.const 0) (i32.const 3)))
     (func (export "f") (elem.drop $e) (table.init $r $e (i32.const 8) (i32.const 0) (i32.const 0)))
     (func (export "g") (table.init $r $e (i32.const 0) (i32.const 0) (i32.const 1)))`,
  'null that code copies as a host reference': `
     (elem $e externref (ref.null extern))
     (func (export "f") (table.init $r $e (i32.const 0) (i32.const 0) (i32.const 1)))`,
  'host references that code copies from an active segment': `
     (elem (i32.const 1) funcref (global.get 0))
     (elem $e (table $r) (i32.const 1) externref (ref.null extern))
     (func (export "f") (table.init $r $e (i32.const 0) (i32.const 0) (i32.const 1)))`,
}

const bytesOf: Record<string, Uint8Array<ArrayBuffer>> = {}

beforeAll(async () => {
  bytesOf.functions = await wat(`(module
    (func $seven (result i32) (i32.const 7))
    (global (export "function") funcref (ref.func $seven))
    (global (export "none") funcref (ref.null func)))`)
  for (const [name, text] of Object.entries(elements)) bytesOf[name] = await wat(`(module ${head} ${text})`)
})

const selections: (SlotSelection | undefined)[] = ['none', undefined, 'all']

describe.each(compilers)('element segments (%s)', (compiler) => {
  test.each(Object.keys(elements))('%s', (name) => {
    const bytes = bytesOf[name]!
    expect(differences(bytes)).toEqual([])
    const expected = outcome(bytes, V8, (each) => new V8.Module(each), {})
    for (const slots of selections) {
      const store = new Store()
      const ours = outcome(
        bytes,
        { Global, Instance, Memory, Table },
        (each) => new Module(each, { compiler, slots }),
        { store },
      )
      expect(ours).toEqual(expected)
    }
  })
})

/** Narrow atomic operations, with constants or locals as operands, and other values on the stack. */
const operations = ['add', 'sub', 'and', 'or', 'xor', 'xchg', 'cmpxchg'].flatMap((operation) =>
  ['i32.atomic.rmw8', 'i32.atomic.rmw16', 'i64.atomic.rmw8', 'i64.atomic.rmw16', 'i64.atomic.rmw32'].map(
    (prefix) => `${prefix}.${operation}_u`,
  ),
)

test.each(compilers)('narrow atomic operations (%s)', async (compiler) => {
  const functions = operations.map((operation) => {
    const [type, more] = [operation.slice(0, 3), operation.includes('cmpxchg') ? 2 : 1]
    const constants = ['-86', '0x1234567'].slice(0, more).map((value) => `(${type}.const ${value})`)
    const locals = ['1', '2'].slice(0, more).map((local) => `(local.get ${local})`)
    const deep = (inner: string) => `${`(${type}.add (${type}.const 3) `.repeat(12)}${inner}${')'.repeat(12)}`
    return [constants, locals].map(
      (operands, way) => `
      (func (export "${operation} ${way}") (param $at i32) (param $a ${type}) (param $b ${type}) (result ${type})
        ${deep(`(${operation} (local.get $at) ${operands.join(' ')})`)})
      (func (export "${operation} ${way} alone") (param $at i32) (param $a ${type}) (param $b ${type}) (result ${type})
        (${operation} offset=8 (local.get $at) ${operands.join(' ')}))`,
    )
  })
  const bytes = await wat(`(module (memory (export "memory") 1) ${functions.flat().join('')})`, { threads: true })
  expect(differences(bytes)).toEqual([])
  const run = ({ exports }: any) =>
    Object.entries<any>(exports).map(([name, f]) => {
      if (name === 'memory') return name
      const memory = new Uint8Array(exports.memory.buffer)
      memory.fill(0xaa, 0, 32)
      const argument = (value: number) => (name.startsWith('i64') ? BigInt(value) : value)
      const [at, a, b] = [8, argument(0xaaaa), argument(0x77665544)]
      return [name, f(at, a, b), f(at, b, a), [...memory.subarray(0, 32)]]
    })
  const expected = run(new V8.Instance(new V8.Module(bytes)))
  for (const slots of selections) expect(run(new Instance(new Module(bytes, { compiler, slots })))).toEqual(expected)
})
