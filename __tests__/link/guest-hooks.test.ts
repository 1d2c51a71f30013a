// Hooks that guests export: a self-test and the hand-over of state; and waiting for calls that run.
import { Instance, Module, Store, link, relink } from '../..'
import { declaring, instanceOf, thrownBy, wat } from '../support'

/** A counter with the exports of `#[relinkable::hand_over]` and `#[relinkable::take_over]`; `verdict` is what take_over returns. */
const counter = (step: number, verdict = '0') => `(module
  (memory (export "memory") 1)
  (data (i32.const 100) "too old")
  (func (export "next") (result i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const ${step})))
    (i32.load (i32.const 0)))
  (func (export "relink:hand_over") (result i64) (i64.const 4))
  (func (export "relink:buffer") (param i32) (result i32) (i32.const 0))
  (func (export "relink:take_over") (result i64) (i64.const ${verdict})))`

const TOO_OLD = `${(100n << 32n) | 7n}`

async function counters(verdict?: string) {
  const store = new Store()
  const make = (text: string) => instanceOf(text, {}, { store })
  const [v1, v2] = [await make(counter(1)), await make(counter(10, verdict))]
  v1.exports.next()
  return { store, v1, v2, next: () => v1.exports.next() }
}

test('state moves from guest to guest before the switch', async () => {
  const { v1, v2, next } = await counters()
  expect(next()).toBe(2)
  const change = relink({ next: v2.exports.next }, v1)
  expect(next()).toBe(12)
  change.undo()
  expect(next()).toBe(3)
  relink({ next: v2.exports.next }, v1, { migrate: false })
  expect(next()).toBe(22)
})

test('a guest may refuse to take over', async () => {
  const { v1, v2, next } = await counters(TOO_OLD)
  const error = thrownBy(() => relink({ next: v2.exports.next }, v1))
  expect(error).toMatchObject({ code: 'ERR_RELINK_VETO', reason: 'too old' })
  expect(error.message).toMatch(/^`relink:take_over` of the new instance says: too old; no change was made$/)
  expect(next()).toBe(2)
})

test.each([
  ['a message', `(i64.const ${TOO_OLD})`, { code: 'ERR_RELINK_VETO', reason: 'too old' }],
  ['bytes outside of the memory', '(i64.const -1)', { code: 'ERR_RELINK_VETO' }],
  ['a trap', 'unreachable', { code: 'ERR_RELINK_TRAP' }],
])('a self-test that fails with %s vetoes', async (_, result, expected) => {
  const store = new Store()
  const host = await instanceOf('(module (func (export "f") (result i32) (i32.const 1)))', {}, { store })
  const text = `(module (memory (export "memory") 1) (data (i32.const 100) "too old")
    (func (export "f") (result i32) (i32.const 2)) (func (export "relink:self_test") (result i64) ${result}))`
  const next = await instanceOf(text, {}, { store })
  expect(thrownBy(() => relink(host, next))).toMatchObject(expected)
  expect(host.exports.f()).toBe(1)
  relink(host, next, { check: false })
  expect(host.exports.f()).toBe(2)
})

test('a guest without the exports is left alone', async () => {
  const { store, v1 } = await counters()
  const bare = await instanceOf('(module (func (export "next") (result i32) (i32.const 7)))', {}, { store })
  relink(v1, bare)
  expect(v1.exports.next()).toBe(7)
})

test('drained resolves when no call of the store runs', async () => {
  const store = new Store()
  let during: () => void = () => {}
  const bytes = await wat(`(module (import "env" "pause" (func $pause))
    (func $work (export "work") (result i32) (call $pause) (i32.const 1))
    (func (export "run") (result i32) (call $work)))`)
  const host = new Instance(new Module(bytes), { env: { pause: () => during() } }, { store })
  const next = new Instance(new Module(await declaring({ name: 'a::f', call: 'f', step: 1 })), {}, { store })
  let isDrained = false
  let change: ReturnType<typeof link> | undefined
  let waiting: Promise<unknown> | undefined
  during = () => {
    expect(store.activeCalls).toBe(1)
    change = link(() => 2, host.slot('work'))
    waiting = change.drained().then(() => (isDrained = true))
    during = () => expect(store.activeCalls).toBe(2)
    expect(host.exports['run']()).toBe(2)
    expect(isDrained).toBe(false)
  }
  expect(host.exports.run()).toBe(1)
  expect([store.activeCalls, isDrained]).toEqual([0, false])
  await waiting
  await change!.drained()
  await store.drained()
  expect(isDrained).toBe(true)
  await relink({ 'a::f': (x: number) => x }, next).drained()
  await relink([]).drained()
})
