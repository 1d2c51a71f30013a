// Calls of a closed plugin by wasm-bindgen's unchanged glue. An error that a finalizer throws ends the process, so each case
// runs a process of its own.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Instance, type Memory, Module, Store } from '../..'
import { root, thrownBy, wat } from '../support'

const PLUGIN = `(module
  (import "wbg" "set_timeout" (func $set_timeout))
  (import "wbg" "then_seven" (func $then))
  (import "wbg" "after_io" (func $after_io))
  (import "wbg" "closure" (func $closure))
  (memory (export "memory") 1)
  (table (export "__wbindgen_export_3") 4 funcref)
  (elem (i32.const 1) $dtor)
  (global $freed (mut i32) (i32.const 0))
  (global $called (mut i32) (i32.const 0))
  (global (export "counter") (mut i32) (i32.const 9))
  (func (export "counter_new") (result i32) i32.const 8)
  (func (export "__wbg_counter_free") (param i32 i32) (global.set $freed (i32.add (global.get $freed) (i32.const 1))))
  (func $dtor (param i32 i32) (global.set $freed (i32.add (global.get $freed) (i32.const 1))))
  (func (export "__wbindgen_export_5") (param i32 i32)
    (global.set $called (i32.add (global.get $called) (i32.const 1))))
  (func (export "freed") (result i32) (global.get $freed))
  (func (export "called") (result i32) (global.get $called))
  (func (export "long") (result i64) (i64.const 1))
  (func (export "two") (result i32 f64) (i32.const 1) (f64.const 2))
  (func (export "reference") (result funcref) (ref.null func))
  (func (export "start_timeout") (call $set_timeout))
  (func (export "start_promise") (call $then))
  (func (export "start_io") (call $after_io))
  (func (export "start_closure") (call $closure)))`

let folder: string
let file: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-late-'))
  file = join(folder, 'plugin.wasm')
  writeFileSync(file, await wat(PLUGIN))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The output of a task, or the code of the error that ended its process. */
function run(task: string, end: string, { lateCalls = '', worker = false, flags = [] as string[] } = {}): string {
  const program = join(root, '__tests__', 'support', 'late.cjs')
  const all = ['--expose-gc', ...flags, program, root, file, task, end, ...(lateCalls ? [lateCalls] : [])]
  const env = { ...process.env, IN_WORKER: worker ? '1' : '0' }
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8', env })
  expect(signal).toBeNull()
  return stderr === '' ? `${status}: ${stdout.trim()}` : (/code: '(\w+)'/.exec(stderr)?.[1] ?? stderr)
}

const ends = ['close', 'using', 'store.close']

describe.each([false, true])('in a worker: %s', (worker) => {
  test.each(ends)('finalizers do nothing and end nothing: %s', (end) => {
    expect(run('finalizers', end, { worker })).toBe('0: 2')
  })

  test('calls throw wherever somebody can catch it', () => {
    expect(run('caught', 'close', { worker })).toBe('0: 45 ERR_RELINK_CLOSED')
  })
})

test('finalizers of a plugin that was dropped, and not closed, free what they should', () => {
  expect(run('finalizers', 'drop')).toBe('0: 200')
})

test.each(['close', 'store.close'])('whatever a finalizer uses: %s', (end) => {
  const nothing = [0, '0n', [0, 0], null, 0, 65536, null, null, 0, 0, 0, 3, false, null, null, null, null, null, 0]
  const closed = Array(4).fill('ERR_RELINK_CLOSED')
  expect(run('everything', end)).toBe(`0: ${JSON.stringify([...nothing, ...closed])}`)
})

test('the same where someone follows promises', () => {
  const hook = join(folder, 'hook.cjs')
  writeFileSync(hook, `require('node:async_hooks').createHook({ init() {}, before() {} }).enable()`)
  const flags = ['--require', hook]
  expect(run('finalizers', 'close', { flags })).toBe('0: 2')
  expect(run('caught', 'close', { flags })).toBe('0: 45 ERR_RELINK_CLOSED')
})

describe.each(['timer', 'promise', 'io'])('a late %s', (task) => {
  test('throws by default', () => {
    expect(run(task, 'close')).toBe('ERR_RELINK_CLOSED')
  })

  test.each(['close', 'store.close'])('does nothing if late calls are ignored: %s', (end) => {
    expect(run(task, end, { lateCalls: 'ignore' })).toBe('0: 0')
  })

  test('runs if the plugin was dropped, not closed', () => {
    expect(run(task, 'drop')).toBe('0: 1')
  })
})

