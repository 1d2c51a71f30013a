// A table that one instance exports and others write: calls reach the function that stands in it, on each way of writing,
// as on V8. wasmer keeps a copy of a table of fixed size in the instance that defines it, and calls read the copy.
import { Global, Instance, Module, Store, link } from '../..'
import { collect } from '../support/collecting'
import { compilers, wat } from '../support'

const V8 = globalThis.WebAssembly as any

/** Calls through its table, which it exports; entry 0 is a function of its own. */
const definer = (limits: string) => `(module
  (type $number (func (result i32)))
  (table (export "table") ${limits} funcref)
  (elem (i32.const 0) $own)
  (func $own (export "own") (result i32) i32.const 100)
  (func (export "call") (param i32) (result i32) (call_indirect (type $number) (local.get 0))))`

/** Writes a table that it imports: by a segment at \`from\`, by its start function, and by code. */
const writer = (limits: string, { segment = '', start = '' } = {}) => `(module
  (type $number (func (result i32)))
  (import "a" "table" (table $t ${limits} funcref))
  (import "a" "call" (func $call (param i32) (result i32)))
  (import "a" "from" (global $from i32))
  (table $other 4 4 funcref)
  (global $seen (export "seen") (mut i32) (i32.const -1))
  ${segment}
  ${start}
  (elem (table $other) (i32.const 1) func $five $six)
  (elem $passive func $one $two $three)
  (elem declare func $four)
  (func $one (result i32) i32.const 1)
  (func $two (result i32) i32.const 2)
  (func $three (result i32) i32.const 3)
  (func $four (result i32) i32.const 4)
  (func $five (result i32) i32.const 5)
  (func $six (result i32) i32.const 6)
  (func (export "set") (param i32) (table.set $t (local.get 0) (ref.func $four)))
  (func (export "clear") (param i32) (table.set $t (local.get 0) (ref.null func)))
  (func (export "fill") (param i32 i32) (table.fill $t (local.get 0) (ref.func $four) (local.get 1)))
  (func (export "init") (param i32 i32 i32) (table.init $t $passive (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32) (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "take") (param i32 i32 i32) (table.copy $t $other (local.get 0) (local.get 1) (local.get 2)))
  (func (export "give") (param i32 i32 i32) (table.copy $other $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "grow") (param i32) (result i32) (table.grow $t (ref.func $four) (local.get 0))))`

const start = `(start $start) (func $start (global.set $seen (call $call (i32.const 1))))`
const segment = `(elem (table $t) (i32.const 1) func $two $three) (elem (table $t) (global.get $from) func $one)`

interface Engine {
  Module: any
  Instance: any
  Global: any
}
const features = { reference_types: true, bulk_memory: true }

/** The results of every call of the definer, after each step of the writer; a trap is one too. */
async function story({ Module, Instance, Global }: Engine, limits: string, from: number, options: object, parts = {}) {
  const make = async (text: string, imports = {}) =>
    new Instance(new Module(await wat(text, features), options), imports).exports
  const a = await make(definer(limits))
  const calls = () =>
    Array.from({ length: a.table.length + 1 }, (_, index) => {
      try {
        return a.call(index)
      } catch {
        return 'trap'
      }
    })
  const seen: unknown[] = [calls()]
  const imports = { a: { table: a.table, call: a.call, from: new Global({ value: 'i32' }, from) } }
  const text = writer(limits, parts)
  const b = await make(text, imports).catch(() => undefined)
  seen.push(calls(), b?.seen.value)
  if (b === undefined) return seen
  const steps: [string, ...number[]][] = [
    ['set', 2],
    ['clear', 0],
    ['init', 0, 0, 3],
    ['init', 2, 1, 3],
    ['copy', 1, 0, 3],
    ['copy', 0, 1, 3],
    ['take', 1, 1, 2],
    ['take', 2, 1, 4],
    ['give', 0, 0, 3],
    ['take', 1, 0, 3],
    ['fill', 1, 2],
    ['fill', 3, 2],
    ['set', 9],
    ['grow', 1],
    ['set', 4],
    ['clear', 1],
  ]
  for (const [name, ...values] of steps) {
    try {
      seen.push(b[name](...values))
    } catch {
      seen.push('refused')
    }
    seen.push([name, ...values, calls()])
  }
  a.table.set(3, a.own)
  seen.push(calls())
  return seen
}

const variants: Record<string, object> = {
  code: {},
  segments: { segment },
  'a start function': { start },
  'segments and a start function that calls': { segment, start },
}

describe.each(compilers)('a shared table (%s)', (compiler) => {
  describe.each(['4 4', '4', '4 9'])('of limits %s', (limits) => {
    describe.each(['all', 'none'])('slots %s', (slots) => {
      test.each(Object.entries(variants))('written by %s', async (_, parts) => {
        for (const from of [3, 4, -1]) {
          const ours = await story({ Module, Instance, Global }, limits, from, { compiler, slots }, parts)
          expect(ours).toEqual(await story(V8, limits, from, {}, parts))
        }
      })
    })
  })

  test('is written in long ranges', async () => {
    const make = async (text: string, imports = {}) =>
      new Instance(new Module(await wat(text, features), { compiler }), imports).exports as any
    const a = await make(definer('1000 1000'))
    const b = await make(writer('1000'), { a: { table: a.table, call: a.call, from: new Global({ value: 'i32' }, 0) } })
    b.fill(1, 999)
    expect([a.call(0), a.call(1), a.call(500), a.call(999)]).toEqual([100, 4, 4, 4])
    b.copy(500, 0, 400)
    expect([a.call(500), a.call(899), a.call(999)]).toEqual([100, 4, 4])
    expect(() => b.fill(500, 501)).toThrow('out of bounds')
    expect(a.call(500)).toBe(100)
  })

  test('is written by many importers, while others come and go', async () => {
    const store = new Store()
    const make = async (text: string, imports = {}) =>
      new Instance(new Module(await wat(text, features), { compiler }), imports, { store }) as any
    const a = await make(definer('4 4'))
    const b = await make(definer('4'))
    for (let round = 0; round < 30; round++) {
      const shared = round % 2 ? a : b
      const from = new Global({ value: 'i32' }, 3, { store } as any)
      const { table, call } = shared.exports
      const c = await make(writer('4', { segment, start }), { a: { table, call, from } })
      expect(c.exports.seen.value).toBe(2)
      c.exports.set(round % 4)
      expect(call(round % 4)).toBe(4)
      c.exports.clear(round % 4)
      expect(() => call(round % 4)).toThrow('null')
      if (round % 3) c.close()
      if (round % 5 === 0) await collect(store)
    }
  })

  test('links are seen through it, also after an importer wrote', async () => {
    const make = async (text: string, imports = {}) =>
      new Instance(new Module(await wat(text, features), { compiler }), imports) as any
    const a = await make(definer('4 4'))
    const { table, call, own } = a.exports
    const b = await make(writer('4 4'), { a: { table, call, from: new Global({ value: 'i32' }, 0) } })
    b.exports.set(1)
    const change = link(own, table.slot(1))
    expect(call(1)).toBe(100)
    change.undo()
    expect(call(1)).toBe(4)
    link(table.get(1), a.slot('own'))
    expect([call(0), own()]).toEqual([4, 4])
    b.exports.clear(0)
    expect(() => call(0)).toThrow('null')
    expect(own()).toBe(4)
  })
})
