// `compiler: 'auto'`: Singlepass's code answers first, then Cranelift's replaces it, with no state lost.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { setImmediate as turn } from 'node:timers/promises'
import { Instance, Memory, Module, Store, WebAssembly as ours, compileFile, link, load, relink } from '../..'
import { files, inProcess } from '../support/caching'
import { collect } from '../support/collecting'
import { declaring, guest, guestPath, root, thrownBy, wat } from '../support'

const auto = { compiler: 'auto', cache: false } as const

const compiledOf = async (text: string, options = {}) => new Module(await wat(text), { ...auto, ...options })

/** A module with each kind of shared state, each way through slots, and imports. */
const COUNTER = `(module
  (import "env" "add" (func $add (param i32 i64) (result i64)))
  (import "env" "step" (global $step i32))
  (memory (export "memory") 1 10) (global $n (export "n") (mut i64) (i64.const 0)) (global $f (mut f64) (f64.const 0.5))
  (type $unary (func (param i64) (result i64)))
  (table 3 3 funcref) (elem (i32.const 0) $same $twice $same) (data (i32.const 64) "\\2a")
  (func $same (type $unary) (local.get 0))
  (func $twice (export "twice") (type $unary) (i64.mul (local.get 0) (i64.const 2)))
  (func $price (export "price") (param i32 f64) (result f64) (f64.add (f64.convert_i32_s (local.get 0)) (local.get 1)))
  (func (export "next") (param i32) (result i64)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (global.get $step)))
    (global.set $f (f64.add (global.get $f) (call $price (local.get 0) (f64.const 0.25))))
    (global.set $n (call $add (local.get 0) (call_indirect (type $unary) (global.get $n) (i32.const 0))))
    (global.get $n))
  (func (export "through") (param i32 i64) (result i64) (call_indirect (type $unary) (local.get 1) (local.get 0)))
  (func (export "state") (result i32 i64 f64 i32)
    (i32.load (i32.const 0)) (global.get $n) (global.get $f) (i32.load8_u (i32.const 64)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "fail") (unreachable)))`

const imports = () => ({ env: { add: (x: number, y: bigint) => BigInt(x) + y, step: 3 } })

/** The results of the same calls, told apart by `round`. */
function session({ exports }: Instance, round: number) {
  const { memory } = exports as { memory: Memory }
  const { code } = thrownBy(() => exports.fail())
  return [
    exports.next(round),
    exports.twice(BigInt(round)),
    exports.price(round, 0.5),
    exports.through(1, 7n),
    exports.state(),
    round % 50 === 0 ? exports.grow() : memory.buffer.byteLength,
    code,
    exports.n.value,
  ]
}

test('it answers from one compiler at once, then from the other, with the same state', async () => {
  const instance = new Instance(await compiledOf(COUNTER), imports())
  const reference = new Instance(new Module(await wat(COUNTER)), imports())
  expect([instance.compiler, reference.compiler]).toEqual(['singlepass', 'cranelift'])
  const before = { ...instance.exports }
  let round = 0
  for (; round < 20; round++) expect(session(instance, round)).toEqual(session(reference, round))
  expect(instance.compiler).toBe('singlepass')
  const buffer = instance.exports.memory.buffer
  await instance.optimized
  expect(instance.compiler).toBe('cranelift')
  // Every object that JavaScript holds stays the same.
  expect(instance.exports.memory.buffer).toBe(buffer)
  expect({ ...instance.exports }).toEqual(before)
  for (; round < 200; round++) expect(session(instance, round)).toEqual(session(reference, round))
})

test('no call is lost or wrong across the tier-up, at any moment', async () => {
  const file = guestPath('pricing')
  for (let attempt = 0; attempt < 5; attempt++) {
    const instance = new Instance(await compiledOf(COUNTER), imports())
    const seen = new Set<string>()
    let expected = 0n
    for (let round = 0; round < 30_000 && seen.size < 2; round++) {
      seen.add(instance.compiler)
      for (let call = 0; call < 20; call++) {
        expected += BigInt(call)
        expect(instance.exports.next(call)).toBe(expected)
      }
      await turn()
    }
    expect([...seen]).toEqual(['singlepass', 'cranelift'])
    expect(instance.exports.state()[1]).toBe(expected)
  }
  const plugin = await load(file, {}, auto)
  expect(plugin.compiler).toBe('singlepass')
  await plugin.optimized
  expect(plugin.compiler).toBe('cranelift')
})

