// Calls in flight: the number of calls inside each implementation of a slot, and waiting for the replaced ones.
import { Instance, Module, type Slot, Store, Suspending, link, promising, relink } from '../..'
import { compilers, wat } from '../support'

/** `run` calls `work` twice; `work` calls the import `pause`; `other` calls it directly; `deep` calls `work` after recursion. */
const HOST = `(module (import "env" "pause" (func $pause (param i32)))
  (func $work (export "work") (param i32) (result i32) (call $pause (local.get 0)) (i32.const 1))
  (func (export "run") (param i32) (result i32) (i32.add (call $work (local.get 0)) (call $work (i32.const 0))))
  (func $deep (export "deep") (param i32 i32) (result i32)
    (if (result i32) (local.get 1)
      (then (call $deep (local.get 0) (i32.sub (local.get 1) (i32.const 1))))
      (else (call $work (local.get 0)))))
  (func (export "big") (param i32 i64 f64 f32 i32 externref) (result i32) (call $work (local.get 0)))
  (func (export "other") (param i32) (call $pause (local.get 0))))`

/** Another implementation, which pauses itself. */
const NEXT = `(module (import "env" "pause" (func $pause (param i32)))
  (func (export "work") (param i32) (result i32) (call $pause (local.get 0)) (i32.const 20)))`

/** Checks lists of counts. While calls run, a count may be too great: a frame may have a word of an earlier call. */
function atLeast(seen: number[][], expected: number[][]) {
  expect(seen.map(({ length }) => length)).toEqual(expected.map(({ length }) => length))
  expected.flat().forEach((calls, index) => expect(seen.flat()[index]).toBeGreaterThanOrEqual(calls))
}

const counts = (slot: Slot) => slot.active.map(({ calls }) => calls)

describe.each(compilers)('%s', (compiler) => {
  async function make(pause: (code: number) => unknown, suspending = false) {
    const store = new Store()
    const imports = { env: { pause: suspending ? new Suspending(pause as () => unknown) : pause } } as any
    const instance = async (text: string) => new Instance(new Module(await wat(text), { compiler }), imports, { store })
    const [host, next] = [await instance(HOST), await instance(NEXT)]
    return { store, host, next, slot: host.slot('work'), exports: host.exports as Record<string, any> }
  }

  test('nothing is inside while nothing runs', async () => {
    const { slot, exports, next } = await make(() => {})
    expect(counts(slot)).toEqual([0])
    exports.run!(1)
    link(next.exports.work as any, slot)
    expect(slot.active).toEqual([
      { implementation: next.exports.work, calls: 0 },
      { implementation: slot.original, calls: 0 },
    ])
  })

  test.each(['run', 'deep', 'big'])('a call of %s below an import counts, by implementation', async (name) => {
    const seen: number[][] = []
    let first = true
    const { slot, exports, next } = await make((code) => {
      seen.push(counts(slot))
      if (code !== 7 || !first) return
      first = false
      link(next.exports.work as any, slot)
      seen.push(counts(slot))
      exports.other!(1)
      exports[name]!(2, ...more)
    })
    const more = name === 'deep' ? [5] : name === 'big' ? [1n, 0, 0, 0, {}] : []
    // More imports than calls run before their imports park.
    for (let round = 0; round < 5; round++) exports[name]!(3, ...more)
    seen.length = 0
    exports[name]!(7, ...more)
    const nested =
      name === 'run'
        ? [
            [1, 1],
            [1, 1],
            [1, 0],
          ]
        : [[1, 1]]
    atLeast(seen, [[1], [0, 1], [0, 1], ...nested])
    expect(counts(slot)).toEqual([0, 0])
  })

  test('a call that never was inside does not count', async () => {
    const seen: number[][] = []
    const { slot, exports } = await make((code) => void (code === 5 && seen.push(counts(slot))))
    exports.run!(1)
    for (let round = 0; round < 4; round++) exports.other!(5)
    expect(seen).toEqual([[0], [0], [0], [0]])
  })

  test('an import that is a slot counts while it runs, called from native code and by the JavaScript below', async () => {
    const seen: number[] = []
    const { host, exports } = await make(() => void seen.push(counts(host.slot('env.pause'))[0]!))
    for (let round = 0; round < 5; round++) exports.run!(1)
    expect(seen).toEqual(Array(10).fill(1))
    expect(counts(host.slot('env.pause'))).toEqual([0])
  })

  test('nested calls count each', async () => {
    let depth = 0
    const seen: number[] = []
    const { slot, exports } = await make(() => {
      seen.push(counts(slot)[0]!)
      if (++depth < 12) exports.work!(1)
    })
    exports.work!(1)
    expect(seen).toEqual(Array.from({ length: 12 }, (_, index) => index + 1))
    expect(counts(slot)).toEqual([0])
  })

  test('a JavaScript implementation counts while it runs', async () => {
    const { slot, exports } = await make(() => {})
    const seen: unknown[] = []
    const f = (code: number) => {
      seen.push(slot.active[0])
      return code
    }
    link(f, slot)
    link((code: number) => code, (await make(() => {})).slot)
    exports.run!(1)
    exports.work!(1)
    expect(seen).toEqual(Array.from({ length: 3 }, () => ({ implementation: f, calls: 1 })))
    expect(counts(slot)).toEqual([0, 0])
  })

  test('a call from Node’s own WebAssembly counts', async () => {
    const seen: number[][] = []
    const { slot, exports } = await make(() => void seen.push(counts(slot)))
    const text =
      '(module (import "a" "f" (func $f (param i32) (result i32))) (func (export "g") (result i32) (call $f (i32.const 1))))'
    const own = (globalThis as any).WebAssembly
    const outer = new own.Instance(new own.Module(await wat(text)), { a: { f: exports.work } })
    outer.exports.g()
    expect(seen).toEqual([[1]])
  })

  test('suspended calls count, and `drained` waits for those in replaced implementations only', async () => {
    const ends: (() => void)[] = []
    const pause = () => new Promise<void>((resolve) => void ends.push(resolve))
    const { store, slot, host, next, exports } = await make(pause, true)
    const old = promising(exports.work)(1)
    const other = promising(exports.other)(1)
    expect([counts(slot), store.activeCalls]).toEqual([[1], 2])
    const change = relink({ work: next.exports.work as any }, host)
    const fresh = promising(slot.current as any)(1)
    expect([counts(slot), store.activeCalls]).toEqual([[1, 1], 3])
    let isDrained = false
    const waiting = Promise.all([change.drained(), change.links[0]!.drained()]).then(() => (isDrained = true))
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isDrained).toBe(false)
    ends[0]!()
    expect(await old).toBe(1)
    await waiting
    // The others are suspended still.
    expect([counts(slot), store.activeCalls]).toEqual([[1, 0], 2])
    ends[2]!()
    expect(await fresh).toBe(20)
    change.undo()
    ends[1]!()
    await other
    await change.drained()
    expect([counts(slot), store.activeCalls]).toEqual([[0], 0])
  })
})

