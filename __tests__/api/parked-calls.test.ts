// Calls whose imports park: nested to any depth, ended in any way, and abandoned.
import { spawnSync } from 'node:child_process'
import { Instance, link, Module, Store } from '../..'
import { compilers, instanceOf, root, thrownBy, wat } from '../support'

/** Exports that call `f` so many times, and add the results; then they end in a way of their own. */
const TEXT = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 1)
  (func $sum (param $n i32) (result i32) (local $sum i32)
    (loop $next
      (if (local.get $n) (then
        (local.set $sum (i32.add (local.get $sum) (call $f (local.get $n))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next))))
    local.get $sum)
  (export "sum" (func $sum))
  (func (export "trap") (param i32) (result i32) (call $sum (local.get 0)) drop unreachable)
  (func (export "bounds") (param i32) (result i32) (call $sum (local.get 0)) drop i32.const -1 i32.load)
  (func $deep (export "deep") (param i32) (result i32) (call $sum (local.get 0)) drop (call $deep (i32.const 1)) drop i32.const 0)
  (func (export "grow") (param i32) (result i32) i32.const 1 memory.grow drop (call $sum (local.get 0)))
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))`

/** Numbers of imports on both sides of the one from which on a call parks. */
const COUNTS = [1, 2, 3, 4, 50]

/** How a program ends that has found all as expected. */
const GOOD = { stderr: '', status: 0, signal: null }

/** Runs a program in a process of its own, with TEXT as `bytes` and the package as `relink`. */
async function spawned(program: string, options: string[] = []) {
  const bytes = Buffer.from(await wat(TEXT)).toString('base64')
  const source = `
    const relink = require('.')
    const bytes = Buffer.from('${bytes}', 'base64')
    const make = (f, compiler) => new relink.Instance(new relink.Module(bytes, { compiler }), { env: { f } }).exports
    const check = (is, what) => { if (!is) throw new Error(what) }
    ${program}`
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, [...options, '-e', source], {
    cwd: root,
    encoding: 'utf8',
  })
  return { stderr, status, signal, stdout }
}

describe.each(compilers)('calls that park (%s)', (compiler) => {
  const exportsOf = async (f: (value: number) => unknown) =>
    (await instanceOf(TEXT, { env: { f } }, { compiler })).exports

  test.each(COUNTS)('give and take values, %i times', async (count) => {
    const exports = await exportsOf((value) => value * 2)
    for (let round = 0; round < 5; round++) expect(exports.sum(count)).toBe(count * (count + 1))
  })

  test('pass arguments of all types, in registers and on the stack', async () => {
    const types = ['i32', 'f32', 'i64', 'f64']
    const values: Record<string, number | bigint> = { i32: -7, f32: 0.5, i64: -(2n ** 60n), f64: -1e300 }
    for (const count of [1, 5, 6, 9, 20, 32]) {
      for (const result of types) {
        const parameters = Array.from({ length: count }, (_, index) => types[(index * 7 + count) % 4]!)
        const constants = parameters.map((type) => `(${type}.const ${values[type]})`).join(' ')
        const text = `(module (import "env" "f" (func $f (param ${parameters.join(' ')}) (result ${result})))
          (func (export "run") (param $n i32) (result ${result}) (local $last ${result})
            (loop $next (local.set $last (call $f ${constants}))
              (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) local.get $last))`
        const lists: unknown[][] = []
        const f = (...list: unknown[]) => {
          lists.push(list)
          return values[result]
        }
        const { exports } = await instanceOf(text, { env: { f } }, { compiler })
        expect(exports.run(5)).toBe(values[result])
        expect(lists).toEqual(Array(5).fill(parameters.map((type) => values[type])))
      }
    }
  })

  test('nest, and end in all ways on the way', async () => {
    const log: unknown[] = []
    const exports: Record<string, any> = await exportsOf((value) => {
      if (depth === 6) return value
      depth++
      for (const name of ['trap', 'bounds']) log.push(thrownBy(() => exports[name](depth % 3)).message)
      expect(exports.add(value, 1)).toBe(value + 1)
      const result = exports.sum(2)
      depth--
      return result
    })
    let depth = 0
    const messages = ['unreachable', 'memory access out of bounds']
    for (let round = 0; round < 2; round++) {
      depth = 3
      expect(exports.sum(3)).toBe(3 * 2 ** 2 * 3)
      expect(depth).toBe(3)
    }
    expect(new Set(log)).toEqual(new Set(messages))
  })

  test('reach the end of the stack in wasm, in parking, and with a call in each import', async () => {
    let nests = false
    const exports = await exportsOf((value) => (nests ? exports.add(value, started()) : value))
    const empty = new Module(await wat('(module (func $start) (start $start))'))
    const started = () => (new Instance(empty).closed ? 1 : 0)
    for (nests of [false, true]) {
      for (let round = 0; round < 3; round++) {
        expect(thrownBy(() => exports.deep(1))).toMatchObject({ trap: 'stack-overflow' })
        expect(exports.sum(5)).toBe(15)
      }
    }
  })

  test.each(COUNTS)('pass on what the import throws, the same object, in its call %i', async (count) => {
    for (const value of [new Error('on purpose'), undefined, 'text', { any: 'object' }]) {
      let calls = 0
      const exports = await exportsOf(() => {
        if (++calls === count) throw value
        return 1
      })
      for (let round = 0; round < 3; round++) {
        calls = 0
        expect([1].map(() => thrownBy(() => exports.sum(100)))[0]).toBe(value)
        expect(calls).toBe(count)
        expect(exports.add(1, 2)).toBe(3)
      }
    }
  })

  test('convert results as calls do, and pass on what a conversion throws', async () => {
    const exports = await exportsOf(() => result)
    let result: unknown
    for (const [given, gives] of [
      ['3', 3],
      [2 ** 32 + 5, 5],
      [null, 0],
      [undefined, 0],
      [{ valueOf: () => 4 }, 4],
    ]) {
      result = given
      expect(exports.sum(4)).toBe((gives as number) * 4)
    }
    result = {
      valueOf() {
        return exports.add(20, 22)
      },
    }
    expect(exports.sum(3)).toBe(126)
    for (const refused of [1n, Symbol('none')]) {
      result = refused
      for (const count of COUNTS) expect(thrownBy(() => exports.sum(count))).toBeInstanceOf(TypeError)
    }
  })

  test('detach the buffer of a memory that has grown when the import is called', async () => {
    let sizes: number[] = []
    const exports = await exportsOf(() => {
      sizes.push(buffer.byteLength, exports.memory.buffer.byteLength)
      buffer = exports.memory.buffer
      exports.memory.grow(1)
      sizes.push(buffer.byteLength)
      buffer = exports.memory.buffer
      return 0
    })
    let { buffer } = exports.memory
    for (let round = 0; round < 2; round++) {
      sizes = []
      const pages = exports.memory.buffer.byteLength >> 16
      buffer = exports.memory.buffer
      exports.grow(4)
      const size = (more: number) => (pages + more) << 16
      expect(sizes).toEqual([0, size(1), 0, size(2), size(2), 0, size(3), size(3), 0, size(4), size(4), 0])
    }
  })

  test('go on after links, closes, collections and new instances in an import', async () => {
    const store = new Store()
    const module = new Module(await wat(TEXT), { compiler })
    const other = new Instance(module, { env: { f: () => 0 } }, { store })
    const steps = [
      () => link((value: number) => f(value) + 100, instance.slot('env.f')),
      () => new Instance(module, { env: { f: () => 0 } }, { store }).close(),
      () => globalThis.gc?.(),
      () => other.close(),
      () => instance.close(),
    ]
    const f = (value: number) => {
      steps[5 - value]?.()
      return value
    }
    const instance: Instance = new Instance(module, { env: { f } }, { store })
    const sum = (instance.exports.sum as (count: number) => number)(5)
    expect(sum).toBe(5 + 104 + 103 + 102 + 101)
    expect(thrownBy(() => (instance.exports.sum as () => number)())).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
  })

  test('a JavaScript function that is linked into a slot parks too', async () => {
    const { exports, instance } = await (async () => {
      const instance = await instanceOf(TEXT, { env: { f: () => 0 } }, { compiler })
      return { exports: instance.exports, instance }
    })()
    const thrown = new Error('on purpose')
    link((value: number) => {
      if (value === 77) throw thrown
      return exports.add(value, 1000)
    }, instance.slot('env.f'))
    for (const count of COUNTS) expect(exports.sum(count)).toBe((count * (count + 1)) / 2 + 1000 * count)
    expect(thrownBy(() => exports.sum(77))).toBe(thrown)
  })
})

test('recursion through JavaScript ends in a RangeError, about as deep as in V8, and leaves nothing behind', async () => {
  const { stdout, ...end } = await spawned(`
    for (const compiler of ['cranelift', 'singlepass', 'v8']) {
      let depth = 0
      const f = () => { depth++; return exports.sum(1) }
      const exports = compiler === 'v8'
        ? new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { f } }).exports
        : make(f, compiler)
      for (let round = 0; round < 3; round++) {
        depth = 0
        try { exports.sum(1) } catch (error) { check(error instanceof RangeError, error.stack) }
        check(exports.add(1, 2) === 3, 'a later call')
      }
      console.log(depth)
    }`)
  expect(end).toEqual(GOOD)
  const [cranelift = 0, singlepass = 0, v8 = 0] = stdout.trim().split('\n').map(Number)
  expect(v8).toBeGreaterThan(1000)
  expect(cranelift).toBeGreaterThan(v8 * 0.8)
  expect(singlepass).toBeGreaterThan(v8 * 0.8)
})

test('what JavaScript abandons is dropped at the next call', async () => {
  const end = await spawned(
    `
    const vm = require('vm')
    const { readFileSync } = require('fs')
    const maps = () => {
      gc() // or pages of V8's heap would count, which each context takes
      return readFileSync('/proc/self/maps', 'utf8').split('\\n').length
    }
    for (const compiler of ['cranelift', 'singlepass']) {
      let spin = true
      const f = (value) => {
        if (value > 3 && value < 7) return exports.sum(3)
        while (spin && value === 3) {}
        return value
      }
      const exports = make(f, compiler)
      const round = () => {
        spin = true
        try {
          vm.runInNewContext('sum(20)', { sum: exports.sum }, { timeout: 5 })
          check(false, 'no timeout')
        } catch (error) { check(error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT', error.stack) }
        spin = false
        check(exports.add(1, 2) === 3, 'add')
        check(exports.sum(3) === 6, 'sum')
        let thrown
        try { exports.trap(5) } catch (error) { thrown = error }
        check(thrown instanceof relink.RuntimeError, 'trap')
      }
      for (let warm = 0; warm < 10; warm++) round()
      const before = maps()
      for (let more = 0; more < 40; more++) round()
      check(maps() < before + 40, 'stacks are left: ' + before + ', ' + maps())
    }`,
    ['--expose-gc'],
  )
  expect(end).toMatchObject(GOOD)
})

test('calls that are abandoned at one depth, again and again, are dropped, and collections run', async () => {
  const end = await spawned(`
    const vm = require('vm')
    const { readFileSync } = require('fs')
    const maps = () => readFileSync('/proc/self/maps', 'utf8').split('\\n').length
    for (const compiler of ['cranelift', 'singlepass']) {
      const exports = make((value) => { while (value === 10) {} return value }, compiler)
      globalThis.sum = exports.sum
      const script = new vm.Script('sum(20)')
      const rounds = (count) => {
        for (let round = 0; round < count; round++) {
          try { script.runInThisContext({ timeout: 5 }) } catch (error) {
            check(error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT', error.stack)
          }
        }
      }
      rounds(60)
      const before = maps()
      rounds(60)
      check(maps() < before + 60, 'stacks are left: ' + before + ', ' + maps())
      check(relink.Store.default.collect() !== null, 'a call holds up collections')
      check(exports.sum(3) === 6, 'sum')
    }`)
  expect(end).toMatchObject(GOOD)
})

test('an abandoned call between live ones is dropped, and these go on', async () => {
  const end = await spawned(`
    const vm = require('vm')
    for (const compiler of ['cranelift', 'singlepass']) {
      let level = 0
      const f = (value) => {
        if (level > 8) return value
        level++
        if (level % 3 === 2 && value === 1) {
          try { vm.runInNewContext('sum(); for (;;);', { sum: () => exports.sum(4) }, { timeout: 20 }) } catch (error) {
            check(error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT', error.stack)
          }
        } else exports.sum(2)
        return value
      }
      const exports = make(f, compiler)
      for (let round = 0; round < 5; round++) {
        level = 0
        check(exports.sum(4) === 10, 'sum')
      }
    }`)
  expect(end).toMatchObject(GOOD)
})

test.each([
  ['process.exit in an import', `make((value) => value === 1 ? process.exit() : value).sum(20)`],
  [
    'process.exit in a nested import',
    `const exports = make((value) => value === 7 ? exports.sum(3) : value === 1 ? process.exit() : value); exports.sum(20)`,
  ],
  [
    'worker.terminate in an import',
    `const { Worker } = require('worker_threads')
     const program = (compiler) => \`
       const relink = require('.')
       const bytes = Buffer.from('\${bytes.toString('base64')}', 'base64')
       const { parentPort } = require('worker_threads')
       const f = (value) => {
         if (value === 7) return exports.sum(4)
         if (value === 1) { parentPort.postMessage('here'); for (;;); }
         return value
       }
       const { exports } = new relink.Instance(new relink.Module(bytes, { compiler: '\${compiler}' }), { env: { f } })
       exports.sum(20)\`
     ;(async () => {
       for (let round = 0; round < 6; round++) {
         const worker = new Worker(program(round % 2 ? 'cranelift' : 'singlepass'), { eval: true })
         await new Promise((resolve) => worker.once('message', resolve))
         await worker.terminate()
       }
       check(make((value) => value).sum(3) === 6, 'sum')
     })()`,
  ],
])('%s ends without a crash', async (_, program) => {
  expect(await spawned(program)).toMatchObject(GOOD)
})

test('where code may not be made from strings, imports are called as elsewhere', async () => {
  const end = await spawned(
    `const exports = make((value) => value > 10 ? exports.add(value, 1) : value)
     for (const count of [1, 2, 3, 20]) check(exports.sum(count) > 0, 'sum')`,
    ['--disallow-code-generation-from-strings'],
  )
  expect(end).toMatchObject(GOOD)
})
