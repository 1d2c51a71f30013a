// Watching a manifest: a store is at the newest version of the document and of the files of its modules.
import { createHash } from 'node:crypto'
import { appendFileSync, mkdtempSync, realpathSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  type Manifest,
  type ManifestReloadEvent,
  type ManifestWatcher,
  Store,
  type WatchManifestOptions,
  watch,
} from '../..'
import { rejectionOf, wat } from '../support'

const plugin = (number: number) =>
  wat(
    `(module (func $f (export "f") (result i32) (i32.const ${number})) (func (export "call") (result i32) (call $f)))`,
  )

let folder: string
let path: string
let store: Store
let watcher: ManifestWatcher | undefined
/** Events and errors, in order, and who waits for the next one. */
let happened: ({ event: ManifestReloadEvent } | { error: any; stage: string; file: string | undefined })[]
let wake: () => void

beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'wasm-relink-watch-manifest-')))
  path = join(folder, 'release.json')
  store = new Store({ historyLimit: 10 })
  happened = []
  wake = () => {}
})
afterEach(() => {
  watcher?.close()
  store.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Writes a module, and returns its entry of a manifest. */
async function moduleOf(name: string, number: number) {
  const bytes = await plugin(number)
  writeFileSync(join(folder, name), bytes)
  return { file: name, sha256: createHash('sha256').update(bytes).digest('hex') }
}

const linked = [{ module: 'main', slot: 'f', from: 'next', function: 'f' }]

async function manifestOf(next: number, links = linked): Promise<Manifest> {
  return {
    version: 1,
    modules: { main: await moduleOf('main.wasm', 1), next: await moduleOf('next.wasm', next) },
    links,
  }
}

const write = (manifest: unknown) => writeFileSync(path, JSON.stringify(manifest))

async function begin(options: WatchManifestOptions = {}, manifest: any = path): Promise<ManifestWatcher> {
  return (watcher = await watch(manifest, {
    store,
    settle: 20,
    onReload: (event: ManifestReloadEvent) => (happened.push({ event }), wake()),
    onError: (error: any, problem: any) => (happened.push({ error, ...problem }), wake()),
    ...options,
  }))
}

/** Waits for the next event or error. */
async function next(): Promise<any> {
  while (happened.length === 0) await new Promise<void>((resolve) => (wake = resolve))
  return happened.shift()
}

const called = () => watcher!.instances['main']!.exports['call']()

test('a new state of the manifest is applied in one commit, which can be undone', async () => {
  write(await manifestOf(2, []))
  await begin({ by: 'watch' })
  expect([called(), watcher!.file, watcher!.instance]).toEqual([1, path, undefined])
  write({ ...(await manifestOf(2)), label: 'second' })
  const { event } = await next()
  expect(event).toMatchObject({ file: path, changed: true, linked, loaded: [], unlinked: [] })
  expect(event.change).toMatchObject({ label: 'second', by: 'watch' })
  expect(event.duration).toBeGreaterThan(0)
  expect([called(), event.instances]).toEqual([2, watcher!.instances])
  event.change.undo()
  expect(called()).toBe(1)
})

test('a rebuilt module is refused until the manifest has its hash', async () => {
  write(await manifestOf(2))
  await begin()
  const rebuilt = await manifestOf(3)
  expect(await next()).toMatchObject({ stage: 'apply', file: path, error: { code: 'ERR_RELINK_MANIFEST' } })
  expect(called()).toBe(2)
  write(rebuilt)
  expect((await next()).event).toMatchObject({ loaded: ['next'], linked })
  expect(called()).toBe(3)
})

test('a manifest that comes before its module waits for that', async () => {
  write(await manifestOf(2))
  await begin()
  const bytes = await plugin(4)
  const later = { file: 'later.wasm', sha256: createHash('sha256').update(bytes).digest('hex') }
  const manifest = await manifestOf(2)
  write({ ...manifest, modules: { ...manifest.modules, next: later } })
  expect(await next()).toMatchObject({ stage: 'apply', error: { path: '$.modules.next.file' } })
  writeFileSync(join(folder, 'later.wasm'), bytes.subarray(0, 30))
  expect(await next()).toMatchObject({ stage: 'apply', error: { path: '$.modules.next.sha256' } })
  expect(called()).toBe(2)
  appendFileSync(join(folder, 'later.wasm'), bytes.subarray(30))
  expect(await next()).toHaveProperty('event')
  expect(called()).toBe(4)
})

test('a half-written manifest changes nothing and is reported once; the rest of it is then seen', async () => {
  const [first, second] = [await manifestOf(2, []), JSON.stringify(await manifestOf(2))]
  write(first)
  await begin()
  writeFileSync(path, second.slice(0, 50))
  expect(await next()).toMatchObject({ stage: 'apply', error: { code: 'ERR_RELINK_MANIFEST', path: '$' } })
  expect(called()).toBe(1)
  appendFileSync(path, second.slice(50))
  expect(await next()).toHaveProperty('event')
  expect([called(), happened]).toEqual([2, []])
})

test('a manifest that goes away changes nothing, and is seen when it is replaced', async () => {
  write(await manifestOf(2, []))
  await begin({}, pathToFileURL(path))
  unlinkSync(path)
  const manifest = await manifestOf(2)
  writeFileSync(`${path}.new`, JSON.stringify(manifest))
  renameSync(`${path}.new`, path)
  expect(await next()).toHaveProperty('event')
  expect(called()).toBe(2)
})

test('the hooks of the options refuse, and a reload that changes nothing says nothing', async () => {
  write(await manifestOf(2, []))
  let verdict: string | undefined = 'not today'
  await begin({ check: async () => verdict })
  write(await manifestOf(2))
  expect(await next()).toMatchObject({ stage: 'apply', error: { code: 'ERR_RELINK_VETO', reason: 'not today' } })
  expect([called(), store.links()]).toEqual([1, []])
  verdict = undefined
  await watcher!.reload()
  expect(await next()).toHaveProperty('event')
  await watcher!.reload()
  expect([called(), happened]).toEqual([2, []])
})

test('a trial that takes the commit back is waited for', async () => {
  write(await manifestOf(2, []))
  await begin({ trial: { calls: 1, for: '1h' } })
  write(await manifestOf(2))
  const { event } = await next()
  const again = watcher!.reload()
  expect(called()).toBe(2)
  expect(await event.change.settled).toMatchObject({ outcome: 'kept' })
  await again
  expect(happened).toEqual([])
})

test('a manifest as an object watches the files of its modules', async () => {
  const manifest = await manifestOf(2)
  await begin({ base: folder }, manifest)
  expect([called(), watcher!.file]).toEqual([2, undefined])
  writeFileSync(join(folder, 'next.wasm'), 'no module')
  expect(await next()).toMatchObject({ stage: 'apply', file: undefined, error: { path: '$.modules.next.sha256' } })
  expect(called()).toBe(2)
})

test('a first state that cannot be applied, wrong options and closed stores are refused', async () => {
  write({ version: 1, modules: {}, lnks: [] })
  expect(await rejectionOf(begin())).toMatchObject({ code: 'ERR_RELINK_MANIFEST', path: '$.lnks' })
  write(await manifestOf(2))
  for (const wrong of [
    { strict: true },
    { instance: {} },
    { load: {} },
    { store: {} },
    { type: 'call-site' },
    { settle: 0 },
  ]) {
    expect(await rejectionOf(begin(wrong as any))).toMatchObject({
      code: expect.stringMatching(/^ERR_(INVALID_ARG|OUT_OF)/),
    })
  }
  expect([store.links(), happened]).toEqual([[], []])
  await begin()
  store.close()
  await watcher!.reload()
  expect(watcher!.closed).toBe(true)
})
