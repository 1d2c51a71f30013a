// Threads: shared memories, posted modules, and termination. jest cannot run workers, so each test runs a program of its own.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Instance, Memory, Module, Store, WebAssembly as ours } from '../..'
import { guestPath, root, thrownBy, wat } from '../support'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-threads-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0

/**
 * Runs a program, whose `worker` part runs in threads, and returns its output. Both parts have `relink`, `threads` and
 * `bytes`. `main` has `start(data)`, which returns a thread, and `ended(thread)`. `worker` has `data` and `post`.
 */
function run(parts: { main: string; worker: string }, bytes = new Uint8Array(), flags: string[] = []): string[] {
  const file = join(folder, `program${count++}.cjs`)
  writeFileSync(
    file,
    `const threads = require('node:worker_threads')
    const relink = require(${JSON.stringify(root)})
    const bytes = Buffer.from(${JSON.stringify(Buffer.from(bytes).toString('base64'))}, 'base64')
    if (threads.isMainThread) {
      const start = (workerData) => new threads.Worker(__filename, { workerData })
      const ended = (thread) => new Promise((resolve, reject) => thread.on('exit', resolve).on('error', reject))
      void (async () => {${parts.main}})()
    } else {
      const data = threads.workerData
      const post = (message) => threads.parentPort.postMessage(message)
      void (async () => {${parts.worker}})()
    }`,
  )
  // Kills a program that hangs, long after it should have ended.
  const how = { encoding: 'utf8', timeout: 100_000 } as const
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, file], how)
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  return stdout.trim().split('\n')
}

const shared = `(module
  (import "env" "memory" (memory 1 10 shared))
  (export "memory" (memory 0))
  (func (export "wait") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32) (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "add") (param i32 i32) (result i32) (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`
const threads = { threads: true }

