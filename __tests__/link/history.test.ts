// Commits: the three forms of `relink`, the history, undo in any order, rollback and hooks.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Instance, Module, Store, link, relink } from '../..'
import { declaring, rejectionOf, thrownBy, wat } from '../support'
import { collectGarbage } from '../support/collecting'

const functions = (step: number) =>
  [
    { name: 'a::f', call: 'f', step },
    { name: 'a::g', call: 'g', step: 2 * step },
  ] as const

async function setUp(options = {}) {
  const store = new Store(options)
  const make = async (step: number, more: any[] = []) =>
    new Instance(new Module(await declaring(...functions(step), ...more)), {}, { store })
  const [v1, v2, v3] = [await make(1), await make(10), await make(100)]
  const answers = () => [v1.exports.f(0), v1.exports.g(0)]
  return { store, make, v1, v2, v3, answers }
}

describe('the forms of relink', () => {
  test('an object and an instance', async () => {
    const { v1, v2, answers } = await setUp()
    const change = relink({ 'a::f': v2.slot('a::f').original, 'a::g': (x: number) => x + 7 }, v1)
    expect(answers()).toEqual([10, 7])
    expect(change.links.map(({ slot }) => slot.name)).toEqual(['a::f', 'a::g'])
    change.undo()
    expect(answers()).toEqual([1, 2])
  })

  test('two instances: all slots of the same name and type', async () => {
    const { v1, v2, answers } = await setUp()
    const change = relink(v1, v2)
    expect(answers()).toEqual([10, 20])
    expect(change.skipped).toEqual([])
    expect(v2.exports.f(0)).toBe(10)
  })

  test('slots that do not match are skipped, and refused with `strict`', async () => {
    const { store, v1, answers } = await setUp()
    const other = new Instance(
      new Module(
        await declaring({ name: 'a::f', call: 'f', step: 5 }, { name: 'a::g', call: 'g', step: 6, type: 'u32' }),
      ),
      {},
      { store },
    )
    const strict = thrownBy(() => relink(v1, other, { strict: true }))
    expect(strict).toMatchObject({ code: 'ERR_RELINK_REFUSED', refusals: [{ slot: 'a::g', code: 'ERR_RELINK_ABI' }] })
    expect(answers()).toEqual([1, 2])
    expect(relink(v1, other).skipped).toMatchObject([{ slot: 'a::g', code: 'ERR_RELINK_ABI' }])
    expect(answers()).toEqual([5, 6])
    const { v1: stranger } = await setUp()
    expect(thrownBy(() => relink(v1, stranger))).toMatchObject({ code: 'ERR_RELINK_REFUSED' })
  })

  test('a refusal names every change that cannot be made', async () => {
    const { store, v1, v2, answers } = await setUp()
    const error = thrownBy(() =>
      relink({ 'a::g': () => 1, typo: v2.slot('a::f').original, 'a::f': 5 as any, call: () => 1 }, v1),
    )
    expect(error.refusals.map(({ slot, code }: any) => [slot, code])).toEqual([
      ['typo', 'ERR_RELINK_UNKNOWN_SLOT'],
      ['a::f', 'ERR_INVALID_ARG_TYPE'],
      ['call', 'ERR_RELINK_UNKNOWN_SLOT'],
    ])
    const g = [v2.slot('a::g').original, v1.slot('a::g')] as const
    const twice = thrownBy(() => relink([g, [v2.slot('a::f').original, v1.slot('a::f')], g]))
    expect(twice.refusals).toMatchObject([{ index: 2, slot: 'a::g', code: 'ERR_RELINK_DUPLICATE' }])
    expect(answers()).toEqual([1, 2])
    expect(store.history).toEqual([])
  })

  test('an Instance of Node’s own, and objects without implementations, are refused', async () => {
    const { v1, v2, answers } = await setUp()
    const own = (globalThis as any).WebAssembly
    const module = new own.Module(await wat('(module)'))
    for (const wrong of [new own.Instance(module), module, v1.slot('a::f'), new Date()]) {
      expect(thrownBy(() => relink(wrong, v2))).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    }
    const error = thrownBy(() => relink(new own.Instance(module), v2))
    expect(error.message).toContain("an Instance made by Node's WebAssembly, not by wasm-relink")
    const odd = Object.create(null)
    expect(thrownBy(() => relink(v1, v2, { check: () => odd }))).toMatchObject({ code: 'ERR_RELINK_VETO', reason: odd })
    expect(answers()).toEqual([1, 2])
  })

  test('other arguments are refused', async () => {
    const { v1, v2 } = await setUp()
    for (const args of [[{}], [null], [v1], [v1, {}], [{ f: () => 1 }, null], [5, v1]]) {
      expect(thrownBy(() => (relink as any)(...args)).code).toBe('ERR_INVALID_ARG_TYPE')
    }
    expect(thrownBy(() => relink(v1, v2, { strct: true } as any)).code).toBe('ERR_INVALID_ARG_VALUE')
  })
})

