// Slots of undeclared functions: every way to a function goes through its slot.
import { Instance, link, relink } from '../..'
import { compilers, instanceOf, thrownBy } from '../support'

/** A function `f` that returns its parameter plus 1, and every way to call it. */
const WAYS = `(module
  (type $t (func (param i32) (result i32)))
  (table $t (export "table") 4 4 funcref)
  (table $moved 2 2 funcref)
  (elem (table $t) (i32.const 1) func $f)
  (elem (table $t) (i32.const 3) func $f)
  (elem $passive func $f)
  (global $held funcref (ref.func $f))
  (func $f (export "f") (type $t) (i32.add (local.get 0) (i32.const 1)))
  (func (export "direct") (type $t) (call $f (local.get 0)))
  (func (export "pointer") (type $t) (call_indirect $t (type $t) (local.get 0) (i32.const 1)))
  (func (export "copied") (type $t)
    (table.init $moved $passive (i32.const 0) (i32.const 0) (i32.const 1))
    (call_indirect $moved (type $t) (local.get 0) (i32.const 0)))
  (func (export "held") (type $t)
    (table.set $moved (i32.const 1) (global.get $held))
    (call_indirect $moved (type $t) (local.get 0) (i32.const 1)))
  (func (export "referred") (type $t)
    (table.set $moved (i32.const 1) (ref.func $f))
    (call_indirect $moved (type $t) (local.get 0) (i32.const 1)))
  (func (export "twice") (type $t) (call $f (call $f (local.get 0))))
  (func (export "overwrite") (table.set $t (i32.const 1) (ref.null func))))`

const OTHER = `(module
  (func (export "hundred") (param i32) (result i32) (i32.add (local.get 0) (i32.const 100)))
  (func (export "thousand") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1000))))`

const IMPORTER = `(module
  (type $t (func (param i32) (result i32)))
  (import "a" "f" (func $f (type $t)))
  (import "a" "table" (table 4 funcref))
  (func (export "imported") (type $t) (call $f (local.get 0)))
  (func (export "shared") (type $t) (call_indirect (type $t) (local.get 0) (i32.const 1))))`

const waysOf = (...all: Instance[]) =>
  all.flatMap(({ exports }) =>
    ['f', 'direct', 'pointer', 'copied', 'held', 'referred', 'imported', 'shared'].flatMap((name) =>
      name in exports ? [exports[name]] : [],
    ),
  )

