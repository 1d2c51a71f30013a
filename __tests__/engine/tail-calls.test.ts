// Tail calls: no growth of the stack, on any way to a function, and the semantics of the specification.
import { spawnSync } from 'node:child_process'
import { Instance, Module, RuntimeError, type SlotSelection, Store, Table, inspect, link, validate } from '../..'
import { compilers, root, thrownBy, wat } from '../support'

/** Deeper than any stack is, by far. */
const HOPS = 1_000_000

const selections: (SlotSelection | undefined)[] = ['none', undefined, 'all']
const ways = compilers.flatMap((compiler) => selections.map((slots) => [compiler, slots] as const))

/** A counter down to zero: `call` is the tail call with one less. */
const counter = (name: string, call: string, last: number) => `
  (func $${name} (export "${name}") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then ${call.replace('LESS', '(i32.sub (local.get 0) (i32.const 1))')})
      (else (i32.const ${last}))))`

describe.each(ways)('a million hops on %s with slots %s', (compiler, slots) => {
  const make = async (text: string, imports = {}, store?: Store) =>
    new Instance(new Module(await wat(text), { compiler, slots }), imports, { store }).exports as any

  test('to itself, between two functions and through a table', async () => {
    const exports = await make(`(module
      (type $t (func (param i32) (result i32)))
      (table 3 3 funcref) (elem (i32.const 0) $up $down $other)
      ${counter('self', '(return_call $self LESS)', 1)}
      ${counter('even', '(return_call $odd LESS)', 2)}
      ${counter('odd', '(return_call $even LESS)', 3)}
      ${counter('up', '(return_call_indirect (type $t) LESS (i32.const 1))', 4)}
      ${counter('down', '(return_call_indirect (type $t) LESS (i32.const 2))', 5)}
      ${counter('other', '(return_call $up LESS)', 6)})`)
    expect(exports.self(HOPS)).toBe(1)
    expect([exports.even(HOPS), exports.even(HOPS + 1), exports.odd(HOPS)]).toEqual([2, 3, 3])
    expect([exports.up(HOPS - 1), exports.up(HOPS), exports.up(HOPS + 1)]).toEqual([4, 5, 6])
  })

  test('between instances: through imports, an exported table and a table of JavaScript', async () => {
    const store = new Store()
    const table = new Table({ element: 'anyfunc', initial: 2 }, null, { store })
    const text = (next: string, last: number) => `(module
      (type $t (func (param i32) (result i32)))
      (import "env" "table" (table 2 funcref))
      (import "env" "next" (func $next (param i32) (result i32)))
      ${counter('indirect', `(return_call_indirect (type $t) LESS (i32.const ${next}))`, last)}
      ${counter('direct', '(return_call $next LESS)', last + 1)})`
    const first = await make(text('1', 10), { env: { table, next: (x: number) => -x } }, store)
    const second = await make(text('0', 20), { env: { table, next: first.indirect } }, store)
    table.set(0, first.indirect)
    table.set(1, second.direct)
    // The first calls entry 1, the import of the second is the first.
    expect([first.indirect(HOPS), first.indirect(HOPS + 1)]).toEqual([10, 21])
    expect([second.direct(HOPS), second.direct(HOPS + 1)]).toEqual([21, 10])
    expect(first.direct(HOPS)).toBe(1 - HOPS)
  })

  test('of many arguments and results of all types, and of references', async () => {
    const types = 'i32 i64 f32 f64 externref funcref'
    const exports = await make(`(module
      (type $t (func (param ${types} i32) (result ${types})))
      (table 1 1 funcref) (elem (i32.const 0) $b)
      (func $a (export "a") (type $t)
        (if (i32.eqz (local.get 6)) (then (return ${[0, 1, 2, 3, 4, 5].map((i) => `(local.get ${i})`).join(' ')})))
        (return_call_indirect (type $t)
          (i32.add (local.get 0) (i32.const 1)) (i64.sub (local.get 1) (i64.const 1)) (f32.neg (local.get 2))
          (f64.add (local.get 3) (f64.const 0.5)) (local.get 4) (local.get 5) (i32.sub (local.get 6) (i32.const 1))
          (i32.const 0)))
      (func $b (type $t) (return_call $a (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
        (local.get 5) (local.get 6)))
      (func (export "call") (param externref i32) (result ${types})
        (call $a (i32.const 0) (i64.const -1) (f32.const 1.5) (f64.const 0) (local.get 0) (ref.null func) (local.get 1))))`)
    const value = { some: 'value' }
    const results = exports.call(value, HOPS / 2)
    expect(results).toEqual([HOPS / 2, -1n - BigInt(HOPS / 2), 1.5, HOPS / 4, value, null])
    expect(results[4]).toBe(value)
  })
})

