// Typed functions and the collector: a server that swaps for months stays flat.
import { Instance, link, Module, Store } from '../..'
import { collect } from '../support/collecting'
import { forwarder } from '../support/typed'

/** Collects until nothing more is freed: an instance lets go of another one only when it is freed itself. */
async function collectAll(store: Store) {
  let [freed, rounds] = [0, 0]
  for (let idle = 0; idle < 3;) {
    const { instances } = await collect(store)
    freed += instances
    idle = instances === 0 ? idle + 1 : 0
    if (++rounds > 50) throw new Error('instances are freed without end')
  }
  return freed
}

const WIT = 'interface i { run: func(text: string) -> string; }'

test('adapters and instances of plugins that were swapped are freed', async () => {
  const store = new Store()
  const module = new Module(await forwarder(WIT))
  const first = new Instance(module, undefined, { store })
  const slot = first.slot('t::run')
  const swap = (text: string) => {
    const next = new Instance(module, undefined, { store })
    link((given: string) => given + text, next.slot('t::run'))
    const change = link(next.exports.run, slot)
    expect(first.exports.run('a')).toBe(`a${text}`)
    if (text.length % 2 === 0) next.close()
    change.undo()
  }
  swap('')
  await collectAll(store)
  const before = store.stats()
  for (let round = 1; round <= 30; round++) swap('x'.repeat(round))
  await collectAll(store)
  const after = store.stats()
  expect(after.freed.instances - before.freed.instances).toBeGreaterThanOrEqual(60)
  for (const kind of ['instances', 'memories', 'codeBytes', 'slots'] as const) expect(after[kind]).toBe(before[kind])
})

test('what stands in a slot lives, and is known by the function that was given', async () => {
  const store = new Store()
  const module = new Module(await forwarder(WIT))
  const first = new Instance(module, undefined, { store })
  const slot = first.slot('t::run')
  const connect = () => {
    const next = new Instance(module, undefined, { store })
    link((text: string) => `${text}!`, next.slot('t::run'))
    link(next.exports.run, slot)
  }
  connect()
  await collectAll(store)
  expect(first.exports.run('a')).toBe('a!')
  expect(slot.current!('b')).toBe('b!')
  slot.reset()
  expect(await collectAll(store)).toBeGreaterThanOrEqual(2)
})

test('a closed instance lets go of its memory', async () => {
  const store = new Store()
  const instance = new Instance(new Module(await forwarder(WIT)), undefined, { store })
  link((text: string) => text, instance.slot('t::run'))
  expect(instance.exports.run('a')).toBe('a')
  instance.close()
  await collectAll(store)
  expect(store.stats()).toMatchObject({ retainedBytes: 0, memories: 0 })
  instance.close()
})

test('late calls that are ignored do nothing', async () => {
  const instance = new Instance(new Module(await forwarder(WIT)))
  instance.close({ lateCalls: 'ignore' })
  expect(instance.exports.run('a')).toBeUndefined()
})
