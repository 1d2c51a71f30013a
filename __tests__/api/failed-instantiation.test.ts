// An instantiation that fails at any step leaves the effects of the earlier steps, and functions that it left work.
import { Instance, Memory, Module, type SlotSelection, Store, Table, rewrite } from '../..'
import { compilers, thrownBy, wat } from '../support'

const V8 = globalThis.WebAssembly as any

/** A module that fails at one step. */
interface FailingStep {
  /** Imports besides the imports that all these modules have */
  imports?: string
  /** Definitions before the element segments */
  definitions?: string
  /** Element segments after the first two */
  elements?: string
  /** Data segments after the first */
  data?: string
  start?: string
}

const steps: Record<string, FailingStep> = {
  'none fails': {},
  'an import has another type': { imports: '(import "env" "log" (global i32))' },
  'an import is missing': { imports: '(import "env" "absent" (func))' },
  'a table is larger than there can be': { definitions: '(table 4294967295 funcref)' },
  'an element segment ends past its table': { elements: '(elem (table $own) (i32.const 3) func $seven $seven)' },
  'an element segment ends past an imported table': {
    elements: '(elem (table $t) (i32.const 9) func $seven $seven)',
  },
  'an element segment begins where an imported global says': {
    elements: '(elem (table $t) (global.get $far) func $seven)',
  },
  'an empty element segment begins past its table': { elements: '(elem (table $t) (i32.const 11) func)' },
  'a later element segment fails': {
    elements:
      '(elem (table $t) (i32.const 3) func $calls) (elem (table $t) (i32.const 10) func $seven) (elem (table $t) (i32.const 4) func $seven)',
  },
  'a data segment ends past its memory': { data: '(data (i32.const 65535) "ab")' },
  'a data segment begins where an imported global says': { data: '(data (global.get $far) "a")' },
  'an empty data segment begins past its memory': { data: '(data (i32.const 65537) "")' },
  'a later data segment fails': { data: '(data (i32.const 1) "b") (data (i32.const -1) "c") (data (i32.const 2) "d")' },
  'the start function traps': { start: '(call $log (i32.const 9)) unreachable' },
  'what the start function imports throws': { start: '(call $log (i32.const 9)) (call $throws)' },
  'the start function calls what traps through a table': {
    start: '(table.set $t (i32.const 5) (ref.func $calls)) (drop (call_indirect $own (result i32) (i32.const 0)))',
  },
  'the start function copies segments and fails': {
    start:
      '(table.init $t $passive (i32.const 6) (i32.const 0) (i32.const 2)) (elem.drop $passive) (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 1))',
  },
}

function text({ imports = '', definitions = '', elements = '', data = '', start }: FailingStep): string {
  return `(module
    (type $i (func (result i32)))
    (import "env" "log" (func $log (param i32)))
    (import "env" "throws" (func $throws))
    (import "env" "table" (table $t 10 funcref))
    (import "env" "memory" (memory 1))
    (import "env" "far" (global $far i32))
    ${imports}
    (table $own 4 4 funcref)
    ${definitions}
    (global $count (mut i32) (i32.const 0))
    (export "own" (table $own))
    (export "seven" (func $seven))
    (elem (table $own) (i32.const 1) func $seven $counts)
    (elem (table $t) (i32.const 1) func $calls $throws)
    ${elements}
    (elem $passive func $counts $logs)
    (elem declare func $calls)
    (data (i32.const 0) "a")
    ${data}
    (func $seven (result i32) i32.const 7)
    (func $counts (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (global.get $count))
    (func $logs (result i32) (call $log (i32.const 3)) (i32.const 4))
    ;; Each way to a function: directly, through a table of its own, and to an import.
    (func $calls (result i32)
      (i32.add
        (i32.add (call $seven) (i32.mul (i32.const 100) (call $logs)))
        (i32.mul (i32.const 10000) (call_indirect $own (type $i) (i32.const 2)))))
    ${start === undefined ? '' : `(func $start ${start}) (start $start)`})`
}

