// Calls that an import may suspend: `Suspending`, `promising`, and the option `suspending`.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Exception, Instance, Module, Store, SuspendError, Suspending, Table, Tag, link, promising } from '../..'
import { compilers, rejectionOf, thrownBy, wat } from '../support'
import { collectGarbage } from '../support/collecting'
import { turns, waiter } from '../support/waiter'

const TEXT = `(module
  (import "env" "wait" (func $wait (param i32) (result i32)))
  (func (export "once") (param i32) (result i32) (i32.add (call $wait (local.get 0)) (i32.const 1)))
  (func (export "twice") (param i32) (result i32) (i32.sub (call $wait (local.get 0)) (call $wait (i32.const 100))))
  (func (export "unreachable") (result i32) (drop (call $wait (i32.const 0))) unreachable)
  (func (export "load") (param i32) (result i32) (i32.load (call $wait (local.get 0))))
  (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 12) (call $wait (local.get 0))))
  (func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))
  (func (export "recurse") (param i32) (result i32) (call $deep (call $wait (local.get 0))))
  (func (export "now") (result i32) (i32.const 7))
  (memory (export "memory") 1))`

const instanceWith = async (imports: object, options = {}, compiler?: string, text = TEXT) =>
  new Instance(new Module(await wat(text), { compiler } as object), { env: imports } as never, options)

describe.each(compilers)('a suspended call (%s)', (compiler) => {
  test('goes on with the value of the promise, and gives its result as a promise', async () => {
    const { waiting, wait } = waiter()
    const { exports } = await instanceWith({ wait }, {}, compiler)
    const result = promising(exports.once)(5)
    expect(result).toBeInstanceOf(Promise)
    expect(waiting.map(({ argument }) => argument)).toEqual([5])
    waiting[0]!.resolve('41.9')
    await expect(result).resolves.toBe(42)
  })

  test('that cannot go on leaves nothing of what its import has thrown', async () => {
    const { waiting, wait } = waiter()
    const store = new Store()
    const catching = new Module(await wat('(module (func try catch_all end))', { exceptions: true }), {
      compiler: 'cranelift',
    })
    // From now on, what imports throw may be caught.
    new Instance(catching, {}, { store })
    const instance = await instanceWith({ wait: () => 0 }, { store, onTrap: 'recycle' }, compiler)
    const slot = instance.slot('env.wait')
    const change = link(wait as never, slot)
    const ended = promising(instance.exports.once)(1)
    change.undo()
    expect(thrownBy(() => instance.exports.unreachable()).code).toBe('ERR_RELINK_TRAP')
    waiting[0]!.reject(new Error('late'))
    expect((await rejectionOf(ended)).code).toBe('ERR_RELINK_SUSPEND')
    link(() => 41, slot)
    expect(instance.exports.once(0)).toBe(42)
  })

  test('others begin, are suspended and end meanwhile, in any order', async () => {
    const { waiting, wait } = waiter()
    const { exports } = await instanceWith({ wait }, {}, compiler)
    const twice = promising(exports.twice)
    const all = Array.from({ length: 40 }, (_, index) => twice(index))
    expect(exports.now()).toBe(7)
    const order = [...waiting].sort(
      (one, other) => (((one.argument as number) * 17) % 40) - (((other.argument as number) * 17) % 40),
    )
    for (const { argument, resolve } of order) resolve(argument)
    await turns()
    for (const { resolve } of waiting.slice(40).toReversed()) resolve(1000)
    expect(waiting.length).toBe(80)
    await expect(Promise.all(all)).resolves.toEqual(Array.from({ length: 40 }, (_, index) => index - 1000))
  })

  test('throws what the promise was rejected with; wasm may be called again', async () => {
    const { waiting, wait } = waiter()
    const { exports } = await instanceWith({ wait }, {}, compiler)
    const reason = { no: 'error' }
    const result = promising(exports.once)(1)
    waiting[0]!.reject(reason)
    await expect(rejectionOf(result)).resolves.toBe(reason)
    expect(exports.now()).toBe(7)
  })

  test.each([
    ['unreachable', 0, 'unreachable'],
    ['load', -4, 'memory-out-of-bounds'],
    ['divide', 0, 'divide-by-zero'],
    ['recurse', 0, 'stack-overflow'],
  ])('a trap afterwards is the error of the call: %s', async (name, value, trap) => {
    const { waiting, wait } = waiter()
    const { exports } = await instanceWith({ wait }, {}, compiler)
    const call = promising(exports[name])
    const others = [call(0), promising(exports.once)(0)]
    const trapped = call(0)
    waiting[2]!.resolve(value)
    const error = await rejectionOf(trapped)
    expect(error).toMatchObject({ code: 'ERR_RELINK_TRAP', trap })
    expect(error.stack?.includes('wasm-function')).toBe(trap !== 'stack-overflow')
    waiting[1]!.resolve(1)
    await expect(others[1]).resolves.toBe(2)
    waiting[0]!.resolve(value)
    await expect(rejectionOf(others[0]!)).resolves.toMatchObject({ trap })
  })

  test('wasm catches the rejection as an exception', async () => {
    const { waiting, wait } = waiter()
    const text = `(module (import "env" "wait" (func $wait (param i32) (result i32)))
      (import "env" "tag" (tag $tag (param i32)))
      (func (export "caught") (result i32) (try (result i32) (do (call $wait (i32.const 0))) (catch $tag) (catch_all (i32.const -1)))))`
    const tag = new Tag({ parameters: ['i32'] })
    const module = new Module(await wat(text, { exceptions: true }), { compiler: 'cranelift' })
    const { exports } = new Instance(module, { env: { wait, tag } } as never)
    const caught = promising(exports.caught as never) as () => Promise<number>
    const [first, second] = [caught(), caught()]
    waiting[1]!.reject(new Error('any'))
    waiting[0]!.reject(new Exception(tag, [5]))
    await expect(first).resolves.toBe(5)
    await expect(second).resolves.toBe(-1)
  })
})