describe('links', () => {
  test('active links stay and can be undone, also those of table entries', async () => {
    const instance = new Instance(await compiledOf(COUNTER), imports())
    const other = new Instance(
      new Module(
        await wat('(module (func (export "triple") (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3))))'),
      ),
    )
    const change = link(other.exports.triple, instance.slot('twice'))
    const script = link((cents: number, rate: number) => cents * rate, instance.slot('price'))
    const results = () => [
      instance.exports.twice(5n),
      instance.exports.through(1, 5n),
      instance.exports.through(2, 5n),
      instance.exports.price(4, 0.5),
      instance.slot('twice').current === other.exports.triple,
      instance.slot('twice').linked,
      instance.slot('price').linked,
    ]
    const linked = results()
    expect(linked).toEqual([15n, 15n, 5n, 2, true, true, true])
    await instance.optimized
    expect(instance.compiler).toBe('cranelift')
    expect(results()).toEqual(linked)
    expect(change.previous).toBe(instance.slot('twice').original)
    change.undo()
    script.undo()
    expect(results()).toEqual([10n, 10n, 5n, 4.5, false, false, false])
    relink([
      [other.exports.triple, instance.slot('twice')],
      [() => 9, instance.slot('price')],
    ])
    expect(results()).toEqual([15n, 15n, 5n, 9, true, true, true])
    instance.slot('twice').reset()
    instance.slot('price').reset()
    expect(results()).toEqual([10n, 10n, 5n, 4.5, false, false, false])
    link(instance.slot('twice').original, instance.slot('twice'))
    expect(instance.exports.twice(6n)).toBe(12n)
  })

  test('declared slots, and an implementation that itself tiers up', async () => {
    const bytes = await declaring(
      { name: 'a::f', call: 'callF', step: 1 },
      { name: 'a::g', call: 'callG', step: 10, type: 'i64' },
    )
    const host = new Instance(new Module(bytes, auto))
    const plugin = new Instance(new Module(await declaring({ name: 'b::f', call: 'other', step: 100 }), auto))
    link(plugin.exports['relink:b::f'], host.slot('a::f'))
    const results = () => [
      host.exports.callF(1),
      host.exports.callG(1n),
      plugin.exports.other(1),
      host.exports['slot:callF'](1),
    ]
    expect(results()).toEqual([101, 11n, 101, 101])
    await Promise.all([host.optimized, plugin.optimized])
    expect([host.compiler, plugin.compiler]).toEqual(['cranelift', 'cranelift'])
    expect(results()).toEqual([101, 11n, 101, 101])
    expect(host.slot('a::f').current).toBe(plugin.exports['relink:b::f'])
    host.slot('a::f').reset()
    expect(results()).toEqual([2, 11n, 101, 2])
  })
})

test('modules that import from it go on, with either compiler, made before or after', async () => {
  const instance = new Instance(await compiledOf(COUNTER), imports())
  const user = `(module (import "m" "twice" (func $twice (param i64) (result i64))) (import "m" "memory" (memory 1))
    (import "m" "n" (global $n (mut i64)))
    (func (export "run") (param i64) (result i64)
      (i32.store (i32.const 32) (i32.wrap_i64 (local.get 0)))
      (i64.add (global.get $n) (call $twice (local.get 0)))))`
  const bytes = await wat(user)
  const make = (compiler: 'cranelift' | 'singlepass') =>
    new Instance(new Module(bytes, { compiler }), { m: instance.exports as any })
  const users = [make('cranelift'), make('singlepass')]
  instance.exports.next(4)
  const runs = () => users.map(({ exports }) => exports.run(5n))
  expect(runs()).toEqual([14n, 14n])
  await instance.optimized
  users.push(make('cranelift'), make('singlepass'))
  expect(runs()).toEqual([14n, 14n, 14n, 14n])
  link((x: bigint) => -x, instance.slot('twice'))
  expect(runs()).toEqual([-1n, -1n, -1n, -1n])
  instance.exports.next(1)
  expect(runs()).toEqual([0n, 0n, 0n, 0n])
  expect(new Int32Array(instance.exports.memory.buffer)[8]).toBe(5)
})