describe('a shared memory', () => {
  const make = async (maximum = 10) => {
    const memory = new Memory({ initial: 1, maximum, shared: true })
    const instance = new Instance(new Module(await wat(shared, threads)), { env: { memory } })
    return { memory, exports: instance.exports }
  }

  test('is one memory, with one buffer at a time', async () => {
    const { memory, exports } = await make()
    expect(exports.memory).toBe(memory)
    const { buffer } = memory
    expect(Object.prototype.toString.call(buffer)).toBe('[object SharedArrayBuffer]')
    expect(memory.buffer).toBe(buffer)
    expect(exports.grow(1)).toBe(1)
    expect([buffer.byteLength, memory.buffer.byteLength, exports.size()]).toEqual([65536, 131072, 2])
    expect(memory.grow(2)).toBe(2)
    expect(exports.size()).toBe(4)
    expect(exports.grow(7)).toBe(-1)
    expect(() => memory.grow(7)).toThrow(RangeError)
    new Int32Array(memory.buffer)[65535] = 5
    expect(exports.load(4 * 65536 - 4)).toBe(5)
    expect(() => exports.load(4 * 65536)).toThrow(/out of bounds/)
  })

  test('waits and notifies', async () => {
    const { exports } = await make()
    expect(exports.wait(0, 1, 0n)).toBe(1)
    expect(exports.wait(0, 0, 1000n)).toBe(2)
    expect(exports.wait64(8, 1n, 0n)).toBe(1)
    expect(exports.wait64(8, 0n, 1000n)).toBe(2)
    expect(exports.notify(0, 1)).toBe(0)
    expect(() => exports.wait(1, 0, 0n)).toThrow(/unaligned/)
    expect(() => exports.wait(65536, 0, 0n)).toThrow(/out of bounds/)
  })

  test('of a module’s own', async () => {
    const source =
      '(module (memory (export "memory") 1 3 shared) (func (export "grow") (result i32) (memory.grow (i32.const 1))))'
    const module = new Module(await wat(source, threads))
    const [one, other] = [new Instance(module).exports, new Instance(module).exports]
    expect(one.memory).toBeInstanceOf(Memory)
    expect(one.memory).toBe(one.memory)
    expect(one.grow()).toBe(1)
    expect([one.memory.buffer.byteLength, other.memory.buffer.byteLength]).toEqual([131072, 65536])
  })

  test.each([
    ['one that is not shared', () => new Memory({ initial: 1, maximum: 10 }), 'memory 1..10'],
    ['one with a greater maximum', () => new Memory({ initial: 1, maximum: 11, shared: true }), 'shared memory 1..11'],
    ['one that is too small', () => new Memory({ initial: 0, maximum: 10, shared: true }), 'shared memory 0..10'],
  ])('%s does not fit', async (_, memory, actual) => {
    const module = new Module(await wat(shared, threads))
    const error = thrownBy(() => new Instance(module, { env: { memory: memory() } }))
    expect(error).toMatchObject({ code: 'ERR_RELINK_IMPORT', expected: 'shared memory 1..10', actual })
  })

  test('of another store', async () => {
    const module = new Module(await wat(shared, threads))
    const memory = new Memory({ initial: 1, maximum: 10, shared: true }, { store: new Store() })
    expect(thrownBy(() => new Instance(module, { env: { memory } })).code).toBe('ERR_RELINK_STORE')
  })

  test('of Node’s own is accepted, and its maximum is known', async () => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 10, shared: true })
    const module = new Module(await wat(shared, threads))
    const { exports } = new Instance(module, { env: { memory: memory as never } })
    expect(exports.memory).toBe(memory)
    expect(exports.size()).toBe(2)
    const large = new WebAssembly.Memory({ initial: 2, maximum: 11, shared: true })
    const error = thrownBy(() => new Instance(module, { env: { memory: large as never } }))
    expect(error).toMatchObject({ code: 'ERR_RELINK_IMPORT', actual: 'shared memory 2..11' })
  })

  test('is the same in all threads: bytes, waiters and growth', async () => {
    const printed = run(
      {
        main: `
          const memory = new relink.Memory({ initial: 1, maximum: 10, shared: true })
          const { exports } = new relink.Instance(new relink.Module(bytes), { env: { memory } })
          const thread = start(memory)
          thread.on('message', (message) => {
            if (message === 'ready') while (exports.notify(0, 1) === 0);
            else console.log(message, exports.size(), exports.load(65536 * 2 - 4), exports.load(16))
          })
          await ended(thread)
          console.log(exports.load(16), memory.buffer.byteLength)`,
        worker: `
          const arrived = data instanceof relink.Memory
          const { exports } = new relink.Instance(new relink.Module(bytes), { env: { memory: data } })
          post('ready')
          const woken = exports.wait(0, 0, -1n)
          for (let i = 0; i < 1000; i++) exports.add(16, 1)
          exports.grow(1)
          exports.add(65536 * 2 - 4, 7)
          post([woken, arrived, data instanceof relink.Memory, data === exports.memory].join())`,
      },
      await wat(shared, threads),
    )
    expect(printed).toEqual(['0,true,true,true 2 7 1000', '1000 131072'])
  })
})