describe.each(compilers)('on %s', (compiler) => {
  test('a tail call to a slot follows its links, to other instances too, and back', async () => {
    const text = `(module (import "env" "next" (func $next (param i32) (result i32)))
      ${counter('step', '(return_call $next LESS)', 5)}
      ${counter('again', '(return_call $again LESS)', 6)}
      (func (export "seven") (param i32) (result i32) (i32.const 7)))`
    const module = new Module(await wat(text), { compiler })
    const first = new Instance<any>(module, { env: { next: (x: number) => -x } })
    const second = new Instance<any>(module, { env: { next: first.exports.step } })
    expect([first.exports.step(10), second.exports.step(10)]).toEqual([-9, -8])
    const change = link(second.exports.step, first.slot('env.next'))
    for (const hops of [0, 1, 2, 3, HOPS, HOPS + 1]) {
      expect([hops, first.exports.step(hops), second.exports.step(hops)]).toEqual([hops, 5, 5])
    }
    change.undo()
    expect([first.exports.step(10), second.exports.step(10)]).toEqual([-9, -8])

    expect(first.exports.again(HOPS)).toBe(6)
    const seven = link(first.exports.seven, first.slot('again'))
    expect(first.exports.again(HOPS)).toBe(7)
    const javascript = link((x: number) => x * 2, first.slot('again'))
    expect(first.exports.again(21)).toBe(42)
    javascript.undo()
    seven.undo()
    expect(first.exports.again(HOPS)).toBe(6)
  })

  test('ordinary calls in between return to where they were called', async () => {
    const { exports } = new Instance<any>(
      new Module(
        await wat(`(module
          (type $t (func (param i32) (result i32)))
          (import "env" "back" (func $back (param i32) (result i32)))
          (table 2 2 funcref) (elem (i32.const 0) $plain $even)
          (func $plain (param i32) (result i32) (i32.add (i32.const 100) (call $even (local.get 0))))
          ${counter('even', '(return_call $odd LESS)', 2)}
          ${counter('odd', '(return_call $even LESS)', 3)}
          (func (export "through") (param i32 i32) (result i32)
            (return_call_indirect (type $t) (local.get 0) (local.get 1)))
          (func (export "nested") (param i32) (result i32)
            (i32.add (call $even (local.get 0)) (i32.mul (i32.const 10) (call $odd (local.get 0)))))
          (func (export "host") (param i32) (result i32) (return_call $back (local.get 0))))`),
        { compiler },
      ),
      { env: { back: (x: number): number => (x > 0 ? exports.host(x - 1) + exports.even(x) : 0) } },
    ) as any
    expect([exports.through(4, 0), exports.through(5, 0), exports.through(5, 1)]).toEqual([102, 103, 3])
    expect([exports.nested(4), exports.nested(5)]).toEqual([32, 23])
    expect(exports.host(4)).toBe(2 + 3 + 2 + 3)
  })

  test('an ordinary call of an instance whose calls took part before does not disturb the others', async () => {
    const store = new Store()
    const text = (next: number, more = '', last = 1) => `(module
      (type $t (func (param i32) (result i32)))
      (import "env" "table" (table 4 funcref))
      ${counter('hop', `(return_call_indirect (type $t) LESS (i32.const ${next}))`, last)}
      ${more})`
    const table = new Table({ element: 'anyfunc', initial: 4 }, null, { store })
    const make = async (source: string) =>
      new Instance<any>(new Module(await wat(source), { compiler, slots: 'none' }), { env: { table } }, { store })
        .exports
    const [first, second] = [await make(text(1)), await make(text(0, '', 2))]
    table.set(0, first.hop)
    table.set(1, second.hop)
    // Its function is tail-called by the third, calls the others, which leaves their state behind, and returns.
    const calling = await make(
      text(
        3,
        `(func $f (export "f") (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then (return_call $f (i32.const 1))))
          (i32.add (call_indirect (type $t) (i32.const 3) (i32.const 0)) (i32.const 40)))`,
      ),
    )
    table.set(2, calling.f)
    const third = await make(text(2))
    expect([first.hop(3), first.hop(4), second.hop(3)]).toEqual([2, 1, 1])
    expect([third.hop(1), third.hop(2), third.hop(0)]).toEqual([42, 42, 1])
  })

  test('a trap in the middle ends the call, and the next call is whole', async () => {
    const bytes = await wat(`(module
      (type $t (func (param i32) (result i32))) (type $other (func (result i32)))
      (table 4 4 funcref) (elem (i32.const 0) $even $odd $lone)
      (func $lone (result i32) (i32.const 1))
      ${counter('even', '(return_call $odd LESS)', 2)}
      (func $odd (export "odd") (param i32) (result i32)
        (if (i32.eq (local.get 0) (i32.const 501)) (then unreachable))
        (if (result i32) (local.get 0)
          (then (return_call $even (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 3))))
      (func $enter (export "enter") (param i32 i32) (result i32)
        (return_call_indirect (type $t) (local.get 0) (local.get 1))))`)
    const { exports } = new Instance<any>(new Module(bytes, { compiler, slots: 'none' }))
    const v8 = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as any
    for (const [argument, entry, trap] of [
      [1000, 0, 'unreachable'],
      [10, 2, 'signature-mismatch'],
      [10, 3, 'null-function'],
      [10, 4, 'table-out-of-bounds'],
    ] as const) {
      const error = thrownBy(() => exports.enter(argument, entry))
      expect(error).toBeInstanceOf(RuntimeError)
      expect(error.trap).toBe(trap)
      expect(thrownBy(() => v8.enter(argument, entry)).name).toBe('RuntimeError')
      expect([exports.enter(400, 0), exports.even(401), exports.odd(400)]).toEqual([2, 3, 3])
    }
  })

  test('the stack of a trap has the functions that run, with the offsets of the file', async () => {
    const bytes = await wat(`(module
      (func $first (export "first") (param i32) (result i32) (i32.add (call $second (local.get 0)) (i32.const 1)))
      (func $second (param i32) (result i32) (return_call $third (local.get 0)))
      (func $third (param i32) (result i32) (local i64 f64)
        (if (i32.eqz (local.get 0)) (then (unreachable)))
        (return_call $second (i32.sub (local.get 0) (i32.const 1)))))`)
    // Under jest, V8 writes offsets as columns, which count from 1.
    const v8 = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as any
    const offsets = [...thrownBy(() => v8.first(5)).stack!.matchAll(/wasm:\/+wasm\/\w+:1:(\d+)/g)]
    expect(offsets).toHaveLength(2)
    const expected = [2, 0].map((index, position) => [index, Number(offsets[position]![1]) - 1])
    for (const slots of ['none', undefined] as const) {
      const { exports } = new Instance<any>(new Module(bytes, { compiler, slots }))
      const frames = thrownBy(() => exports.first(5)).stack!.matchAll(/wasm-function\[(\d+)\]:(0x\w+)/g)
      expect([...frames].map(([, index, offset]) => [Number(index), Number(offset)])).toEqual(expected)
    }
  })

  test('a deadline ends it', async () => {
    const { exports } = new Instance<any>(
      new Module(await wat('(module (func $a (export "a") (return_call $b)) (func $b (return_call $a)))'), {
        compiler,
      }),
      {},
      { timeout: 30 },
    )
    expect(thrownBy(() => exports.a()).code).toBe('ERR_RELINK_TIMEOUT')
    expect(thrownBy(() => exports.a()).code).toBe('ERR_RELINK_TIMEOUT')
  })

  test('a loop begins with new locals, and leaves to the labels that it had', async () => {
    const bytes = await wat(
      `(module
      (func $f (export "f") (param i32 i32) (result i32) (local i32 i64)
        (if (local.get 2) (then unreachable))
        (if (i64.ne (local.get 3) (i64.const 0)) (then unreachable))
        (local.set 2 (local.get 0)) (local.set 3 (i64.const 9))
        (br_if 0 (local.get 1) (i32.eqz (local.get 0))) (drop)
        (block (result i32)
          (br_if 1 (local.get 1) (i32.eq (local.get 0) (i32.const 7))) (drop)
          (loop (br_if 0 (i32.const 0))
            (block (br_table 0 1 0 (i32.eq (local.get 0) (i32.const -1))))
            (block (br_if 0 (i32.ne (local.get 0) (i32.const 500)))
              (br_table 3 2 3 (local.get 1) (i32.const 0)))
            (return_call $f (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (local.get 2))))
          (i32.const 1)))
        )`,
    )
    const { exports } = new Instance<any>(new Module(bytes, { compiler, slots: 'none' }))
    const v8 = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as any
    for (const count of [0, 1, 6, 10, 400, 1000]) expect(exports.f(count, 3)).toBe(v8.f(count, 3))
  })
})