test('calls, `map` and traps after the tier-up', async () => {
  const instance = new Instance(
    await compiledOf(`(module
      (func (export "add") (param i32 f32) (result f32) (f32.add (f32.convert_i32_s (local.get 0)) (local.get 1)))
      (func $deep (export "deep") (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))
      (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 8) (local.get 0))))`),
  )
  const results = () => [
    instance.exports.add(1, 0.5),
    instance.exports.add.map(Int32Array.of(1, 2), Float32Array.of(0.5, 0.25)),
    thrownBy(() => instance.exports.deep(1)).trap,
    thrownBy(() => instance.exports.divide(0)).trap,
    instance.exports.divide(2),
  ]
  const before = results()
  expect(before).toEqual([1.5, Float32Array.of(1.5, 2.25), 'stack-overflow', 'divide-by-zero', 4])
  await instance.optimized
  expect(instance.compiler).toBe('cranelift')
  expect(results()).toEqual(before)
})

test('every instance tiers up: waiting ones, and later ones, also those that an import makes', async () => {
  const compiled = await compiledOf(COUNTER)
  const many = Array.from({ length: 20 }, () => new Instance(compiled, imports()))
  many.forEach((instance, index) => instance.exports.next(index))
  await many[0]!.optimized
  expect(new Set(many.map(({ compiler }) => compiler))).toEqual(new Set(['cranelift']))
  expect(many.map(({ exports }) => exports.n.value)).toEqual(many.map((_, index) => BigInt(index)))
  let inner: Instance | undefined
  const outer = new Instance(compiled, {
    env: {
      step: 1,
      add(x: number, y: bigint) {
        inner ??= new Instance(compiled, imports())
        return y + inner.exports.next(x)
      },
    },
  })
  expect([outer.exports.next(3), outer.compiler, inner!.compiler]).toEqual([3n, 'cranelift', 'cranelift'])
})

test('a start function runs once, and segments are written once', async () => {
  const instance = new Instance(
    await compiledOf(`(module (memory (export "memory") 1) (data (i32.const 0) "\\05") (start $start)
      (global $runs (export "runs") (mut i32) (i32.const 0))
      (func $start (global.set $runs (i32.add (global.get $runs) (i32.const 1))) (i32.store8 (i32.const 0) (i32.const 9)))
      (func (export "get") (result i32) (i32.load8_u (i32.const 0))))`),
  )
  expect([instance.exports.get(), instance.exports.runs.value]).toEqual([9, 1])
  await instance.optimized
  expect([instance.compiler, instance.exports.get(), instance.exports.runs.value]).toEqual(['cranelift', 9, 1])
})

describe('where tier-up would not be sound, Cranelift compiles at once', () => {
  test.each([
    ['an exported table', '(module (table (export "t") 1 funcref) (func (export "f")))'],
    [
      'a table that code writes',
      '(module (table 1 funcref) (func (export "f") (table.set (i32.const 0) (ref.null func))))',
    ],
    ['functions of references', '(module (func (export "f") (param externref)))'],
    ['passive data', '(module (memory 1) (data "x") (func (export "f") (data.drop 0)))'],
    ['a global of a reference', '(module (global (mut externref) (ref.null extern)) (func (export "f")))'],
    [
      'several results of an import, which Singlepass does not take',
      '(module (import "env" "f" (func (result i32 i32))) (func (export "f")))',
    ],
  ])('%s', async (_, text) => {
    const instance = new Instance(await compiledOf(text), { env: { f: () => [1, 2] } })
    expect(instance.compiler).toBe('cranelift')
    await instance.optimized
    expect(instance.compiler).toBe('cranelift')
  })

  test('an invalid module is refused as always', () => {
    expect(thrownBy(() => new Module(new Uint8Array(8), auto)).code).toBe('ERR_RELINK_INVALID_WASM')
    expect(thrownBy(() => new Module(new Uint8Array(8), { compiler: 'fast' as never })).message).toContain(
      "expected 'auto', 'cranelift' or 'singlepass'",
    )
  })
})