describe('a module', () => {
  test('of WebAssembly is posted, and works there', async () => {
    const bytes = await wat('(module (func (export "f") (result i32) i32.const 42))')
    const printed = run(
      {
        main: `
          const module = new relink.WebAssembly.Module(bytes)
          const thread = start({ module, later: await relink.WebAssembly.compile(bytes, { slots: ['f'] }) })
          thread.on('message', (message) => console.log(message))
          await ended(thread)`,
        worker: `
          const { WebAssembly } = relink
          const { module, later } = data
          const arrived = [module, later].map((each) => each instanceof WebAssembly.Module)
          const one = new WebAssembly.Instance(module)
          const other = await WebAssembly.instantiate(later)
          relink.link(() => 1, other.slot('f'))
          post([arrived, one.exports.f(), other.exports.f(), module instanceof WebAssembly.Module, Object.keys(one.slots)].join())`,
      },
      bytes,
    )
    expect(printed).toEqual(['true,true,42,1,true,'])
  })

  test('goes through structuredClone', async () => {
    const module = new ours.Module(await wat('(module (func (export "f") (result i32) i32.const 42))'))
    const { modules } = structuredClone({ modules: [module, module] })
    expect(modules[0]).toBe(modules[1])
    // Before its first use. It is not an instance of the package's own Module, a subclass.
    expect(modules[0]).toBeInstanceOf(ours.Module)
    expect(modules[0]).not.toBeInstanceOf(Module)
    expect(new ours.Instance(modules[0]!).exports.f()).toBe(42)
    expect(ours.Module.exports(modules[0]!)).toEqual([{ name: 'f', kind: 'function' }])
    expect(modules[0]).toBeInstanceOf(ours.Module)
  })

  test('of Node’s own is refused', async () => {
    const node = new WebAssembly.Module(await wat('(module)'))
    expect(node).not.toBeInstanceOf(ours.Module)
    expect(thrownBy(() => new Instance(node as never)).code).toBe('ERR_INVALID_ARG_TYPE')
  })

  test('posted to a thread without the package, says what is missing', async () => {
    const module = structuredClone(new ours.Module(await wat('(module (func (export "f")))')))
    expect(() => new WebAssembly.Instance(module as never, {})).toThrow('wasm-relink/register')
    const [wanted] = WebAssembly.Module.imports(module as never)
    expect(wanted!.name).toBe('this Module was made by wasm-relink: load wasm-relink/register in this thread too')
  })

  test('of the same bytes shares its code only', async () => {
    const functions = Array.from({ length: 300 }, (_, i) => `(func (export "f${i}") (result i32) i32.const ${i})`)
    const bytes = await wat(`(module ${functions.join('\n')})`)
    const one = new Module(bytes)
    const other = new Module(bytes)
    expect(one).not.toBe(other)
    const [{ exports }, { exports: again }] = [new Instance(one), new Instance(other)]
    expect([exports.f7(), again.f299()]).toEqual([7, 299])
    expect(exports.f7).not.toBe(again.f7)
  })
})

test.each([
  ['returns', ''],
  ['exits', 'process.exit(0)'],
  ['exits in an import', 'exit.exports.f()'],
])(
  '200 threads in a row, each of which %s with live instances',
  async (_, end) => {
    const leaving = await wat('(module (import "env" "exit" (func $exit)) (func (export "f") call $exit))')
    const printed = run(
      {
        main: `
        const module = new relink.WebAssembly.Module(require('node:fs').readFileSync(${JSON.stringify(guestPath('pricing_promotions'))}))
        let sum = 0
        for (let i = 0; i < 200; i++) {
          const thread = start({ module, i })
          thread.on('message', (message) => { sum += message })
          const code = await ended(thread)
          if (code !== 0) console.log('ended with', code)
        }
        console.log(sum)`,
        worker: `
        const one = new relink.WebAssembly.Instance(data.module)
        const other = new relink.WebAssembly.Instance(data.module)
        globalThis.kept = [one, other, one.exports.memory?.buffer, new relink.Store(), new relink.Table({ element: 'anyfunc', initial: 1 })]
        const exit = new relink.Instance(new relink.Module(bytes), { env: { exit: () => process.exit(0) } })
        post(Number(one.exports.ten_percent_off(10n, 0)))
        // Posted messages are sent before the thread ends.
        await new Promise((resolve) => setImmediate(resolve))
        ${end}`,
      },
      leaving,
    )
    expect(printed).toEqual(['200'])
  },
  120_000,
)

test('threads that are terminated while they compile, wait and run', async () => {
  const printed = run(
    {
      main: `
        const memory = new relink.Memory({ initial: 1, maximum: 10, shared: true })
        for (const what of ['wait', 'compile', 'call', 'idle'].flatMap((each) => Array(5).fill(each))) {
          const thread = start({ what, memory })
          await new Promise((resolve) => thread.once('message', resolve))
          await thread.terminate()
        }
        console.log('all ended')`,
      worker: `
        const { exports } = new relink.Instance(new relink.Module(bytes), { env: { memory: data.memory } })
        post('ready')
        if (data.what === 'wait') exports.wait(0, 0, -1n)
        if (data.what === 'call') for (;;) exports.size()
        if (data.what === 'compile') for (let i = 0; ; i++) {
          const section = Buffer.from([0, 5, 0, i & 255, (i >> 8) & 255, (i >> 16) & 255, 0])
          await relink.compile(Buffer.concat([bytes, section]))
        }
        setInterval(() => {}, 1000)`,
    },
    await wat(shared, threads),
  )
  expect(printed).toEqual(['all ended'])
}, 60_000)