test('a tail call leaves the try around it', async () => {
  const text = (kind: string) => `(module
    (type $t (func (param i32) (result i32)))
    (import "env" "host" (func $host (param i32) (result i32)))
    (tag $e (param i32))
    (table 1 1 funcref) (elem (i32.const 0) $throws)
    (func $throws (param i32) (result i32) (throw $e (local.get 0)))
    (func $inner (param i32) (result i32)
      try (result i32)
        (if (i32.gt_s (local.get 0) (i32.const 0)) (then (return_call $inner (i32.sub (local.get 0) (i32.const 1)))))
        ${kind}
      catch $e
        drop i32.const 1
      end)
    (func (export "run") (param i32) (result i32)
      try (result i32) (call $inner (local.get 0)) catch $e i32.const 1000 i32.add end))`
  for (const [kind, expected] of [
    ['(return_call $throws (local.get 0))', 1000],
    ['(return_call_indirect (type $t) (local.get 0) (i32.const 0))', 1000],
    ['(return_call $host (i32.const 5))', 10],
    ['(call $throws (local.get 0))', 1],
  ] as const) {
    const bytes = await wat(text(kind), { exceptions: true })
    const imports = { env: { host: (x: number) => x * 2 } }
    const v8 = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as any
    for (const slots of selections) {
      const { exports } = new Instance<any>(new Module(bytes, { slots }), imports)
      expect([kind, exports.run(0), exports.run(100_000)]).toEqual([kind, expected, expected])
      expect(v8.run(0)).toBe(expected)
    }
  }
})

