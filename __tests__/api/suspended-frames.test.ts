// Suspended calls with frames in the memory of an instance that they have entered through a link.
import { Instance, Module, Store, promising } from '../..'
import { compilers, rejectionOf, thrownBy, wat } from '../support'
import { turns, waiter } from '../support/waiter'

/** A function that keeps its argument in a frame while it waits. */
const USES = `(module (import "env" "wait" (func $wait (param i32) (result i32)))
  (memory 1) (global $__stack_pointer (mut i32) (i32.const 65536)) (export "__stack_pointer" (global $__stack_pointer))
  (func (export "trap") unreachable)
  (func $scribble (export "scribble") (local $frame i32)
    (global.set $__stack_pointer (local.tee $frame (i32.sub (global.get $__stack_pointer) (i32.const 64))))
    (memory.fill (local.get $frame) (i32.const 238) (i32.const 64))
    (global.set $__stack_pointer (i32.add (local.get $frame) (i32.const 64))))
  (func (export "f") (param i32) (result i32) (local $frame i32)
    (global.set $__stack_pointer (local.tee $frame (i32.sub (global.get $__stack_pointer) (i32.const 16))))
    (i32.store (local.get $frame) (local.get 0))
    (if (i32.lt_s (call $wait (local.get 0)) (i32.const 0)) (then unreachable))
    (call $scribble)
    (i32.load (local.get $frame))
    (global.set $__stack_pointer (i32.add (local.get $frame) (i32.const 16)))))`
const OUTER = `(module (import "env" "f" (func $f (param i32) (result i32)))
  (import "env" "begin" (func $begin))
  (func (export "run") (param i32) (result i32) (call $f (local.get 0)))
  (func (export "within") (call $begin)))`

const instanceOf = async (text: string, env: object, options = {}, compiler?: string) =>
  new Instance(new Module(await wat(text, { bulk_memory: true }), { compiler } as object), { env } as never, options)

describe.each(compilers)('frames in another instance (%s)', (compiler) => {
  const value = (global: unknown) => (global as { value: number }).value

  /** An instance whose import `f` is a function that waits with a frame in the memory of another one. */
  async function pair(options = {}) {
    const { waiting, wait } = waiter()
    const store = new Store()
    const inner = await instanceOf(USES, { wait }, { store, ...options }, compiler)
    let begin = () => {}
    const imports = { f: inner.exports.f, begin: () => begin() }
    const { exports } = await instanceOf(OUTER, imports, { store }, compiler)
    const run = promising(exports.run as never) as unknown as (x: number) => Promise<number>
    return { waiting, inner, exports, run, store, onBegin: (fn: () => void) => (begin = fn) }
  }

  test('keep their values in any order, and other calls of that instance do not overwrite them', async () => {
    const { waiting, inner, run } = await pair()
    const direct = promising(inner.exports.f as never) as unknown as (x: number) => Promise<number>
    const calls = [run(1), run(2), direct(3), run(4), direct(5), run(6)]
    for (const index of [3, 0, 5, 2, 1, 4]) {
      inner.exports.scribble()
      waiting[index]!.resolve(0)
      await turns()
    }
    await expect(Promise.all(calls)).resolves.toEqual([1, 2, 3, 4, 5, 6])
    expect(value(inner.exports.__stack_pointer)).toBe(65536)
    const again = [run(7), run(8)]
    expect(value(inner.exports.__stack_pointer)).toBe(65536)
    for (const { resolve } of waiting.slice(6).toReversed()) resolve(0)
    await expect(Promise.all(again)).resolves.toEqual([7, 8])
  })

  test('also if the call begins within another one', async () => {
    const { waiting, inner, exports, run, onBegin } = await pair()
    const calls: Promise<number>[] = []
    onBegin(() => {
      calls.push(run(calls.length))
      inner.exports.scribble()
    })
    for (let index = 0; index < 3; index++) exports.within()
    inner.exports.scribble()
    for (const { resolve } of waiting.toReversed()) resolve(0)
    await expect(Promise.all(calls)).resolves.toEqual([0, 1, 2])
    expect(value(inner.exports.__stack_pointer)).toBe(65536)
  })

  test('a trap, a rejection and calls that are left give their stacks back', async () => {
    const { waiting, inner, run } = await pair()
    const calls = [run(1), run(2), run(3)]
    waiting[0]!.resolve(-1)
    await expect(rejectionOf(calls[0]!)).resolves.toMatchObject({ trap: 'unreachable' })
    waiting[2]!.reject('thrown')
    await expect(rejectionOf(calls[2]!)).resolves.toBe('thrown')
    inner.exports.scribble()
    waiting[1]!.resolve(0)
    await expect(calls[1]).resolves.toBe(2)
    expect(value(inner.exports.__stack_pointer)).toBe(65536)
  })

  test('end with that instance: recycled, and closed with its store', async () => {
    const { waiting, inner, run, store } = await pair({ onTrap: 'recycle' })
    const [first, second] = [run(1), run(2)]
    expect(thrownBy(() => inner.exports.trap())).toMatchObject({ trap: 'unreachable' })
    expect(value(inner.exports.__stack_pointer)).toBe(65536)
    for (const { resolve } of waiting.splice(0)) resolve(0)
    for (const call of [first, second]) {
      await expect(rejectionOf(call)).resolves.toMatchObject({ code: 'ERR_RELINK_SUSPEND' })
    }
    const again = [run(3), run(4)]
    inner.exports.scribble()
    waiting[1]!.resolve(0)
    await expect(again[1]).resolves.toBe(4)
    store.close()
    waiting[0]!.resolve(0)
    await expect(rejectionOf(again[0]!)).resolves.toMatchObject({ code: 'ERR_RELINK_CLOSED' })
  })

  test('the other instance may be closed and collected afterwards', async () => {
    const { waiting, inner, run, store } = await pair()
    const calls = [run(1), run(2)]
    inner.close()
    store.collect()
    for (const { resolve } of waiting) resolve(0)
    await expect(Promise.all(calls)).resolves.toEqual([1, 2])
  })
})

test('a function of another instance with a frame in a memory that cannot grow does not wait', async () => {
  const { wait } = waiter()
  const inner = await instanceOf(USES.replace('(memory 1)', '(memory 1 1)'), { wait })
  const { exports } = await instanceOf(OUTER, { f: inner.exports.f, begin: () => {} })
  const error = await rejectionOf(promising(exports.run as never)(1 as never) as never)
  expect(error).toMatchObject({ code: 'ERR_RELINK_SUSPEND' })
  expect(error.message).toContain('another instance')
  expect(error.message).toContain('maximum of 1 pages')
  expect((inner.exports.__stack_pointer as unknown as { value: number }).value).toBe(65536)
})