describe.each(compilers)('a slot of a function (%s)', (compiler) => {
  const make = async () => {
    const a = await instanceOf(WAYS, {}, { compiler })
    const b = await instanceOf(OTHER, {}, { compiler })
    const importer = await instanceOf(IMPORTER, { a: a.exports }, { compiler })
    const { table } = a.exports
    const ways = [...waysOf(a, importer), (x: number) => table.get(1)(x), table.get(3), a.exports.f]
    return { a, b, ways, slot: a.slot('f'), answers: () => ways.map((way) => way(0)) }
  }
  const all = (answer: number) => Array.from({ length: 11 }, () => answer)

  test('every way goes through it, and undo restores all', async () => {
    const { a, b, slot, answers } = await make()
    expect(answers()).toEqual(all(1))
    const change = link(b.exports.hundred, slot)
    expect(answers()).toEqual(all(100))
    expect(a.exports.twice(0)).toBe(200)
    link((x: number) => x + 7, slot)
    expect(answers()).toEqual(all(7))
    expect(thrownBy(() => change.undo())).toMatchObject({ code: 'ERR_RELINK_ORDER' })
    slot.reset()
    expect(answers()).toEqual(all(1))
    expect(slot.linked).toBe(false)
  })

  test('is one slot for all its names and entries', async () => {
    const { a, slot } = await make()
    const { table } = a.exports
    expect([a.slots.f, a.slot(0), a.slot('func[0]'), table.slot(1), table.slot(3)]).toEqual(Array(5).fill(slot))
    expect(slot).toMatchObject({ name: 'f', kind: 'function', type: { parameters: ['i32'], results: ['i32'] } })
  })

  test('its export is one function, which follows it; its original does not', async () => {
    const { a, b, slot } = await make()
    const { f, table } = a.exports
    expect([table.get(1), table.get(3)]).toEqual([f, f])
    expect(table.get(1)).toBe(f)
    expect([f.name, slot.original.name]).toEqual(['0', '0'])
    const { original } = slot
    link(b.exports.hundred, slot)
    expect([f(0), original(0), slot.current!(0)]).toEqual([100, 1, 100])
    expect(slot.current).toBe(b.exports.hundred)
    expect(table.get(1)).toBe(b.exports.hundred)
    // Meanwhile, the original can be linked into another slot.
    const other = (await instanceOf(WAYS, {}, { compiler })).slot('f')
    link(b.exports.thousand, other)
    link(original, other)
    expect(other.current!(0)).toBe(1)
    expect(a.exports.direct(0)).toBe(100)
  })

  test('calls its own original without recursion', async () => {
    const { slot, answers } = await make()
    const { original } = slot
    link((x: number) => original(x) * 2, slot)
    expect(answers()).toEqual(all(2))
  })

  test('refuses functions that lead back to it', async () => {
    const { a, slot, answers } = await make()
    const cycle = { name: 'LinkError', code: 'ERR_RELINK_CYCLE', slot: 'f' }
    expect(thrownBy(() => link(a.exports.f, slot))).toMatchObject(cycle)
    const between = await instanceOf(
      '(module (import "a" "f" (func $f (param i32) (result i32))) (export "again" (func $f)))',
      { a: a.exports },
      { compiler },
    )
    expect(thrownBy(() => link(between.exports.again, slot))).toMatchObject(cycle)
    // A function that does more than forward is not a cycle, but a recursion.
    expect(answers()).toEqual(all(1))
  })

  test('does not overwrite a function that the guest wrote into an entry', async () => {
    const { a, b, slot } = await make()
    a.exports.overwrite()
    const change = link(b.exports.hundred, slot)
    expect([a.exports.direct(0), a.exports.table.get(3)(0), a.exports.table.get(1)]).toEqual([100, 100, null])
    change.undo()
    expect([a.exports.direct(0), a.exports.table.get(3)(0), a.exports.table.get(1)]).toEqual([1, 1, null])
  })

  test('undo notices that the guest overwrote a link, and reset repairs it', async () => {
    const { a, b, slot, answers } = await make()
    const change = link(b.exports.hundred, slot)
    a.exports.overwrite()
    expect(thrownBy(() => change.undo())).toMatchObject({ code: 'ERR_RELINK_CHANGED', slot: 'f' })
    expect(a.exports.direct(0)).toBe(100)
    slot.reset()
    expect(answers()).toEqual(all(1))
  })

  test('an entry that was written meanwhile is a slot of its own', async () => {
    const { a, b, slot } = await make()
    const { table, direct, pointer } = a.exports
    table.set(1, b.exports.hundred)
    const entry = table.slot(1)
    expect([entry.kind, entry.name]).toEqual(['table', 'table[1]'])
    link(b.exports.thousand, entry)
    expect([direct(0), pointer(0), slot.linked]).toEqual([1, 1000, false])
  })

  test('functions that another module reads from the table follow it too', async () => {
    const { a, b, slot } = await make()
    const earlier = link(b.exports.thousand, slot)
    const thief = await instanceOf(
      `(module
        (type $t (func (param i32) (result i32)))
        (import "a" "table" (table $theirs 4 funcref))
        (table $own 2 2 funcref)
        (func (export "steal")
          (table.copy $own $theirs (i32.const 0) (i32.const 1) (i32.const 1))
          (table.set $own (i32.const 1) (table.get $theirs (i32.const 3))))
        (func (export "use") (param i32 i32) (result i32) (call_indirect $own (type $t) (local.get 1) (local.get 0))))`,
      { a: a.exports },
      { compiler },
    )
    thief.exports.steal()
    const uses = () => [0, 1].map((entry) => thief.exports.use(entry, 0))
    expect([...uses(), a.exports.pointer(0)]).toEqual([1000, 1000, 1000])
    earlier.undo()
    expect([...uses(), a.exports.pointer(0)]).toEqual([1, 1, 1])
    link(b.exports.hundred, slot)
    expect([...uses(), a.exports.pointer(0), a.exports.direct(0)]).toEqual([100, 100, 100, 100])
    slot.reset()
    expect([...uses(), a.exports.pointer(0), a.exports.direct(0)]).toEqual([1, 1, 1, 1])
  })

  test.each(['f32', 'f64', 'i64'] as const)('takes and returns %s', async (type) => {
    const text = (step: string) => `(module
      (type $t (func (param ${type} i32 ${type}) (result ${type})))
      (table (export "table") 1 1 funcref) (elem (i32.const 0) $f)
      (func $f (export "f") (type $t) (${type}.add (local.get 0) (${type}.${step} (local.get 2) (local.get 0))))
      (func (export "direct") (type $t) (call $f (local.get 0) (local.get 1) (local.get 2)))
      (func (export "pointer") (type $t)
        (call_indirect (type $t) (local.get 0) (local.get 1) (local.get 2) (i32.const 0))))`
    const a = await instanceOf(text('add'), {}, { compiler })
    const [two, three] = type === 'i64' ? [2n, 3n] : [2, 3]
    const answers = () => ['f', 'direct', 'pointer'].map((name) => Number(a.exports[name](two, 9, three)))
    expect(answers()).toEqual([7, 7, 7])
    // From either compiler, since their calling conventions differ.
    for (const other of compilers) {
      const b = await instanceOf(text('sub'), {}, { compiler: other })
      const change = link(b.exports.f, a.slot('f'))
      expect(answers()).toEqual([3, 3, 3])
      change.undo()
    }
    expect(answers()).toEqual([7, 7, 7])
  })

  test('passes an error of a JavaScript function unchanged', async () => {
    const { slot, ways } = await make()
    const mine = new Error('mine')
    const change = link(() => {
      throw mine
    }, slot)
    for (const way of ways) expect(thrownBy(() => way(0))).toBe(mine)
    change.undo()
  })

  test('does not change the stacks of traps', async () => {
    const text = '(module (func $inner (export "inner") unreachable) (func $outer (export "outer") call $inner))'
    const frames = async (slots?: 'all' | 'none') => {
      const { exports } = await instanceOf(text, {}, { compiler, slots })
      const stack = thrownBy(() => exports.outer()).stack!
      return stack.split('\n').flatMap((line) => /at (\w+) \(wasm-function\[(\d+)]/.exec(line)?.slice(1) ?? [])
    }
    expect(await frames()).toEqual(['inner', '0', 'outer', '1'])
    expect(await frames('all')).toEqual(await frames('none'))
  })

  test('a merged function needs the option `merged`', async () => {
    const a = await instanceOf(
      `(module (func $f (export "tax") (export "fee") (result i32) i32.const 1)
        (func (export "call") (result i32) call $f))`,
      {},
      { compiler },
    )
    const slot = a.slot('fee')
    expect([slot.name, a.slot('tax')]).toEqual(['tax', slot])
    const merged = { name: 'LinkError', code: 'ERR_RELINK_MERGED', slot: 'tax', candidates: ['tax', 'fee'] }
    expect(thrownBy(() => link(() => 2, slot))).toMatchObject(merged)
    expect(thrownBy(() => relink([[() => 2, slot]]))).toMatchObject({
      code: 'ERR_RELINK_REFUSED',
      refusals: [{ index: 0, code: 'ERR_RELINK_MERGED', slot: 'tax' }],
    })
    expect(a.exports.call()).toBe(1)
    const change = link(() => 2, slot, { merged: true })
    expect([a.exports.tax(), a.exports.fee(), a.exports.call()]).toEqual([2, 2, 2])
    change.undo()
    relink([[() => 3, slot]], { merged: true })
    expect(a.exports.fee()).toBe(3)
  })
})
