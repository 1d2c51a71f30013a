// Threads that end or are terminated with live instances.
import { guestPath, wat } from '../support'
import { run, shared, threads } from '../support/threads'

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