describe('where a call cannot be suspended', () => {
  test('without `promising`', async () => {
    const { wait } = waiter()
    const { exports } = await instanceWith({ wait })
    const error = thrownBy(() => exports.once(1))
    expect(error).toBeInstanceOf(SuspendError)
    expect(error.code).toBe('ERR_RELINK_SUSPEND')
    expect(exports.now()).toBe(7)
  })

  test('with JavaScript between the two', async () => {
    const { wait } = waiter()
    const inner = await instanceWith({ wait })
    const text = `(module (import "env" "f" (func $f (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (call $f (local.get 0))))`
    const { exports } = await instanceWith({ f: (x: number) => inner.exports.once(x) }, {}, undefined, text)
    await expect(rejectionOf(promising(exports.run as never)(1 as never) as never)).resolves.toBeInstanceOf(
      SuspendError,
    )
  })
})

test('at the end of its stack, a call traps also in code of the host', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(__dirname, '../support/suspended-ends.cjs')], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'stack-overflow '.repeat(24), stderr: '' })
})

const KEEP = `(module (import "env" "wait" (func $wait (param i32) (result i32)))
  (memory (export "memory") 1) (global $__stack_pointer (mut i32) (i32.const 65536))
  (export "__stack_pointer" (global $__stack_pointer))
  (func (export "trap") unreachable)
  (func (export "keep") (param i32) (result i32) (local $frame i32)
    (global.set $__stack_pointer (local.tee $frame (i32.sub (global.get $__stack_pointer) (i32.const 16))))
    (i32.store (local.get $frame) (local.get 0))
    (if (i32.lt_s (call $wait (local.get $frame)) (i32.const 0)) (then unreachable))
    (i32.load (local.get $frame))
    (global.set $__stack_pointer (i32.add (local.get $frame) (i32.const 16)))))`

test('shadow stacks of calls are not used again once their memory was replaced', async () => {
  const { waiting, wait } = waiter()
  const { exports } = await instanceWith({ wait }, { onTrap: 'recycle' }, undefined, KEEP)
  const keep = promising(exports.keep) as (value: number) => Promise<number>
  const [ended, suspended, traps] = [keep(1), keep(2), keep(3)]
  waiting[0]!.resolve(0)
  await expect(ended).resolves.toBe(1)
  waiting[2]!.resolve(-1)
  await expect(rejectionOf(traps)).resolves.toMatchObject({ trap: 'unreachable' })
  waiting[1]!.resolve(0)
  await expect(rejectionOf(suspended)).resolves.toMatchObject({ code: 'ERR_RELINK_SUSPEND' })
  for (const value of [4, 5]) {
    const again = keep(value)
    waiting.at(-1)!.resolve(0)
    await expect(again).resolves.toBe(value)
    expect(thrownBy(() => exports.trap())).toMatchObject({ trap: 'unreachable' })
  }
})