test('real modules: each guest answers the same before and after', async () => {
  for (const name of ['pricing', 'ordinary.v0', 'seed.O3']) {
    const compiled = new Module(guest(name), auto)
    const stubs: Record<string, Record<string, any>> = {}
    for (const { module: from, name: field, kind } of Module.imports(compiled)) {
      if (kind === 'function') (stubs[from] ??= {})[field] = (x: unknown) => x
    }
    const make = (of: Module) => new Instance(of, stubs)
    const instance = make(compiled)
    const reference = make(new Module(guest(name)))
    const calls = (of: Instance) =>
      Object.entries(of.exports).map(([key, fn]) => {
        if (typeof fn !== 'function') return key
        for (const arguments_ of [[], [3, 4], [3n, 4n], [3n, 4]]) {
          try {
            return [key, fn(...arguments_)]
          } catch (error) {
            if (!(error instanceof TypeError)) return [key, (error as { trap?: string }).trap]
          }
        }
        return key
      })
    const first = calls(reference)
    expect(calls(instance)).toEqual(first)
    await instance.optimized
    const second = calls(reference)
    expect(calls(instance)).toEqual(second)
  }
})

test('closed and freed instances are skipped, and nothing is left', async () => {
  const store = new Store()
  const compiled = await compiledOf(COUNTER)
  const closed = new Instance(compiled, imports(), { store })
  closed.close()
  const open = new Instance(compiled, imports(), { store })
  await open.optimized
  expect([closed.compiler, open.compiler]).toEqual(['singlepass', 'cranelift'])
  expect(store.stats().instances).toBe(1)
  const { memory } = open.exports
  open.close()
  expect(thrownBy(() => memory.buffer).code).toBe('ERR_RELINK_CLOSED')
  expect(thrownBy(() => open.exports.next(1)).code).toBe('ERR_RELINK_CLOSED')
  store.collect()
  expect(store.stats()).toMatchObject({ instances: 0, functions: 0, memories: 0, tables: 0 })
  store.close()
})

test('an instance whose imports are closed by then stays, and the others tier up', async () => {
  const text = `(module (import "m" "f" (func $f (result i32)))
    (func (export "g") (result i32) (i32.add (call $f) (i32.const 1))))`
  const compiled = await compiledOf(text)
  const provider = await wat('(module (func (export "f") (result i32) (i32.const 41)))')
  const [one, other] = [new Instance(new Module(provider)), new Instance(new Module(provider))]
  const instances = [one, other].map(({ exports }) => new Instance(compiled, { m: exports }))
  one.close()
  await instances[0]!.optimized
  expect(instances.map(({ compiler, exports }) => [compiler, exports.g()])).toEqual([
    ['singlepass', 42],
    ['cranelift', 42],
  ])
})

test('links to Cranelift code from before go on, and later ones are called directly', async () => {
  const instance = new Instance(await compiledOf(COUNTER), imports())
  const hosts = await Promise.all(
    ['a::g', 'b::g'].map(async (name) => {
      const bytes = await declaring({ name, call: 'call', step: 10, type: 'i64' })
      return new Instance(new Module(bytes))
    }),
  )
  link(instance.exports.twice, hosts[0]!.slot('a::g'))
  await instance.optimized
  link(instance.exports.twice, hosts[1]!.slot('b::g'))
  expect(hosts.map(({ exports }) => exports.call(21n))).toEqual([42n, 42n])
  expect(hosts[0]!.slot('a::g').current).toBe(hosts[1]!.slot('b::g').current)
})

test('a function that is linked elsewhere lives on after its instance is closed', async () => {
  const instance = new Instance(await compiledOf(COUNTER), imports())
  const host = new Instance(new Module(await declaring({ name: 'a::g', call: 'call', step: 10, type: 'i64' })))
  await instance.optimized
  link(instance.exports.twice, host.slot('a::g'))
  instance.close()
  Store.default.collect()
  expect(host.exports.call(21n)).toBe(42n)
})