const bytes = Object.fromEntries(
  Object.entries(steps).map(([name, step]) => [name, wat(text(step), { multi_memory: true })]),
)

/** V8's message for each failure, and this package's code or trap for it. */
const kinds: [RegExp, string][] = [
  [/^LinkError|TypeError.*(function|Imports?)/i, 'import'],
  [/unreachable/, 'unreachable'],
  [/element segment|table (index|access)|table initializer|table-out-of-bounds/i, 'table'],
  [/data segment|memory-out-of-bounds/i, 'memory'],
  [/null.?function|signature/i, 'null function'],
  [/Table|memory/i, 'no room'],
]

interface EngineObjects {
  make(bytes: Uint8Array<ArrayBuffer>, imports: any): any
  memory(): any
  table(): any
}

/** The observable state after an instantiation has ended. */
function outcome(
  { make, memory: newMemory, table: newTable }: EngineObjects,
  module: Uint8Array<ArrayBuffer>,
): unknown {
  const [memory, table, log, thrown] = [newMemory(), newTable(), [] as unknown[], new Error('mine')]
  const env = {
    log: (value: number) => void log.push(value, table.get(1)?.()),
    throws: () => {
      throw thrown
    },
    table,
    memory,
    far: 70_000,
  }
  let error: any
  try {
    make(module, { env })
  } catch (caught: any) {
    const says = `${caught.name} ${caught.trap ?? ''} ${caught.code ?? ''} ${caught.message}`
    error = caught === thrown ? 'mine' : (kinds.find(([words]) => words.test(says))?.[1] ?? says)
  }
  const call = (f: any) => {
    try {
      return f()
    } catch (caught) {
      return caught === thrown ? 'mine' : String(caught)
    }
  }
  // Twice, since the functions have state.
  const entries = () => Array.from({ length: 10 }, (_, index) => table.get(index) && call(table.get(index)))
  return { error, entries: [entries(), entries()], memory: [...new Uint8Array(memory.buffer, 0, 4)], log }
}

const v8: EngineObjects = {
  make: (module, imports) => new V8.Instance(new V8.Module(module), imports),
  memory: () => new V8.Memory({ initial: 1 }),
  table: () => new V8.Table({ element: 'anyfunc', initial: 10 }),
}

// Undefined selects the default.
const selections: (SlotSelection | undefined)[] = ['none', undefined, 'all']

describe.each(Object.keys(steps))('step: %s', (name) => {
  test.each(selections)('V8 finds the same after the pass (slots %s)', async (slots) => {
    const expected = outcome(v8, await bytes[name]!)
    expect(outcome(v8, new Uint8Array(rewrite(await bytes[name]!, { slots })))).toEqual(expected)
  })

  test.each(compilers.flatMap((compiler) => selections.map((slots) => [compiler, slots] as const)))(
    'wasmer finds what V8 does (%s, slots %s)',
    async (compiler, slots) => {
      const store = new Store()
      const ours: EngineObjects = {
        make: (module, imports) => new Instance(new Module(module, { compiler, slots }), imports, { store }),
        memory: () => new Memory({ initial: 1 }, { store }),
        table: () => new Table({ element: 'anyfunc', initial: 10 }, null, { store }),
      }
      expect(outcome(ours, await bytes[name]!)).toEqual(outcome(v8, await bytes[name]!))
    },
  )
})

test.each(compilers)('functions that many failed instantiations left in a table work (%s)', async (compiler) => {
  const store = new Store()
  const table = new Table({ element: 'anyfunc', initial: 10 }, null, { store })
  const memory = new Memory({ initial: 1 }, { store })
  const env = { log: () => {}, throws: () => {}, table, memory, far: 70_000 }
  const module = new Module(await bytes['a later element segment fails']!, { compiler })
  for (let round = 0; round < 50; round++) {
    expect(thrownBy(() => new Instance(module, { env }, { store }))).toMatchObject({ trap: 'table-out-of-bounds' })
  }
  expect(table.get(3)!()).toBe(10_407)
  expect(table.get(1)!()).toBe(20_407)
})
