// Trials: commits that take themselves back.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type TrialOptions, Instance, Module, Store, link, relink } from '../..'
import { declaring, instanceOf, thrownBy } from '../support'

async function setUp(
  text = '(module (func $next (export "next") (param i32) (result i32) (i32.add (local.get 0) (i32.const 10))))',
) {
  const store = new Store({ historyLimit: 10 })
  const host = new Instance(new Module(await declaring({ name: 'a::f', call: 'f', step: 1 })), {}, { store })
  const next = (await instanceOf(text, {}, { store })).exports.next
  const { f } = host.exports
  return { store, host, next, f, slot: host.slot('a::f') }
}

/** Traps for odd numbers. */
const FRAGILE = `(module (func (export "next") (param i32) (result i32)
  (if (i32.and (local.get 0) (i32.const 1)) (then unreachable)) (local.get 0)))`

test('a good commit is kept, and the implementation itself stands in the slot', async () => {
  const { store, host, next, f, slot } = await setUp()
  const change = relink({ 'a::f': next }, host, { trial: { calls: 3 } })
  expect([f(1), f(2), slot.current === next]).toEqual([11, 12, false])
  expect([f(3), slot.current]).toEqual([13, next])
  expect(await change.settled).toMatchObject({ outcome: 'kept', reason: 'calls', calls: 3, traps: 0 })
  expect(store.history).toEqual([change])
  expect(store.links()[0]!.commit).toBe(change)
  expect(change.slots[0]!.after!.function).toBe('next')
  change.undo()
  expect([f(1), slot.linked]).toEqual([2, false])
})

test('a commit whose implementation traps takes itself back', async () => {
  const { host, next, f } = await setUp(FRAGILE)
  const events: any[] = []
  const listen = (message: any, name: any) => void events.push([name, message.reason, message.outcome])
  const names = ['wasm-relink:trial', 'wasm-relink:undo']
  for (const name of names) subscribe(name, listen)
  const change = relink({ 'a::f': next }, host, { trial: { calls: 100, maxTraps: 1 } })
  expect([f(2), thrownBy(() => f(1)).code, f(4), thrownBy(() => f(3)).code]).toEqual([
    2,
    'ERR_RELINK_TRAP',
    4,
    'ERR_RELINK_TRAP',
  ])
  expect(f(3)).toBe(4)
  expect(await change.settled).toMatchObject({ outcome: 'undone', reason: 'traps', calls: 4, traps: 2 })
  for (const name of names) unsubscribe(name, listen)
  expect(change.undone).toBe(true)
  expect(events).toEqual([
    ['wasm-relink:trial', 'traps', 'undone'],
    ['wasm-relink:undo', 'trial', undefined],
  ])
})

test('a slow commit takes itself back', async () => {
  const { host, f } = await setUp()
  const slow = (x: number) => {
    const end = performance.now() + 5
    while (performance.now() < end);
    return x
  }
  const change = relink({ 'a::f': slow }, host, { trial: { calls: 1000, maxMean: '10us' } })
  for (let call = 0; call < 5; call++) f(1)
  expect(await change.settled).toMatchObject({ outcome: 'undone', reason: 'mean' })
  expect(f(1)).toBe(2)
})

test('a trial ends after its time', async () => {
  const { host, next, slot } = await setUp()
  const change = relink({ 'a::f': next }, host, { trial: { for: '20ms' } })
  expect(await change.settled).toMatchObject({ outcome: 'kept', reason: 'time', calls: 0, mean: 0 })
  expect(slot.current).toBe(next)
})

test('an undo and a later link end it', async () => {
  const { host, next, f, slot } = await setUp(FRAGILE)
  const undone = relink({ 'a::f': next }, host, { trial: { calls: 5 } })
  undone.undo()
  expect(await undone.settled).toMatchObject({ outcome: 'undone', reason: 'undo' })
  const below = relink({ 'a::f': next }, host, { trial: { calls: 5 } })
  const counting = slot.current!
  const above = link((x: number) => counting(x), slot)
  expect(thrownBy(() => f(1)).code).toBe('ERR_RELINK_TRAP')
  const { outcome, error } = (await below.settled)!
  expect([outcome, (error as any).code]).toEqual(['blocked', 'ERR_RELINK_ORDER'])
  above.undo()
  expect(f(2)).toBe(2)
  below.undo()
  expect(f(2)).toBe(3)
})

test.each(['the instance', 'the store', 'the instance during a call'])('it ends when %s is closed', async (what) => {
  const { store, host, f } = await setUp()
  const results: any[] = []
  const listen = (message: any) => void results.push(message.reason)
  subscribe('wasm-relink:trial', listen)
  const close = () => (what === 'the store' ? store.close() : host.close())
  const next = (x: number) => {
    if (what.endsWith('call')) close()
    return x
  }
  const change = relink({ 'a::f': next }, host, { trial: { calls: 3 } })
  f(1)
  close()
  const counted = what.endsWith('call') ? 0 : 1
  expect(await change.settled).toMatchObject({ outcome: 'undone', reason: 'closed', calls: counted })
  unsubscribe('wasm-relink:trial', listen)
  expect(results).toEqual(['closed'])
})

test('types are checked, and bad options refused, before anything changes', async () => {
  const { host, f } = await setUp()
  const wrong = (await instanceOf('(module (func (export "next") (param i64)))')).exports.next
  expect(thrownBy(() => relink({ 'a::f': wrong }, host, { trial: { calls: 1 } })).code).toBe('ERR_RELINK_REFUSED')
  const refused = (trial: TrialOptions) => thrownBy(() => relink({ 'a::f': (x: number) => x }, host, { trial })).code
  expect(refused({})).toBe('ERR_INVALID_ARG_VALUE')
  expect(refused({ call: 5 } as any)).toBe('ERR_INVALID_ARG_VALUE')
  for (const trial of [{ calls: 0 }, { calls: 1.5 }, { for: 0 }, { for: '1000h' }, { calls: 1, maxTraps: -1 }]) {
    expect(refused(trial)).toBe('ERR_OUT_OF_RANGE')
  }
  for (const trial of [{ calls: '5' as any }, { for: 'soon' }, { calls: 1, maxMean: '5 fortnights' }]) {
    expect(refused(trial)).toBe('ERR_INVALID_ARG_TYPE')
  }
  expect(f(1)).toBe(2)
})