test('the process does not wait for the optimized code at exit, unless it is awaited', () => {
  const big = JSON.stringify(guestPath('ordinary.v0'))
  const run = (program: string) => {
    const source = `const relink = require(${JSON.stringify(root)}); void (async () => { ${program} })()`
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', source], { encoding: 'utf8' })
    return { status, stdout, stderr }
  }
  const stubs = `const m = await relink.compileFile(${big}, { compiler: 'auto', cache: false })
    const env = {}; for (const { module, name } of relink.Module.imports(m)) (env[module] ??= {})[name] = (x) => x
    const instance = new relink.Instance(m, env); `
  // The process ends at several points of the compile.
  for (let delay = 0; delay < 60; delay += 6) {
    expect(run(`${stubs} setTimeout(() => {}, ${delay})`)).toEqual({ status: 0, stdout: '', stderr: '' })
  }
  expect(run(`${stubs} process.on('exit', () => console.log(instance.compiler))`)).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^(singlepass|cranelift)\n$/),
    stderr: '',
  })
  expect(run(`${stubs} await instance.optimized; console.log(instance.compiler)`)).toEqual({
    status: 0,
    stdout: 'cranelift\n',
    stderr: '',
  })
})

test('both codes go through the cache, and the next load starts with the optimized one', async () => {
  const program = `
    const instance = await relink.load(file, {}, { compiler: 'auto' })
    const first = instance.compiler
    await instance.optimized
    return [first, instance.compiler]`
  expect(await inProcess(program, guestPath('pricing'))).toEqual(['singlepass', 'cranelift'])
  expect(files()).toHaveLength(2)
  expect(await inProcess(program, guestPath('pricing'))).toEqual([expect.any(String), 'cranelift'])
  expect(files()).toHaveLength(2)
})

test('code of Cranelift that is already in the cache is loaded', async () => {
  const compilerOf = (options: object) =>
    inProcess(`return (await relink.load(file, {}, ${JSON.stringify(options)})).compiler`, guestPath('pricing'))
  expect(await compilerOf({})).toBe('cranelift')
  expect(await compilerOf({ compiler: 'auto' })).toBe('cranelift')
  expect(files()).toHaveLength(1)
  // Other slots mean other code.
  expect(await compilerOf({ compiler: 'auto', slots: 'all' })).toBe('singlepass')
})

test('`WebAssembly` and compileFile accept it too', async () => {
  const compiled = new ours.Module(await wat('(module (func (export "f") (result i32) (i32.const 7)))'), auto as never)
  const instance = new ours.Instance(compiled)
  expect((instance.exports.f as () => number)()).toBe(7)
  const file = await compileFile(guestPath('pricing'), auto)
  expect(new Instance(file).compiler).toBe('singlepass')
})

test('an instance that has tiered up is freed like any other, also if its imports hold it', async () => {
  const store = new Store()
  const compiled = await compiledOf(COUNTER)
  const make = async () => {
    const own = { env: { add: (x: number, y: bigint) => BigInt(x) + y + BigInt(held.length), step: 1 } }
    const held: Instance[] = []
    const instance = new Instance(compiled, own, { store })
    held.push(instance)
    await instance.optimized
    expect([instance.compiler, instance.exports.next(1)]).toEqual(['cranelift', 2n])
  }
  for (let count = 0; count < 20; count++) await make()
  await collect(store)
  await collect(store)
  expect(store.stats()).toMatchObject({ instances: 0, functions: 0, memories: 0, tables: 0 })
})

test('starting a tier-up twice leaves it pending', async () => {
  // The public API starts it once.
  const native = createRequire(__filename)('../../native.cjs')
  const limits = { moduleSize: Infinity, codeSize: Infinity, compileTime: Infinity }
  const options = { compiler: 'auto', slots: { kind: 'none' }, limits }
  const module = native.compileSync(await wat(COUNTER), options, false)
  expect([module.startTierUp(), module.startTierUp()]).toEqual([true, false])
  while (!module.tierUpIsDone()) await turn()
  expect(module.tierUp()?.compiler()).toBe('cranelift')
})
