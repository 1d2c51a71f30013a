// Requests that use a plugin's memory while the plugin ends. A fault would end the process or corrupt other memories, so each
// test runs a process of its own.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Instance, type Memory, Module, Store } from '../..'
import { collect, collectGarbage } from '../support/collecting'
import { root, wat } from '../support'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-in-flight-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const MEMORY = '(module (memory (export "memory") 1))'

/** The faults that the program reports in this mode. */
function wrong(mode: string): string[] {
  const program = join(root, '__tests__', 'support', 'in-flight.cjs')
  // The program keeps the one thread of libuv's pool busy, so requests that wait for it are in flight.
  const env = { ...process.env, UV_THREADPOOL_SIZE: mode === 'matrix' || mode === 'worker' ? '1' : '4' }
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', program, root, folder, mode], {
    encoding: 'utf8',
    env,
  })
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  return JSON.parse(stdout)
}

test('every request completes, however the plugin ends', () => {
  expect(wrong('matrix')).toEqual([])
})

test('the same in a thread', () => {
  expect(wrong('worker')).toEqual([])
})

test.each(['exit', 'terminate'])('a thread that ends while requests use its plugins: %s', (mode) => {
  expect(wrong(mode)).toEqual([])
})

describe('the bytes of a freed memory', () => {
  /** Lets V8 collect until nothing is retained: it frees buffers on a thread of its own. */
  async function collectAll(store: Store) {
    for (let round = 0; round < 100 && store.stats().retainedBytes > 0; round++) await collectGarbage()
    return store.stats().retainedBytes
  }

  test('are retained as long as there is a buffer, and counted', async () => {
    const [store, module] = [new Store(), new Module(await wat(MEMORY))]
    const instance = new Instance(module, {}, { store })
    const memory = instance.exports.memory as Memory
    let held: ArrayBuffer | undefined = memory.buffer
    memory.grow(1)
    let grown: Uint8Array | undefined = new Uint8Array(memory.buffer).fill(7)
    instance.close()
    expect(store.stats()).toMatchObject({ memories: 0, memoryBytes: 0, retainedBytes: 2 * 65_536 })
    expect([held.byteLength, grown.every((byte) => byte === 7)]).toEqual([0, true])
    grown = undefined
    await collect(store)
    await collect(store)
    // The detached buffer is enough to retain the bytes.
    expect(store.stats().retainedBytes).toBe(2 * 65_536)
    expect(held.byteLength).toBe(0)
    held = undefined
    expect(await collectAll(store)).toBe(0)
  })

  test('are not retained for a dead Memory that is still held', async () => {
    const module = new Module(await wat(MEMORY))
    for (const end of ['close', 'close the store']) {
      const store = new Store()
      const instance = new Instance(module, {}, { store })
      const memory = instance.exports.memory as Memory
      const touch = () => memory.buffer.byteLength
      expect(touch()).toBe(65_536)
      if (end === 'close') instance.close()
      else store.close()
      expect(await collectAll(store)).toBe(0)
      expect(() => memory.buffer).toThrow('closed')
    }
  })

  test('are not retained if no buffer was read', async () => {
    const [store, module] = [new Store(), new Module(await wat(MEMORY))]
    new Instance(module, {}, { store }).close()
    expect(store.stats()).toMatchObject({ memories: 0, retainedBytes: 0 })
  })

  test('do not accumulate', async () => {
    const [store, module] = [new Store(), new Module(await wat(MEMORY))]
    // Each reserves 8 GiB of the process's 128 TiB of addresses.
    for (let count = 0; count < 3000; count++) {
      const instance = new Instance(module, {}, { store })
      const memory = instance.exports.memory as Memory
      new Uint8Array(memory.buffer)[0] = 1
      if (count % 2 === 0) memory.grow(1)
      expect(new Uint8Array(memory.buffer)[0]).toBe(1)
      if (count % 3 !== 0) instance.close()
      if (count % 100 === 0) await collectGarbage()
    }
    await collect(store)
    expect(await collectAll(store)).toBe(0)
  })
})
