import { MessageChannel } from 'node:worker_threads'
import { Memory, Store } from '../..'
import { compilers, instanceOf, thrownBy } from '../support'

const PAGE = 65536

const TEXT = `(module
  (import "env" "observe" (func $observe))
  (memory (export "memory") 1 4)
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "grow_and_observe") (result i32) (memory.grow (i32.const 1)) (call $observe))
  (func (export "grow_and_trap") (drop (memory.grow (i32.const 1))) unreachable))`

describe.each(compilers)('memory of an instance (%s)', (compiler) => {
  const make = (observe = () => {}) => instanceOf(TEXT, { env: { observe } }, { compiler })

  test('the buffer is the memory itself', async () => {
    const { exports } = await make()
    const bytes = new Int32Array(exports.memory.buffer)
    exports.store(8, 1234)
    expect(bytes[2]).toBe(1234)
    bytes[3] = 99
    expect(exports.load(12)).toBe(99)
    expect(exports.memory.buffer).toBe(bytes.buffer)
    expect(exports.memory).toBeInstanceOf(Memory)
  })

  test('growth in wasm detaches it when control returns', async () => {
    const { exports } = await make()
    const before = exports.memory.buffer
    exports.store(0, 77)
    expect(exports.grow(1)).toBe(1)
    expect(before.byteLength).toBe(0)
    const after = exports.memory.buffer
    expect(after.byteLength).toBe(2 * PAGE)
    expect(new Int32Array(after)[0]).toBe(77)
    expect(exports.grow(0)).toBe(2)
    expect(exports.grow(100)).toBe(-1)
    expect(exports.memory.buffer.byteLength).toBe(2 * PAGE)
  })

  test('an import sees the buffer detached while wasm is on the stack', async () => {
    const seen: number[] = []
    const { exports } = await make(() => seen.push(before.byteLength, exports.memory.buffer.byteLength))
    const before: ArrayBuffer = exports.memory.buffer
    exports.grow_and_observe()
    expect(seen).toEqual([0, 2 * PAGE])
  })

  test('a trap after growth detaches it as well', async () => {
    const { exports } = await make()
    const before = exports.memory.buffer
    expect(() => exports.grow_and_trap()).toThrow(WebAssembly.RuntimeError)
    expect(before.byteLength).toBe(0)
    expect(exports.memory.buffer.byteLength).toBe(2 * PAGE)
  })

  test('grow from JavaScript returns the former size', async () => {
    const { exports } = await make()
    const before = exports.memory.buffer
    expect(exports.memory.grow(2)).toBe(1)
    expect(before.byteLength).toBe(0)
    expect(exports.memory.buffer.byteLength).toBe(3 * PAGE)
    const error = thrownBy(() => exports.memory.grow(2))
    expect(error).toBeInstanceOf(RangeError)
    expect(error).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(exports.memory.buffer.byteLength).toBe(3 * PAGE)
  })

  test('growth by 0 pages detaches too, as the specification says', async () => {
    const memory = new Memory({ initial: 1 })
    const before = memory.buffer
    expect(memory.grow(0)).toBe(1)
    expect(before.byteLength).toBe(0)
    expect(memory.buffer.byteLength).toBe(PAGE)
  })

  test('a memory is the same object on every way to it', async () => {
    const memory = new Memory({ initial: 1, maximum: 2 })
    const { exports } = await instanceOf(
      `(module (import "env" "memory" (memory 1 2)) (export "memory" (memory 0))
        (func (export "load") (result i32) (i32.load (i32.const 0))))`,
      { env: { memory } },
      { compiler },
    )
    expect(exports.memory).toBe(memory)
    new Int32Array(memory.buffer)[0] = 5
    expect(exports.load()).toBe(5)
  })

  test('two instances share one', async () => {
    const memory = new Memory({ initial: 1 })
    const text = `(module (import "env" "memory" (memory 1))
      (func (export "grow") (result i32) (memory.grow (i32.const 1)))
      (func (export "size") (result i32) (memory.size)))`
    const a = await instanceOf(text, { env: { memory } }, { compiler })
    const b = await instanceOf(text, { env: { memory } }, { compiler })
    const before = memory.buffer
    expect(a.exports.grow()).toBe(1)
    expect(b.exports.size()).toBe(2)
    expect(before.byteLength).toBe(0)
  })
})