test('a finalizer that uses an AsyncLocalStorage is still recognized', () => {
  const script = `
    const { AsyncLocalStorage } = require('node:async_hooks')
    const { Instance, Module } = require(${JSON.stringify(root)})
    const imports = { wbg: { set_timeout() {}, then_seven() {}, after_io() {}, closure() {} } }
    const plugin = new Instance(new Module(require('node:fs').readFileSync(${JSON.stringify(file)})), imports)
    const storage = new AsyncLocalStorage()
    let calls = 0
    const registry = new FinalizationRegistry(() => {
      storage.run(1, () => plugin.exports.called)
      storage.enterWith(2)
      calls += 1 + free(1, 2)
    })
    const free = (a, b) => plugin.exports.counter_new(a, b)
    for (let index = 0; index < 10; index++) registry.register({}, index)
    plugin.close()
    setTimeout(gc, 10)
    setTimeout(() => console.log(calls), 100)`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', script], { encoding: 'utf8' })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '10\n', stderr: '' })
})

describe('late calls that are ignored', () => {
  const imports = { wbg: { set_timeout() {}, then_seven() {}, after_io() {}, closure() {} } }
  const make = async (store: Store) => new Instance(new Module(await wat(PLUGIN)), imports, { store })

  test('are only those of the instance that was closed in this mode', async () => {
    const store = new Store()
    const [silent, loud, open] = [await make(store), await make(store), await make(store)]
    silent.close({ lateCalls: 'ignore' })
    loud.close({ lateCalls: 'throw' })
    // The first close decides the mode.
    silent.close()
    loud.close({ lateCalls: 'ignore' })
    const { exports } = silent as { exports: any }
    expect([exports.long(), exports.two(), exports.reference(), exports.counter_new()]).toEqual([0n, [0, 0], null, 0])
    expect([exports.__wbindgen_export_3.get(1)(), exports.counter.value, exports.memory.grow(1)]).toEqual([
      undefined,
      0,
      0,
    ])
    expect(exports.__wbindgen_export_5.map(Int32Array.of(1), Int32Array.of(2))).toBeUndefined()
    exports.counter.value = 4
    exports.__wbindgen_export_3.set(1, null)
    expect(new Uint8Array(exports.memory.buffer).every((byte) => byte === 0)).toBe(true)
    for (const use of [
      () => loud.exports.long(),
      () => (loud.exports.long as any).map({ into: new BigInt64Array(2) }),
      () => loud.exports.memory.buffer,
      () => silent.slot('freed'),
      () => loud.exports.__wbindgen_export_3.get(1),
    ]) {
      expect(thrownBy(use).code).toBe('ERR_RELINK_CLOSED')
    }
    expect(open.exports.counter_new()).toBe(8)
  })

  test('get a buffer of the memory’s length, so that writes fit', async () => {
    const plugin = await make(new Store())
    const { memory } = plugin.exports as { memory: Memory }
    memory.grow(16)
    plugin.close({ lateCalls: 'ignore' })
    expect(memory.buffer.byteLength).toBe(17 * 65_536)
    const store = new Store()
    const other = (await make(store)).exports as { memory: Memory }
    other.memory.grow(3)
    store.close({ lateCalls: 'ignore' })
    expect(other.memory.buffer.byteLength).toBe(4 * 65_536)
  })

  test('do not include slots', async () => {
    for (const close of [
      (plugin: Instance) => plugin.close({ lateCalls: 'ignore' }),
      (_: Instance, store: Store) => store.close({ lateCalls: 'ignore' }),
    ]) {
      const store = new Store()
      const plugin = await make(store)
      const slot = plugin.slot('freed')
      close(plugin, store)
      for (const use of [() => slot.reset(), () => slot.current, () => slot.original, () => slot.linked]) {
        expect(thrownBy(use).code).toBe('ERR_RELINK_CLOSED')
      }
    }
  })

  test('a misspelled option is refused', async () => {
    const plugin = await make(new Store())
    expect(thrownBy(() => plugin.close({ lateCalls: 'drop' } as never))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
    expect(thrownBy(() => plugin.close({ late: 'ignore' } as never)).message).toContain('lateCalls')
    expect(thrownBy(() => plugin.close(5 as never)).code).toBe('ERR_INVALID_ARG_TYPE')
    expect(plugin.closed).toBe(false)
  })
})