test('a promise with a `then` of its own is awaited as any other', async () => {
  let calls = 0
  const wait = new Suspending((x: number) =>
    // oxlint-disable-next-line unicorn/no-thenable -- it is meant to be awaited
    Object.defineProperty(Promise.resolve(x), 'then', { value: () => calls++ }),
  )
  const { exports } = await instanceWith({ wait })
  await expect(promising(exports.twice)(7)).resolves.toBe(-93)
  expect(calls).toBe(0)
})

test('a call that cannot be suspended keeps nothing of the promise', async () => {
  const store = new Store()
  const before = store.stats().instances
  const begin = async () => {
    const held: { instance?: unknown } = {}
    const wait = new Suspending(() => Object.assign(new Promise(() => {}), { held }))
    const instance = await instanceWith({ wait }, { store })
    held.instance = instance
    expect(thrownBy(() => instance.exports.once(1))).toBeInstanceOf(SuspendError)
  }
  for (let index = 0; index < 20; index++) await begin()
  for (let round = 0; round < 8 && store.stats().instances > before; round++) {
    await collectGarbage()
    store.collect()
  }
  expect(store.stats().instances).toBe(before)
})

test('each call has a shadow stack of its own, which others do not overwrite', async () => {
  const { waiting, wait } = waiter()
  const { exports } = await instanceWith({ wait }, {}, undefined, KEEP)
  const keep = promising(exports.keep as never) as unknown as (value: number) => Promise<number>
  const pointer = exports.__stack_pointer as unknown as { value: number }
  const calls = [1, 2, 3].map((value) => keep(value))
  expect(pointer.value).toBe(65536)
  expect(new Set(waiting.map(({ argument }) => argument)).size).toBe(3)
  // The host may write into the frame of a suspended call.
  const { buffer } = exports.memory as unknown as { buffer: ArrayBuffer }
  new DataView(buffer).setInt32(waiting[1]!.argument as number, 20, true)
  for (const index of [0, 2, 1]) {
    waiting[index]!.resolve(0)
    await turns()
    expect(pointer.value).toBe(65536)
  }
  await expect(Promise.all(calls)).resolves.toEqual([1, 20, 3])
  const pages = buffer.byteLength
  const again = keep(4)
  waiting[3]!.resolve(0)
  await expect(again).resolves.toBe(4)
  expect((exports.memory as unknown as { buffer: ArrayBuffer }).buffer.byteLength).toBe(pages)
})

test('the option `suspending` names imports, and makes the exports return promises', async () => {
  const { exports } = await instanceWith({ wait: async (x: number) => x * 2 }, { suspending: ['env.wait'] })
  await expect(exports.once(20)).resolves.toBe(41)
  await expect(exports.now()).resolves.toBe(7)
  expect(promising(exports.once)).toBe(exports.once)
})

test.each([
  [['env.none'], "the module imports no function 'env.none'; it imports env.wait"],
  ['env.wait', 'expected an array of the names of imports'],
  [[1], 'expected an array of the names of imports'],
])('the option `suspending` refuses %j', async (suspending, message) => {
  const refused = rejectionOf(instanceWith({ wait: () => 0 }, { suspending }))
  await expect(refused).resolves.toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  expect((await refused).message).toContain(message)
})