/** Waits until wasm has written to `memory` that it runs. */
const untilRunning = `
  const cells = new Int32Array(memory.buffer)
  while (Atomics.load(cells, 2) === 0) await new Promise((resolve) => setTimeout(resolve, 1))`

// Wasm that never returns: it ends at its first request to the host after its thread is terminated.
describe.each(['cranelift', 'singlepass'] as const)('terminate ends wasm that loops over (%s)', (compiler) => {
  const forever = (body: string) => `(module
    (import "env" "memory" (memory 1 10 shared))
    (import "env" "js" (func $js (param i32) (result i32)))
    (import "env" "ref" (func $ref (param externref) (result externref)))
    (memory $own 1 10 shared)
    (table 1 funcref) (elem (i32.const 0) $js)
    (func (export "run") (param externref)
      (i32.atomic.store (i32.const 8) (i32.const 1)) (loop $again ${body} (br $again))))`
  test.each([
    ['memory.grow', '(drop (memory.grow (i32.const 1)))'],
    ['memory.grow by nothing', '(drop (memory.grow (i32.const 0)))'],
    ['memory.grow of its own memory', '(drop (memory.grow $own (i32.const 1)))'],
    ['memory.atomic.notify', '(drop (memory.atomic.notify (i32.const 0) (i32.const 1)))'],
    ['memory.atomic.notify of its own memory', '(drop (memory.atomic.notify 1 (i32.const 0) (i32.const 1)))'],
    ['memory.atomic.wait', '(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))'],
    ['calls of JavaScript', '(drop (call $js (i32.const 1)))'],
    ['indirect calls of JavaScript', '(drop (call_indirect (param i32) (result i32) (i32.const 1) (i32.const 0)))'],
    ['calls of JavaScript with references', '(local.set 0 (call $ref (local.get 0)))'],
  ])('%s', async (_, body) => {
    const printed = run(
      {
        main: `
          const memory = new relink.Memory({ initial: 1, maximum: 10, shared: true })
          const thread = start(memory)
          ${untilRunning}
          await thread.terminate()
          console.log('ended')`,
        worker: `
          const module = new relink.Module(bytes, { compiler: '${compiler}' })
          const env = { memory: data, js: (x) => ({ valueOf: () => x }), ref: (x) => ({ x: 1 }) }
          const { exports } = new relink.Instance(module, { env })
          exports.run({})`,
      },
      await wat(forever(body), { ...threads, multi_memory: true }),
    )
    expect(printed).toEqual(['ended'])
  })
})

test('terminate ends wasm that catches all exceptions of JavaScript', async () => {
  const printed = run(
    {
      main: `
        const memory = new relink.Memory({ initial: 1, maximum: 1, shared: true })
        const thread = start(memory)
        ${untilRunning}
        await thread.terminate()
        console.log('ended')`,
      worker: `
        const env = { memory: data, throws: () => { throw new Error('caught') } }
        const { exports } = new relink.Instance(new relink.Module(bytes), { env })
        exports.run()`,
    },
    await wat(
      `(module (import "env" "throws" (func $throws)) (import "env" "memory" (memory 1 1 shared))
        (func (export "run") (i32.atomic.store (i32.const 8) (i32.const 1)) (loop $again (try (do (call $throws)) (catch_all)) (br $again))))`,
      { ...threads, exceptions: true },
    ),
  )
  expect(printed).toEqual(['ended'])
})

test('a call keeps its arguments if the program has replaced Uint8Array by one that calls WebAssembly', async () => {
  const text = `(module (import "env" "memory" (memory 1 2 shared))
    (func (export "subtract") (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1))))`
  const add = `(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`
  const memory = new Memory({ initial: 1, maximum: 2, shared: true })
  const { subtract } = new Instance(new Module(await wat(text, threads)), { env: { memory } }).exports
  const other = new Instance(new Module(await wat(add))).exports
  const Original = Uint8Array
  globalThis.Uint8Array = new Proxy(Original, {
    construct(target, args) {
      globalThis.Uint8Array = Original
      other.add(111, 222)
      return Reflect.construct(target, args)
    },
  })
  try {
    expect(subtract(10, 3)).toBe(7)
  } finally {
    globalThis.Uint8Array = Original
  }
})
