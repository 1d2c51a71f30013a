// Events of traps, timeouts, loads, tier-ups and collections. Those of commits: history.test.ts.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Store, load } from '../..'
import { guestPath, instanceOf, thrownBy } from '../support'

/** The messages of a channel while `run` runs, and until the events that it causes have come. */
async function messagesOf(name: string, run: () => unknown) {
  const messages: any[] = []
  const listen = (message: unknown) => void messages.push(message)
  subscribe(`wasm-relink:${name}`, listen)
  await run()
  await new Promise((resolve) => setImmediate(resolve))
  unsubscribe(`wasm-relink:${name}`, listen)
  return messages
}

test('a trap', async () => {
  const { exports } = await instanceOf('(module (func (export "f") unreachable))')
  const errors: unknown[] = []
  const messages = await messagesOf('trap', () => errors.push(thrownBy(() => exports.f())))
  expect(messages).toMatchObject([{ code: 'ERR_RELINK_TRAP', trap: 'unreachable' }])
  expect(messages[0].error).toBe(errors[0])
})

const interruptible = process.platform === 'linux' && process.arch === 'x64'

test('a timeout', async () => {
  if (!interruptible) return
  const store = new Store({ timeout: 20 })
  const { exports } = await instanceOf('(module (func (export "f") (loop (br 0))))', {}, { store })
  const messages = await messagesOf('timeout', () => thrownBy(() => exports.f()))
  expect(messages).toMatchObject([{ code: 'ERR_RELINK_TIMEOUT', timeout: 20 }])
})

test('a load, and a tier-up', async () => {
  const store = new Store()
  const file = guestPath('pricing')
  let instance: unknown
  const [loaded] = await messagesOf('load', async () => (instance = await load(file, {}, { store })))
  expect(loaded).toMatchObject({ file, compiler: 'cranelift' })
  expect(loaded.instance).toBe(instance)
  expect(loaded.hash).toMatch(/^[0-9a-f]{64}$/)
  expect(loaded.duration).toBeGreaterThan(0)
  const tiered = await messagesOf('tier-up', async () => {
    const auto = await load(file, {}, { store, compiler: 'auto', cache: false })
    await auto.optimized
  })
  for (const message of tiered) expect(message).toMatchObject({ file, compiler: 'cranelift', hash: loaded.hash })
})

test('a collection', async () => {
  const store = new Store()
  const messages = await messagesOf('collect', () => store.collect())
  expect(messages).toMatchObject([{ instances: 0 }])
  expect(messages[0].store).toBe(store)
  expect(messages[0].duration).toBeGreaterThanOrEqual(0)
})