test.each(compilers)(
  '`drained` ends though other calls stay suspended, and ends with the last of them at the latest (%s)',
  async (compiler) => {
    const store = new Store()
    const ends: (() => void)[] = []
    const pause = new Suspending(() => new Promise<void>((resolve) => void ends.push(resolve)))
    const module = new Module(await wat(HOST), { compiler })
    const make = () => new Instance(module, { env: { pause } } as any, { store })
    const [host, next] = [make(), make()]
    const { work, other, deep } = host.exports as Record<string, any>
    // Stacks are used again: the calls that stay suspended run where calls of `work` and `deep` have left their return addresses.
    for (let round = 0; round < 4; round++) {
      const used = [promising(deep)(1, 50), promising(work)(1)]
      ends.splice(0).forEach((end) => end())
      await Promise.all(used)
    }
    const staying = [promising(other)(1), promising(other)(1)]
    const change = relink({ work: next.exports.work as any }, host)
    await change.drained()
    expect([store.activeCalls, change.undone]).toEqual([2, false])
    // Instances of one module share code: this call counts for both, and `drained` waits no longer than it lasts.
    const shared = promising(next.exports.work as any)(1)
    const drained = change.drained()
    ends.splice(0).forEach((end) => end())
    await Promise.all([...staying, shared, drained])
    expect(store.activeCalls).toBe(0)
  },
)

test('code that a tier-up has replaced counts as the same function', async () => {
  const store = new Store()
  const seen: number[][] = []
  const module = new Module(await wat(HOST), { compiler: 'auto' })
  const host = new Instance(module, { env: { pause: () => void seen.push(counts(host.slot('work'))) } }, { store })
  const { work } = host.exports as Record<string, any>
  work(1)
  await host.optimized
  work(1)
  expect(seen).toEqual([[1], [1]])
})