test('slots, names and reports are those of the file', async () => {
  const bytes = await wat(`(module
    ${counter('even', '(return_call $odd LESS)', 2)}
    (func $odd (param i32) (result i32) (return_call $even (local.get 0))))`)
  const module = new Module(bytes, { slots: 'all' })
  expect(Module.slots(module).map(({ name }) => name)).toEqual(['even', 'odd'])
  expect(inspect(bytes).functions).toMatchObject({ imported: 0, defined: 2 })
  const instance = new Instance<any>(module)
  expect(instance.exports.even.name).toBe('0')
  expect(instance.exports.even.length).toBe(1)
  expect(Object.keys(instance.exports)).toEqual(['even'])
  expect(instance.slot('odd').original(4)).toBe(2)
})

test('validate and V8 agree', async () => {
  const good = await wat('(module (func $f (param i32) (result i32) (return_call $f (local.get 0))))')
  const bad = good.slice()
  bad[bad.lastIndexOf(0x12) + 1] = 7
  for (const bytes of [good, bad]) expect(validate(bytes)).toBe(WebAssembly.validate(bytes))
  expect(validate(good)).toBe(true)
})

test('auto compiles such a module with Cranelift at once', async () => {
  const bytes = await wat(
    `(module ${counter('even', '(return_call $odd LESS)', 2)} ${counter('odd', '(return_call $even LESS)', 3)})`,
  )
  const instance = new Instance<any>(new Module(bytes, { compiler: 'auto' }))
  expect([instance.compiler, instance.exports.even(HOPS)]).toEqual(['cranelift', 2])
  await instance.optimized
  expect([instance.compiler, instance.exports.even(HOPS)]).toEqual(['cranelift', 2])
})