describe('new Memory', () => {
  test('has the requested number of pages', () => {
    expect(new Memory({ initial: 0 }).buffer.byteLength).toBe(0)
    expect(new Memory({ initial: 3, maximum: 3 }, { store: new Store() }).buffer.byteLength).toBe(3 * PAGE)
    expect(new Memory({ initial: '2' as never }).buffer.byteLength).toBe(2 * PAGE)
  })

  test('an empty memory has one buffer until it grows', () => {
    const memory = new Memory({ initial: 0 })
    const { buffer } = memory
    expect(memory.buffer).toBe(buffer)
    expect(memory.grow(1)).toBe(0)
    expect(memory.buffer).not.toBe(buffer)
    expect(memory.buffer.byteLength).toBe(PAGE)
  })

  test.each([
    [undefined, TypeError],
    [5, TypeError],
    [{}, TypeError],
    [{ initial: -1 }, TypeError],
    [{ initial: NaN }, TypeError],
    [{ initial: 2 ** 32 }, TypeError],
    [{ initial: 65537 }, RangeError],
    [{ initial: 2, maximum: 1 }, RangeError],
    [{ initial: 1, maximum: -1 }, TypeError],
    [{ initial: 1, shared: true }, TypeError],
  ])('refuses %p', (descriptor, expected) => {
    const error = thrownBy(() => new Memory(descriptor as never))
    expect(error).toBeInstanceOf(expected)
    expect(error.code).toMatch(/^ERR_/)
  })

  // From Node 24 on, an untransferable buffer cannot be detached either, and the attempt would abort the process.
  test('its buffer is untransferable if Node supports that, and growth detaches it on every Node', () => {
    const memory = new Memory({ initial: 1 })
    const { buffer } = memory
    const { port1, port2 } = new MessageChannel()
    const give = () => {
      try {
        port1.postMessage(null, [buffer])
      } catch ({ name }: any) {
        return name
      } finally {
        port1.close()
        port2.close()
      }
    }
    const major = Number.parseInt(process.versions.node, 10)
    // Node 20 does not transfer the buffer.
    expect(major < 24 ? give() : 'not tried').toBe(major < 21 ? undefined : major < 24 ? 'DataCloneError' : 'not tried')
    expect(thrownBy(() => (buffer as any).transfer())).toBeInstanceOf(TypeError)
    expect(Object.keys(buffer)).toEqual([])
    expect(buffer.byteLength).toBe(PAGE)
    memory.grow(1)
    expect([buffer.byteLength, memory.buffer.byteLength]).toEqual([0, 2 * PAGE])
  })

  test('looks as the specification says', () => {
    const memory = new Memory({ initial: 1 })
    expect(String(memory)).toBe('[object WebAssembly.Memory]')
    expect(Memory).toHaveLength(1)
    expect(Object.keys(Memory.prototype).toSorted()).toEqual(['buffer', 'grow'])
    expect(thrownBy(() => Memory.prototype.grow.call({} as Memory, 1))).toMatchObject({
      message: 'expected a Memory as `this`, got {}',
    })
    expect(() => memory.grow(-1)).toThrow(TypeError)
    expect(() => memory.grow(undefined as never)).toThrow(TypeError)
  })

  test('a buffer outlives its memory', async () => {
    const buffer = await (async () => {
      const { exports } = await instanceOf('(module (memory (export "memory") 1) (data (i32.const 0) "abc"))')
      return exports.memory.buffer as ArrayBuffer
    })()
    expect(Buffer.from(buffer, 0, 3).toString()).toBe('abc')
  })
})
