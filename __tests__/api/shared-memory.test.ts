// Shared memories, in one thread and in several.
import { Instance, Memory, Module, Store } from '../..'
import { thrownBy, wat } from '../support'
import { run, shared, threads } from '../support/threads'

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
