// Many calls in one: `fn.map(columns…)`.
import { runInNewContext } from 'node:vm'
import { type Link, Store, Table, WebAssembly as ours, link } from '../..'
import { compilers, guest, instanceOf, thrownBy, wat } from '../support'
import { instantiate } from '../..'

describe.each(compilers)('on %s', (compiler) => {
  const make = (text: string, imports = {}) => instanceOf(text, imports, { compiler })

  test('calls the function once for each row', async () => {
    const { exports } = await make(`(module
      (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
      (func (export "long") (param i64) (result i64) (i64.mul (local.get 0) (i64.const -3)))
      (func (export "float") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 0.5)))
      (func (export "double") (param f64 f64) (result f64) (f64.sub (local.get 0) (local.get 1))))`)
    expect(exports.add.map(Int32Array.of(1, 2, -3), Int32Array.of(10, 20, 30))).toEqual(Int32Array.of(11, 22, 27))
    expect(exports.add.map(Uint32Array.of(2 ** 31), Int32Array.of(-1))).toEqual(Int32Array.of(2 ** 31 - 1))
    expect(exports.long.map(BigInt64Array.of(1n, -(2n ** 63n)))).toEqual(BigInt64Array.of(-3n, -(2n ** 63n)))
    expect(exports.long.map(BigUint64Array.of(7n))).toEqual(BigInt64Array.of(-21n))
    expect(exports.float.map(Float32Array.of(1, -0, Infinity))).toEqual(Float32Array.of(0.5, -0, Infinity))
    expect(exports.double.map(Float64Array.of(1.5, NaN), Float64Array.of(1, 1))).toEqual(Float64Array.of(0.5, NaN))
  })

  test('takes parameters of mixed types, and several results', async () => {
    const { exports } = await make(`(module
      (func (export "mix") (param f64 i32 i64 f32 i32 i64 f64 f32 i64) (result f64)
        (f64.add (f64.sub (local.get 0) (f64.convert_i32_s (local.get 1)))
          (f64.add (f64.sub (f64.convert_i64_s (local.get 2)) (f64.promote_f32 (local.get 3)))
            (f64.add (f64.sub (f64.convert_i32_s (local.get 4)) (f64.convert_i64_s (local.get 5)))
              (f64.add (f64.sub (local.get 6) (f64.promote_f32 (local.get 7))) (f64.convert_i64_s (local.get 8)))))))
      (func (export "split") (param i64) (result f64 i32 i64 f32)
        (f64.convert_i64_s (local.get 0)) (i32.wrap_i64 (local.get 0))
        (i64.add (local.get 0) (i64.const 1)) (f32.convert_i64_s (local.get 0))))`)
    const row = [1, 20, 300n, 4000, 50_000, 600_000n, 7_000_000, 80_000_000, 900_000_000n]
    const classes = [
      Float64Array,
      Int32Array,
      BigInt64Array,
      Float32Array,
      Int32Array,
      BigInt64Array,
      Float64Array,
      Float32Array,
      BigInt64Array,
    ]
    const columns = classes.map((Class, index) => (Class as any).of(row[index], row[index]))
    const [once, twice] = exports.mix.map(...columns)
    expect([once, twice]).toEqual([exports.mix(...row), exports.mix(...row)])
    const [doubles, ints, longs, floats] = exports.split.map(BigInt64Array.of(5n, -6n))
    expect([doubles, ints, longs, floats]).toEqual([
      Float64Array.of(5, -6),
      Int32Array.of(5, -6),
      BigInt64Array.of(6n, -5n),
      Float32Array.of(5, -6),
    ])
    const into = [new Float64Array(2), new Uint32Array(2), new BigUint64Array(3), new Float32Array(2)]
    expect(exports.split.map(BigInt64Array.of(5n, -6n), { into })).toBe(into)
    expect(into).toEqual([doubles, Uint32Array.of(5, 2 ** 32 - 6), BigUint64Array.of(6n, 2n ** 64n - 5n, 0n), floats])
  })

  test('any number of rows: none, one, and more than fit at once', async () => {
    const { exports } = await make(`(module (global $calls (mut i32) (i32.const 0))
      (func (export "f") (param i32 f64) (result f64)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (f64.add (f64.convert_i32_s (local.get 0)) (local.get 1)))
      (func (export "calls") (result i32) (global.get $calls)))`)
    let calls = 0
    for (const count of [0, 1, 2, 3270, 3271, 3272, 3273, 3276, 3280, 6544, 6545, 100_001]) {
      const ints = Int32Array.from({ length: count }, (_, index) => index)
      const halves = Float64Array.from({ length: count }, (_, index) => index / 2)
      expect(exports.f.map(ints, halves)).toEqual(halves.map((half) => half * 3))
      calls += count
      expect(exports.calls()).toBe(calls)
    }
  })

  test('into an array of one’s own, also one that is a column, also a part of a memory', async () => {
    const { exports } = await make(`(module (memory (export "memory") 1)
      (func (export "next") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))`)
    const into = new Int32Array(4)
    expect(exports.next.map(Int32Array.of(1, 2), { into })).toBe(into)
    expect(into).toEqual(Int32Array.of(2, 3, 0, 0))
    const many = new Int32Array(50_000).fill(7)
    exports.next.map(many, { into: many })
    expect(many.every((value) => value === 8)).toBe(true)
    const inside = new Int32Array(exports.memory.buffer, 16, 3)
    inside.set([5, 6, 7])
    exports.next.map(inside, { into: inside })
    expect([...new Int32Array(exports.memory.buffer, 12, 5)]).toEqual([0, 6, 7, 8, 0])
    const shared = new Int32Array(new SharedArrayBuffer(8))
    expect(exports.next.map(shared)).toEqual(Int32Array.of(1, 1))
  })

  test('without parameters, without results, and without either', async () => {
    const { exports } = await make(`(module (global $n (mut i64) (i64.const 0))
      (func $bump (export "bump") (global.set $n (i64.add (global.get $n) (i64.const 1))))
      (func (export "tick") (result i64) (call $bump) (global.get $n))
      (func (export "add") (param i64) (global.set $n (i64.add (global.get $n) (local.get 0)))))`)
    expect(exports.tick.map({ into: new BigInt64Array(3) })).toEqual(BigInt64Array.of(1n, 2n, 3n))
    expect(exports.add.map(BigInt64Array.of(10n, 20n))).toBeUndefined()
    expect(exports.tick()).toBe(34n)
    expect(thrownBy(() => exports.tick.map())).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    expect(thrownBy(() => exports.bump.map({ into: new Int32Array(1) }))).toMatchObject({ name: 'TypeError' })
  })

  test('goes through slots, and follows a link that is made while it runs', async () => {
    let calls = 0
    const instance = await make(
      `(module (import "env" "each" (func $each (param i32)))
        (func $price (export "price") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func (export "total") (param i32) (result i32) (call $each (local.get 0)) (call $price (local.get 0))))`,
      {
        env: {
          each(index: number) {
            calls++
            if (index === 20_000) link((x: number) => x * 2, instance.slot('price'))
          },
        },
      },
    )
    const numbers = Int32Array.from({ length: 40_000 }, (_, index) => index)
    const totals = instance.exports.total.map(numbers)
    expect(totals).toEqual(numbers.map((number) => (number < 20_000 ? number + 1 : number * 2)))
    expect(calls).toBe(40_000)
    expect(instance.exports.price.map(Int32Array.of(21))).toEqual(Int32Array.of(42))
  })

  test('follows the slot of the function itself, and slots that this is linked to', async () => {
    const steps = new Map<number, () => unknown>()
    const env = { each: (index: number) => void steps.get(index)?.() }
    const text = (factor: number) => `(module (import "env" "each" (func $each (param i32)))
      (func (export "f") (param i32) (result i32)
        (call $each (local.get 0)) (i32.mul (local.get 0) (i32.const ${factor}))))`
    const [one, ten, hundred] = await Promise.all([
      make(text(1), { env }),
      make(text(10), { env }),
      make(text(100), { env }),
    ])
    const { f } = one.exports
    const slot = one.slot('f')
    const rows = Int32Array.of(1, 2, 3, 4, 5, 6)
    const run = (changes: Record<number, () => unknown>) => {
      steps.clear()
      Object.entries(changes).forEach(([row, change]) => steps.set(Number(row), change))
      return Array.from(f.map(rows))
    }
    expect(
      run({ 2: () => link(ten.exports.f, slot), 4: () => link(hundred.exports.f, slot), 5: () => slot.reset() }),
    ).toEqual([1, 2, 30, 40, 500, 6])
    // Calls through another slot, then the function itself again.
    let made: Link
    expect(
      run({
        1: () => (made = link(ten.exports.f, slot)),
        3: () => link(hundred.exports.f, ten.slot('f')),
        4: () => ten.slot('f').reset(),
        5: () => made.undo(),
      }),
    ).toEqual([1, 20, 30, 400, 50, 6])
    // An inner batch of the same driver, which begins before the link and ends after it.
    link(ten.exports.f, slot)
    let inner: number[] = []
    const nested = run({
      2: () => {
        steps.delete(2)
        steps.set(5, () => slot.reset())
        inner = Array.from(f.map(Int32Array.of(4, 5, 6)))
        steps.clear()
      },
      4: () => link(hundred.exports.f, slot),
    })
    expect(inner).toEqual([40, 500, 6])
    expect(nested).toEqual([10, 20, 3, 4, 5, 6])
    // After an inner batch for another function, the outer batch still calls its own function.
    steps.clear()
    steps.set(2, () => void expect(Array.from(hundred.exports.f.map(Int32Array.of(7)))).toEqual([700]))
    expect(Array.from(f.map(rows))).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('within one another, of the same type and of others', async () => {
    const { exports } = await make(
      `(module (import "env" "deeper" (func $deeper (param i32) (result i32)))
        (func (export "inc") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func (export "half") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))
        (func (export "down") (param i32) (result i32) (call $deeper (local.get 0))))`,
      {
        env: {
          deeper(level: number): number {
            if (level === 0) return exports.half.map(Float64Array.of(8))[0]
            const [inner, same] = exports.down.map(Int32Array.of(level - 1, level - 1))
            expect(same).toBe(inner)
            return exports.inc.map(Int32Array.of(inner))[0]
          },
        },
      },
    )
    expect(exports.down.map(Int32Array.of(0, 6, 1))).toEqual(Int32Array.of(4, 10, 5))
    // The columns of the outer batches are unchanged.
    expect(exports.inc.map(Int32Array.of(1))).toEqual(Int32Array.of(2))
  })

  test('a trap ends it, and later calls work', async () => {
    const { exports } = await make(`(module (global $n (mut i32) (i32.const 0))
      (func (export "divide") (param i32) (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1))) (i32.div_s (i32.const 100) (local.get 0)))
      (func (export "n") (result i32) (global.get $n)))`)
    const error = thrownBy(() => exports.divide.map(Int32Array.of(1, 2, 0, 4)))
    expect(error).toMatchObject({ code: 'ERR_RELINK_TRAP', trap: 'divide-by-zero' })
    expect(error.stack).not.toContain('wasm-relink[')
    expect(exports.n()).toBe(3)
    expect(exports.divide.map(Int32Array.of(4, 5))).toEqual(Int32Array.of(25, 20))
  })

  test('an error that an import throws comes out unchanged', async () => {
    const thrown = { mine: true }
    const { exports } = await make(
      '(module (import "env" "f" (func $f (param f32))) (func (export "g") (param f32) (call $f (local.get 0))))',
      {
        env: {
          f(value: number) {
            if (value === 2) throw thrown
          },
        },
      },
    )
    expect(thrownBy(() => exports.g.map(Float32Array.of(1, 2, 3)))).toBe(thrown)
    expect(exports.g.map(Float32Array.of(1, 3))).toBeUndefined()
  })

  test('an array that is detached while the calls are made ends it', async () => {
    const column = new Int32Array(100_000)
    let calls = 0
    const { exports } = await make(
      '(module (import "env" "f" (func $f)) (func (export "g") (param i32) (result i32) (call $f) (local.get 0)))',
      {
        env: {
          f() {
            if (calls++ === 5) structuredClone(column.buffer, { transfer: [column.buffer] })
          },
        },
      },
    )
    const error = thrownBy(() => exports.g.map(column))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
    expect(error.message).toContain('was detached')
    expect(calls).toBeGreaterThan(5)
    expect(calls).toBeLessThan(100_000)
  })

  test('memory that grows meanwhile is detached', async () => {
    const { exports } = await make(`(module (memory (export "memory") 1)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`)
    const before = exports.memory.buffer
    expect(exports.grow.map(Int32Array.of(1, 0, 2))).toEqual(Int32Array.of(1, 2, 2))
    expect([before.byteLength, exports.memory.buffer.byteLength]).toEqual([0, 4 * 65_536])
  })

  test('a closed store frees its drivers, also if it is closed during a batch', async () => {
    const store = new Store()
    const text = `(module (import "env" "f" (func $f (param i32)))
      (func (export "g") (param i32) (result i32) (call $f (local.get 0)) (local.get 0)))`
    const imports = { env: { f: (x: number) => void (x === 2 && store.close()) } }
    const { exports } = await instanceOf(text, imports, { compiler, store })
    expect(exports.g.map(Int32Array.of(1))).toEqual(Int32Array.of(1))
    expect(exports.g.map(Int32Array.of(1, 2, 3))).toEqual(Int32Array.of(1, 2, 3))
    store.collect()
    expect(thrownBy(() => exports.g.map(Int32Array.of(1)))).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
    const other = new Store()
    const second = await instanceOf(text, { env: { f() {} } }, { compiler, store: other })
    second.exports.g.map(Int32Array.of(1))
    other.close()
    expect(other.stats()).toMatchObject({ instances: 0, functions: 0, memories: 0, tables: 0 })
  })

  test('a closed instance refuses', async () => {
    const instance = await make('(module (func (export "f") (param i32)))')
    const { f } = instance.exports
    instance.close()
    expect(thrownBy(() => f.map(Int32Array.of(1)))).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
  })
})

test('arrays of another realm, and subclasses, are typed arrays', async () => {
  const { exports } = await instanceOf('(module (func (export "id") (param i32) (result i32) (local.get 0)))')
  class Mine extends Int32Array {}
  expect(exports.id.map(Mine.of(3, 4))).toEqual(Int32Array.of(3, 4))
  expect(exports.id.map(runInNewContext('Int32Array.of(5)'))).toEqual(Int32Array.of(5))
})

test('of a function out of a table, of Rust, and of `WebAssembly`', async () => {
  const { instance } = await instantiate(guest('pricing'), {})
  const discount = instance.slot('discount').original
  const [cents, others] = [BigInt64Array.of(1000n, 20_000n), new Int32Array(2)]
  expect(discount.map(cents, others)).toEqual(BigInt64Array.of(discount(1000n, 0), discount(20_000n, 0)))
  const bytes = await wat('(module (func (export "f") (param f64) (result f64) (f64.neg (local.get 0))))')
  const standard = new ours.Instance(new ours.Module(bytes)).exports
  const table = new Table({ element: 'anyfunc', initial: 1 })
  table.set(0, standard.f as never)
  expect(table.get(0)!.map(Float64Array.of(1))).toEqual(Float64Array.of(-1))
  // Apart from `map`, it is a plain function, as the JS API requires.
  expect(Object.getPrototypeOf(standard.f).map).toBeUndefined()
  expect(Object.keys(standard.f as object)).toEqual([])
})