test('arguments that are no functions are refused', () => {
  for (const value of [undefined, 1, {}, () => 0]) {
    expect(thrownBy(() => promising(value as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  }
  expect(thrownBy(() => new Suspending(1 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
})

test('an import that returns no promise does not suspend', async () => {
  const { exports } = await instanceWith({ wait: new Suspending((x: number) => x + 1) })
  expect(exports.once(1)).toBe(3)
})

test('a linked function may suspend the callers of its slot; the functions of `promising` can be linked', async () => {
  const instance = await instanceWith({ wait: (x: number) => x }, {})
  const { waiting, wait } = waiter()
  const change = link(wait as never, instance.slot('env.wait'))
  const result = promising(instance.exports.once)(1)
  waiting[0]!.resolve(9)
  await expect(result).resolves.toBe(10)
  change.undo()
  expect(instance.exports.once(1)).toBe(2)
  const back = link(promising(instance.exports.twice) as never, instance.slot('once'))
  expect(instance.exports.once(1)).toBe(1 - 100)
  back.undo()
})

test('references stay valid while a call is suspended and the store collects', async () => {
  const { waiting, wait } = waiter()
  const store = new Store()
  const text = `(module (import "env" "wait" (func $wait (param i32) (result i32)))
    (func (export "hold") (param externref) (result externref) (drop (call $wait (i32.const 0))) (local.get 0)))`
  const { exports } = await instanceWith({ wait }, { store }, undefined, text)
  const hold = promising(exports.hold as never) as unknown as (value: object) => Promise<object>
  const calls = Array.from({ length: 20 }, (_, index) => hold({ index }))
  for (let round = 0; round < 3; round++) {
    await collectGarbage()
    store.collect()
    await Promise.all(Array.from({ length: 5000 }, () => undefined))
    const more = Array.from({ length: 50 }, (_, index) => hold({ more: index }))
    for (const { resolve } of waiting.splice(20)) resolve(0)
    await Promise.all(more)
  }
  for (const { resolve } of waiting) resolve(0)
  await expect(Promise.all(calls)).resolves.toEqual(calls.map((_, index) => ({ index })))
})

test('an instance whose function is suspended lives on when nothing else holds it, and is freed afterwards', async () => {
  const { waiting, wait } = waiter()
  const store = new Store()
  const before = store.stats().instances
  const begin = async () => {
    const { exports } = await instanceWith({ wait }, { store })
    return promising(exports.twice)(3)
  }
  const calls = [begin(), begin()]
  await turns()
  await collectGarbage()
  store.collect()
  expect(store.stats().instances).toBe(before + 2)
  for (let step = 0; step < 2; step++) {
    for (const { resolve, argument } of waiting.splice(0)) resolve(argument)
    await turns()
  }
  await expect(Promise.all(calls)).resolves.toEqual([-97, -97])
  calls.length = 0
  for (let round = 0; round < 5 && store.stats().instances > before; round++) {
    await collectGarbage()
    store.collect()
  }
  expect(store.stats().instances).toBe(before)
})

test('a call of an instance or store that was closed meanwhile is refused when it would go on', async () => {
  const { waiting, wait } = waiter()
  const store = new Store()
  const [one, other] = [await instanceWith({ wait }, { store }), await instanceWith({ wait }, { store })]
  const calls = [one, other].map(({ exports }) => promising(exports.once)(1))
  one.close()
  store.collect()
  waiting[0]!.resolve(1)
  await expect(rejectionOf(calls[0]!)).resolves.toMatchObject({ code: 'ERR_RELINK_CLOSED' })
  store.close()
  waiting[1]!.resolve(1)
  await expect(rejectionOf(calls[1]!)).resolves.toMatchObject({ code: 'ERR_RELINK_CLOSED' })
})

test('a deadline covers what runs, not the wait', async () => {
  const { waiting, wait } = waiter()
  const text = `(module (import "env" "wait" (func $wait (param i32) (result i32)))
    (func (export "spin") (param i32) (result i32)
      (if (call $wait (i32.const 0)) (then (loop (br 0)))) (i32.const 5)))`
  const { exports } = await instanceWith({ wait }, { timeout: 20 }, undefined, text)
  const spin = promising(exports.spin as never) as unknown as (x: number) => Promise<number>
  const [ends, loops] = [spin(0), spin(0)]
  await new Promise((resolve) => setTimeout(resolve, 40))
  waiting[0]!.resolve(0)
  await expect(ends).resolves.toBe(5)
  waiting[1]!.resolve(1)
  await expect(rejectionOf(loops)).resolves.toMatchObject({ code: 'ERR_RELINK_TIMEOUT' })
})

describe.each(compilers)('an interrupt (%s)', (compiler) => {
  test('ends the suspended calls of its store when they would go on, and no later ones', async () => {
    const { waiting, wait } = waiter()
    const [store, other] = [new Store(), new Store()]
    const { exports } = await instanceWith({ wait }, { store, onTrap: 'recycle' }, compiler)
    const theirs = promising((await instanceWith({ wait }, { store: other }, compiler)).exports.once)(1)
    const before = promising(exports.once)(2)
    const interrupter = store.interrupter()
    const [after, rejected] = [promising(exports.once)(3), promising(exports.twice)(4)]
    expect(interrupter.interrupt('mine')).toBe(true)
    const later = promising(exports.once)(5)
    waiting[4]!.resolve(50)
    await expect(later).resolves.toBe(51)
    waiting[0]!.resolve(10)
    await expect(theirs).resolves.toBe(11)
    waiting[3]!.reject(new Error('aborted'))
    const expected = { code: 'ERR_RELINK_INTERRUPTED', reason: 'mine', recycled: true }
    await expect(rejectionOf(rejected)).resolves.toMatchObject(expected)
    // The others were suspended in the instance that was recycled.
    for (const index of [1, 2]) waiting[index]!.resolve(0)
    for (const call of [before, after]) {
      await expect(rejectionOf(call)).resolves.toMatchObject({ code: 'ERR_RELINK_SUSPEND' })
    }
    expect(exports.now()).toBe(7)
  })

  test('ends a loop that is suspended again and again', async () => {
    const text = `(module (import "env" "wait" (func $wait (param i32) (result i32)))
      (func (export "spin") (loop (drop (call $wait (i32.const 0))) (br 0))))`
    const store = new Store()
    let calls = 0
    const wait = new Suspending(async () => {
      // Ends the loop in any case, so that the test fails if the interrupt does nothing.
      if (++calls > 100) throw new Error('goes on')
      await turns()
      if (calls === 10) store.interrupter().interrupt('enough')
    })
    const { exports } = await instanceWith({ wait }, { store }, compiler, text)
    const spin = promising(exports.spin as never) as unknown as () => Promise<void>
    await expect(rejectionOf(spin())).resolves.toMatchObject({ code: 'ERR_RELINK_INTERRUPTED', reason: 'enough' })
    expect(calls).toBe(10)
  })
})

test('promises that are never settled keep nothing', async () => {
  const store = new Store()
  const before = store.stats().instances
  const begin = async () => {
    const { exports } = await instanceWith({ wait: new Suspending(() => new Promise(() => {})) }, { store })
    void promising(exports.once)(1)
  }
  for (let index = 0; index < 20; index++) await begin()
  for (let round = 0; round < 8 && store.stats().instances > before; round++) {
    await collectGarbage()
    store.collect()
  }
  expect(store.stats().instances).toBe(before)
})

test('calls from within calls: wasm, JavaScript, wasm, each with its own promise', async () => {
  const { waiting, wait } = waiter()
  const inner = await instanceWith({ wait })
  const results: Promise<unknown>[] = []
  const text = `(module (import "env" "f" (func $f (param i32) (result i32)))
    (import "env" "wait" (func $wait (param i32) (result i32)))
    (func (export "run") (param i32) (result i32) (i32.add (call $f (local.get 0)) (call $wait (local.get 0)))))`
  const f = (x: number) => results.push(promising(inner.exports.twice)(x))
  const { exports } = await instanceWith({ f, wait }, {}, undefined, text)
  const run = promising(exports.run as never) as unknown as (x: number) => Promise<number>
  const outer = [run(10), run(20)]
  for (let step = 0; step < 3; step++) {
    for (const { resolve, argument } of waiting.splice(0).toReversed()) resolve(argument)
    await turns()
  }
  await expect(Promise.all(outer)).resolves.toEqual([11, 22])
  await expect(Promise.all(results)).resolves.toEqual([-90, -80])
})

test('a table of this package takes no function of `promising`', async () => {
  const { exports } = await instanceWith({ wait: () => 0 })
  const table = new Table({ element: 'anyfunc', initial: 1 })
  expect(thrownBy(() => table.set(0, promising(exports.once) as never))).toMatchObject({ name: 'TypeError' })
})

test('calls that are suspended in an instance that begins again do not go on', async () => {
  const { waiting, wait } = waiter()
  const { exports } = await instanceWith({ wait }, { onTrap: 'recycle' })
  const [other, traps] = [promising(exports.once)(1), promising(exports.divide)(0)]
  waiting[1]!.resolve(0)
  await expect(rejectionOf(traps)).resolves.toMatchObject({ code: 'ERR_RELINK_TRAP' })
  waiting[0]!.resolve(1)
  await expect(rejectionOf(other)).resolves.toMatchObject({ code: 'ERR_RELINK_SUSPEND' })
  const again = promising(exports.once)(5)
  waiting[2]!.resolve(6)
  await expect(again).resolves.toBe(7)
})

test('`map` makes no promises: it is refused with what to do instead', async () => {
  const { wait } = waiter()
  const { exports } = await instanceWith({ wait })
  const error = thrownBy(() => (promising(exports.once) as any).map(Int32Array.of(1)))
  expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_RELINK_UNSUPPORTED' })
  expect(error.message).toContain('Promise.all')
  expect(thrownBy(() => (exports.once as any).map(Int32Array.of(1)))).toMatchObject({ code: 'ERR_RELINK_SUSPEND' })
  expect(exports.now()).toBe(7)
})