describe('the history', () => {
  test('has each commit, with its slots before and after', async () => {
    const { store, v1, v2 } = await setUp()
    const before = Date.now()
    const change = relink(v1, v2, { label: 'v2', by: 'ci' })
    const replaced = link(function nine() {
      return 9
    }, v1.slot('a::f'))
    expect(store.history).toEqual([change, replaced.commit])
    expect(store.history[0]).toBe(change)
    expect(change).toMatchObject({ label: 'v2', by: 'ci', undone: false })
    expect(change.time >= new Date(before) && change.time <= new Date()).toBe(true)
    expect(replaced.commit.time >= new Date(before) && replaced.commit.time <= new Date()).toBe(true)
    const { slots } = change
    expect(slots[0]!.before!.hash).toMatch(/^[0-9a-f]{64}$/)
    expect(slots[0]!.before!.hash).not.toBe(slots[0]!.after!.hash)
    expect(replaced.commit.slots).toMatchObject([{ slot: 'a::f', after: { function: 'nine' } }])
    expect(replaced.commit.slots[0]!.before).toEqual(slots[0]!.after)
    expect(store.links().map(({ slot, commit }) => [slot.name, commit?.id])).toEqual([
      ['a::f', replaced.commit.id],
      ['a::g', change.id],
      ['f', change.id],
      ['g', change.id],
    ])
    expect(v1.slot('a::f').history.map(({ id, undone }) => [id, undone])).toEqual([
      [change.id, false],
      [replaced.commit.id, false],
    ])
    v2.close()
    expect(change.slots).toEqual(slots)
  })

  test('links() names an import whose original is of another instance, also when nothing else holds the slot', async () => {
    const store = new Store()
    const make = async (text: string, imports = {}) => new Instance(new Module(await wat(text)), imports, { store })
    // Both have a slot "env.f": that of the importing one is linked.
    const other = await make(
      `(module (import "env" "f" (func (result i32))) (func (export "f") (result i32) i32.const 1))`,
      { env: { f: () => 0 } },
    )
    const plain = await make('(module (func (export "f") (result i32) i32.const 1))')
    for (const { exports } of [other, plain]) {
      const importing = await make(
        '(module (import "env" "f" (func $f (result i32))) (func (export "call") (result i32) call $f))',
        { env: exports },
      )
      let id: number
      // The slot's wrapper may be collected.
      ;(() => (id = relink({ 'env.f': () => 5 }, importing).id))()
      await collectGarbage()
      const [found, ...more] = store.links()
      expect([found!.slot === importing.slot('env.f'), found!.slot.name, more]).toEqual([true, 'env.f', []])
      expect([found!.implementation!(), importing.exports.call()]).toEqual([5, 5])
      expect(found!.commit === undefined || found!.commit.id === id!).toBe(true)
      found!.slot.reset()
      expect([importing.exports.call(), store.links()]).toEqual([1, []])
    }
  })

  test('is bounded, and keeps no old instance alive', async () => {
    const { store, v1, make } = await setUp({ historyLimit: 3 })
    for (let step = 1; step < 20; step++) link((await make(step)).slot('a::f').original, v1.slot('a::f'))
    expect(store.history.length).toBe(3)
    expect(store.historyLimit).toBe(3)
    expect(new Store({ historyLimit: 0 }).history).toEqual([])
    for (const historyLimit of [-1, 1.5, NaN, 1e9]) {
      expect(thrownBy(() => new Store({ historyLimit })).code).toBe('ERR_OUT_OF_RANGE')
    }
    expect(thrownBy(() => new Store({ historyLimit: '3' as any })).code).toBe('ERR_INVALID_ARG_TYPE')
  })

  test('undo in another order is refused by name', async () => {
    const { v1, v2, v3, answers } = await setUp()
    const { f, g } = { f: v2.slot('a::f').original, g: v2.slot('a::g').original }
    const first = relink({ 'a::f': f, 'a::g': g }, v1)
    const second = relink({ 'a::f': v3.slot('a::f').original }, v1, { label: 'third' })
    const error = thrownBy(() => first.undo())
    expect(error).toMatchObject({ code: 'ERR_RELINK_ORDER', slot: 'a::f', commits: [second.id] })
    expect(error.message).toMatch(/third/)
    expect(answers()).toEqual([100, 20])
    second.undo()
    first.undo()
    expect(answers()).toEqual([1, 2])
    expect([first.undone, second.undone]).toEqual([true, true])
  })

  test('rollback returns to just after a commit', async () => {
    const { store, v1, v2, v3, answers } = await setUp({ historyLimit: 10 })
    const first = relink(v1, v2)
    const f = link(v3.slot('a::f').original, v1.slot('a::f'))
    link(v3.slot('a::g').original, v1.slot('a::g')).undo()
    const last = relink(v1, v3)
    expect(store.rollback(first.id).map(({ id }) => id)).toEqual([f.commit.id, last.id])
    expect(answers()).toEqual([10, 20])
    expect(store.rollback(first.id)).toEqual([])
    expect(store.rollback(0)).toEqual([first])
    expect(answers()).toEqual([1, 2])
    expect(thrownBy(() => last.undo()).code).toBe('ERR_RELINK_UNDONE')
  })

  test('rollback is refused where the state is lost', async () => {
    const { store, v1, v2, v3, answers } = await setUp({ historyLimit: 3 })
    const first = link(v2.slot('a::f').original, v1.slot('a::f'))
    const second = link(v2.slot('a::g').original, v1.slot('a::g'))
    first.undo()
    const error = thrownBy(() => store.rollback(second.commit.id))
    expect(error).toMatchObject({ code: 'ERR_RELINK_UNDONE', commits: [first.commit.id] })
    v1.slot('a::g').reset()
    expect(second.commit.undone).toBe(true)
    expect(answers()).toEqual([1, 2])
    relink(v1, v3)
    relink(v1, v2)
    const unknown = thrownBy(() => store.rollback(0))
    expect(unknown).toMatchObject({ code: 'ERR_RELINK_UNKNOWN_COMMIT', commit: 0 })
    expect(thrownBy(() => store.rollback(1e9)).code).toBe('ERR_RELINK_UNKNOWN_COMMIT')
    expect(thrownBy(() => store.rollback('1' as any)).code).toBe('ERR_INVALID_ARG_TYPE')
    expect(answers()).toEqual([10, 20])
  })

  test('a label of a megabyte is refused', async () => {
    const { store, v1, v2, answers } = await setUp()
    for (const options of [{ label: 'x'.repeat(1 << 20) }, { by: 'x'.repeat(1 << 20) }]) {
      expect(thrownBy(() => relink(v1, v2, options))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
      expect(thrownBy(() => link(v2.slot('a::f').original, v1.slot('a::f'), options)).code).toBe('ERR_OUT_OF_RANGE')
    }
    expect(thrownBy(() => relink(v1, v2, { label: 5 as any })).code).toBe('ERR_INVALID_ARG_TYPE')
    expect([answers(), store.history]).toEqual([[1, 2], []])
  })
})

describe('hooks', () => {
  test('check may veto, at once or later', async () => {
    const { v1, v2, answers } = await setUp()
    const seen: any[] = []
    const error = thrownBy(() =>
      relink(v1, v2, {
        label: 'second',
        check(plan) {
          seen.push(plan)
          return 'not today'
        },
      }),
    )
    expect(error).toMatchObject({ code: 'ERR_RELINK_VETO', reason: 'not today' })
    expect(seen[0]).toMatchObject({ label: 'second' })
    const declared = seen[0].changes.slice(0, 2)
    expect(declared.map(({ slot, before, after }: any) => [slot.name, before, after])).toEqual([
      ['a::f', v1.slot('a::f').original, v2.slot('a::f').original],
      ['a::g', v1.slot('a::g').original, v2.slot('a::g').original],
    ])
    const late = await rejectionOf(relink(v1, v2, { check: async () => false }))
    expect(late.code).toBe('ERR_RELINK_VETO')
    const thrown = new Error('mine')
    expect(
      await rejectionOf(
        relink(v1, v2, {
          async check() {
            throw thrown
          },
        }),
      ),
    ).toBe(thrown)
    expect(answers()).toEqual([1, 2])
    const change = await relink(v1, v2, { check: async () => true })
    expect(answers()).toEqual([10, 20])
    change.undo()
  })

  test('migrate gets each pair of instances once, before the switch', async () => {
    const { v1, v2, v3, answers } = await setUp()
    const pairs: unknown[] = []
    const migrate = (previous: Instance, next: Instance) => {
      pairs.push([previous, next, answers()])
    }
    relink(v1, v2, { migrate })
    relink(v1, v3, { migrate })
    expect(pairs).toEqual([
      [v1, v2, [1, 2]],
      [v2, v3, [10, 20]],
    ])
    const thrown = new Error('mine')
    const failing = () =>
      relink(v1, v2, {
        migrate() {
          throw thrown
        },
      })
    expect(thrownBy(failing)).toBe(thrown)
    expect(answers()).toEqual([100, 200])
  })

  test('a hook cannot change slots, and what changed meanwhile refuses the commit', async () => {
    const { store, v1, v2, v3, answers } = await setUp()
    const inHook = (run: () => unknown) => thrownBy(() => relink(v1, v2, { check: () => void run() })).code
    const made = link(v3.slot('a::f').original, v1.slot('a::f'))
    for (const run of [
      () => relink(v1, v3),
      () => link(v3.slot('a::f').original, v1.slot('a::f')),
      () => made.undo(),
      () => made.commit.undo(),
      () => v1.slot('a::f').reset(),
      () => store.rollback(0),
    ]) {
      expect(inHook(run)).toBe('ERR_RELINK_REENTRANT')
    }
    expect(answers()).toEqual([100, 2])
    // The same after an `await`, while the rest of the program may change slots.
    const late = async (run: () => unknown) => {
      let go = () => {}
      const check = async () => {
        await new Promise<void>((resolve) => (go = resolve))
        run()
      }
      const refused = rejectionOf(relink(v1, v2, { check }) as Promise<unknown>)
      v2.slot('a::g').reset()
      go()
      return (await refused).code
    }
    for (const run of [
      () => relink(v2, v3),
      () => made.undo(),
      () => store.rollback(0),
      () => v2.slot('a::f').reset(),
    ]) {
      expect(await late(run)).toBe('ERR_RELINK_REENTRANT')
    }
    // A hook of another store's commit, inside of a hook of this one's.
    const { v1: other, v2: otherNext } = await setUp()
    const nested = () => relink(other, otherNext, { check: () => made.undo() })
    expect(thrownBy(() => relink(v1, v2, { check: nested as never })).code).toBe('ERR_RELINK_REENTRANT')
    // Code that a hook has begun may change slots when the hook has ended.
    let after: Promise<unknown>
    const check = () => {
      after = Promise.resolve().then(() => link(v3.slot('a::g').original, v1.slot('a::g')).undo())
    }
    relink([[v2.slot('a::g').original, v1.slot('a::g')]], { check }).undo()
    await after!
    expect(answers()).toEqual([100, 2])
    const pending = relink(v1, v2, { check: async () => {} })
    made.undo()
    expect(await rejectionOf(pending)).toMatchObject({ code: 'ERR_RELINK_CHANGED', slot: 'a::f' })
    const closing = relink(v1, v2, { check: async () => {} })
    v2.close()
    expect((await rejectionOf(closing)).code).toBe('ERR_RELINK_REFUSED')
    expect(answers()).toEqual([1, 2])
  })

  test('a change that is refused anyway runs no hook', async () => {
    const { v1, v2 } = await setUp()
    v2.close()
    let ran = false
    thrownBy(() =>
      relink(
        [
          [() => 1, v1.slot('a::f')],
          [5 as any, v1.slot('a::g')],
        ],
        { check: () => void (ran = true) },
      ),
    )
    expect(ran).toBe(false)
  })
})

test('events say what was done', async () => {
  const { store, v1, v2 } = await setUp()
  const events: any[] = []
  const names = ['link', 'relink', 'undo', 'rollback'].map((name) => `wasm-relink:${name}`)
  const listen = (message: any, name: any) => void events.push([name, message])
  for (const name of names) subscribe(name, listen)
  const change = relink(v1, v2, { label: 'v2' })
  const one = link(v2.slot('a::g').original, v1.slot('a::f'), { by: 'me' })
  one.undo()
  v1.slot('a::g').reset()
  store.rollback(0)
  for (const name of names) unsubscribe(name, listen)
  link(v2.slot('a::g').original, v1.slot('a::f'))
  expect(events.map(([name]) => name)).toEqual(
    ['relink', 'link', 'undo', 'undo', 'rollback'].map((name) => `wasm-relink:${name}`),
  )
  expect(events[0][1]).toMatchObject({ id: change.id, label: 'v2', commit: change })
  expect(events[1][1]).toMatchObject({ by: 'me', link: one })
  expect(events[2][1]).toMatchObject({ id: one.commit.id, reason: 'undo', undone: ['a::f'] })
  expect(events[3][1]).toMatchObject({ reason: 'reset', undone: ['a::g'] })
  expect(events[4][1]).toMatchObject({ id: 0, undone: [change.id] })
})