/** A chain between two compilers' code by slots, and by a table and an import: in the main thread, then in another. */
const ALTERNATING = `
  const { isMainThread, Worker, workerData } = require('node:worker_threads')
  const { Instance, Module, Store, Table, link } = require(${JSON.stringify(root)})
  const { slots, table } = JSON.parse(isMainThread ? process.argv[1] : workerData)
  const compilers = ['cranelift', 'singlepass']
  const compile = (base64, compiler) => new Module(Buffer.from(base64, 'base64'), { compiler })
  const chains = {
    slots(store) {
      const [first, second] = compilers.map(
        (compiler) => new Instance(compile(slots, compiler), { env: { next: (x) => -x } }, { store }))
      link(second.exports.step, first.slot('env.next'))
      link(first.exports.step, second.slot('env.next'))
      return [first, second]
    },
    table(store) {
      const shared = new Table({ element: 'anyfunc', initial: 1 }, null, { store })
      const first = new Instance(compile(table, 'cranelift'), { env: { shared } }, { store })
      const second = new Instance(compile(slots, 'singlepass'), { env: { next: first.exports.step } }, { store })
      shared.set(0, second.exports.step)
      return [first, second]
    },
  }
  const outcome = (call) => {
    try {
      return call()
    } catch (error) {
      return [error.name, error.code, error.trap].join(' ')
    }
  }
  for (const stackSize of [undefined, 64 << 20]) {
    for (const [name, make] of Object.entries(chains)) {
      for (const { exports } of make(new Store({ stackSize }))) {
        const outcomes = [400, 1e6, 400, 1e6, 401].map((hops) => outcome(() => exports.step(hops)))
        console.log([name, ...outcomes].join(', '))
      }
    }
  }
  if (isMainThread) new Worker(process.argv[2], { eval: true, workerData: process.argv[1] })`

test('a chain that alternates between compilers ends in a trap when the stack does, and the next call is whole', async () => {
  const slots = await wat(`(module (import "env" "next" (func $next (param i32) (result i32)))
    ${counter('step', '(return_call $next LESS)', 5)})`)
  const table = await wat(`(module (type $t (func (param i32) (result i32))) (import "env" "shared" (table 1 funcref))
    ${counter('step', '(return_call_indirect (type $t) LESS (i32.const 0))', 5)})`)
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  const modules = JSON.stringify({ slots: base64(slots), table: base64(table) })
  const options = { encoding: 'utf8', timeout: 60_000 } as const
  const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', ALTERNATING, modules, ALTERNATING], options)
  const trap = 'RuntimeError ERR_RELINK_TRAP stack-overflow'
  const lines = ['slots', 'table'].flatMap((name) => Array(2).fill(`${name}, 5, ${trap}, 5, ${trap}, 5`))
  expect({ lines: stdout.trim().split('\n'), stderr, status }).toEqual({
    lines: [...lines, ...lines, ...lines, ...lines],
    stderr: '',
    status: 0,
  })
}, 60_000)

test('compilers do not share a table that a module imports', async () => {
  const store = new Store()
  const table = new Table({ element: 'anyfunc', initial: 1 }, null, { store })
  const bytes = await wat('(module (import "env" "table" (table 1 funcref)))')
  const make = (compiler: 'cranelift' | 'singlepass') =>
    new Instance(new Module(bytes, { compiler }), { env: { table } }, { store })
  make('cranelift')
  expect(thrownBy(() => make('singlepass'))).toMatchObject({ name: 'LinkError', code: 'ERR_RELINK_COMPILER' })
})

test('a tail call out of a try with an exception as argument is refused by name', async () => {
  // (func $f (param exnref)) and a return_call to it within a try_table.
  const sections = ['0061736d01000000', '01080260016900600000', '0303020001', '0a0f0202000b0a001f4000d06912000b0b']
  const bytes = Buffer.from(sections.join(''), 'hex')
  expect(thrownBy(() => new Module(bytes, { compiler: 'cranelift' }))).toMatchObject({
    name: 'CompileError',
    code: 'ERR_RELINK_UNSUPPORTED',
    message: expect.stringContaining('tail calls out of a try with exceptions (exnref) as arguments'),
  })
  expect(validate(bytes)).toBe(false)
})
