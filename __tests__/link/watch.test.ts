// Watching a file: an instance runs its newest version.
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Instance, type ReloadEvent, Store, type WatchOptions, type Watcher, load, watch } from '../..'
import { rejectionOf, root, wat } from '../support'

const plugin = (number: number, more = '') =>
  wat(`(module (memory (export "memory") 1) (func (export "f") (result i32) (i32.const ${number})) ${more})`)

let folder: string
let path: string
let store: Store
let watcher: Watcher | undefined
/** Events and errors, in order, and who waits for the next one. */
let happened: ({ event: ReloadEvent } | { error: any; stage: string })[]
let wake: () => void

beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'wasm-relink-watch-')))
  path = join(folder, 'plugin.wasm')
  writeFileSync(path, await plugin(1))
  store = new Store()
  happened = []
  wake = () => {}
})
afterEach(() => {
  watcher?.close()
  store.close()
  rmSync(folder, { recursive: true, force: true })
})

async function begin(options: WatchOptions = {}, file = path): Promise<Instance> {
  watcher = await watch(file, {
    load: { store, cache: false },
    settle: 5,
    onReload: (event) => (happened.push({ event }), wake()),
    onError: (error, { stage }) => (happened.push({ error, stage }), wake()),
    ...options,
  })
  return watcher.instance
}

/** Waits for the next event or error. */
async function next(): Promise<any> {
  while (happened.length === 0) await new Promise<void>((resolve) => (wake = resolve))
  return happened.shift()
}

async function version(number: number, more?: string) {
  writeFileSync(path, await plugin(number, more))
  return next()
}

/** Turns of the event loop, in which a version that no call is in gets closed. */
const turns = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}

test('a reload that is asked for at once tries a broken file once', async () => {
  await begin({ settle: 50 })
  writeFileSync(path, 'not a module')
  await watcher!.reload()
  expect(happened).toMatchObject([{ stage: 'load', error: { code: 'ERR_RELINK_INVALID_WASM' } }])
  await watcher!.reload()
  expect(happened).toHaveLength(2)
})

test('a rebuilt file is relinked, and the version before it can be undone', async () => {
  const instance = await begin({ label: 'build' })
  expect(instance.exports['f']()).toBe(1)
  const { event } = await version(2)
  expect(instance.exports['f']()).toBe(2)
  expect(event).toMatchObject({
    file: path,
    instance,
    previous: instance,
    hash: event.next.slot('f').history[0]?.hash ?? event.hash,
  })
  expect(event.change).toMatchObject({ label: 'build', skipped: [] })
  const { event: second } = await version(3)
  expect([second.previous, instance.exports['f']()]).toEqual([event.next, 3])
  second.change.undo()
  expect(instance.exports['f']()).toBe(2)
  // The version that was undone is closed by the next reload.
  const { event: third } = await version(4)
  expect([third.previous, instance.exports['f']()]).toEqual([event.next, 4])
  await turns()
  expect([event.next.closed, second.next.closed, third.next.closed]).toEqual([false, true, false])
})

const ways: Record<string, (bytes: Uint8Array) => void> = {
  'written in place': (bytes) => writeFileSync(path, bytes),
  'renamed over': (bytes) => {
    writeFileSync(`${path}.tmp`, bytes)
    renameSync(`${path}.tmp`, path)
  },
  'removed and made again': (bytes) => {
    unlinkSync(path)
    writeFileSync(path, bytes)
  },
  'made again with its folder': (bytes) => {
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
    writeFileSync(path, bytes)
  },
  'written with an old time': (bytes) => {
    writeFileSync(path, bytes)
    utimesSync(path, 1, 1)
  },
}

test.each(Object.entries(ways))('a file is seen that is %s', async (_, write) => {
  const instance = await begin()
  for (const number of [2, 3]) {
    write(await plugin(number))
    expect(await next()).toHaveProperty('event')
    expect(instance.exports['f']()).toBe(number)
  }
})

test('a file is seen through symbolic links that change, as in a deployment', async () => {
  for (const number of [1, 2]) {
    mkdirSync(join(folder, `release-${number}`))
    writeFileSync(join(folder, `release-${number}`, 'plugin.wasm'), await plugin(number))
  }
  const current = join(folder, 'current')
  symlinkSync('release-1', current)
  const instance = await begin({}, pathToFileURL(join(current, 'plugin.wasm')) as any)
  symlinkSync('release-2', `${current}.new`)
  renameSync(`${current}.new`, current)
  expect(await next()).toHaveProperty('event')
  expect(instance.exports['f']()).toBe(2)
  writeFileSync(join(folder, 'release-2', 'plugin.wasm'), await plugin(3))
  expect(await next()).toHaveProperty('event')
  expect(instance.exports['f']()).toBe(3)
})

test('a broken or half-written file changes nothing, and is reported; the rest of it is then seen', async () => {
  const instance = await begin()
  const bytes = await plugin(2)
  writeFileSync(path, bytes.subarray(0, 40))
  expect(await next()).toMatchObject({ stage: 'load', error: { code: 'ERR_RELINK_INVALID_WASM', file: path } })
  expect(instance.exports['f']()).toBe(1)
  appendFileSync(path, bytes.subarray(40))
  expect(await next()).toHaveProperty('event')
  expect(instance.exports['f']()).toBe(2)
  writeFileSync(path, await wat('(module (func (export "g")))'))
  expect(await next()).toMatchObject({ stage: 'relink', error: { code: 'ERR_RELINK_REFUSED' } })
  writeFileSync(path, await wat('(module (import "env" "x" (func)) (func (export "f") (result i32) (i32.const 9)))'))
  expect(await next()).toMatchObject({ stage: 'load' })
  expect(instance.exports['f']()).toBe(2)
  // The versions that were refused are closed: there are the instance and its second version.
  expect(Instance.all(store).length).toBe(2)
})

test('the same bytes do nothing, and a file that is away is waited for', async () => {
  const instance = await begin()
  writeFileSync(path, await plugin(1))
  await watcher!.reload()
  renameSync(path, `${path}.old`)
  // A missing file is reported only by `reload`, which asks for it.
  await watcher!.reload()
  expect(await next()).toMatchObject({ stage: 'load', error: { code: 'ENOENT' } })
  expect(happened).toEqual([])
  writeFileSync(path, await plugin(2))
  expect(await next()).toHaveProperty('event')
  expect(instance.exports['f']()).toBe(2)
})

test('a hook of its own reload, and `onReload`, cannot reload: they would wait for themselves', async () => {
  let refused: any
  const reload = async () => {
    refused = await rejectionOf(watcher!.reload())
  }
  const instance = await begin({ check: reload })
  await version(2)
  expect(refused).toMatchObject({ name: 'LinkError', code: 'ERR_RELINK_REENTRANT' })
  expect(instance.exports['f']()).toBe(2)
  watcher!.close()
  refused = undefined
  await begin({ instance, onReload: async (event) => (await reload(), happened.push({ event }), wake()) })
  await version(3)
  expect(refused).toMatchObject({ code: 'ERR_RELINK_REENTRANT' })
  // After `onReload`, it is allowed again.
  await watcher!.reload()
  await turns()
  expect(instance.exports['f']()).toBe(3)
})

test('an instance of other bytes is relinked to the file at once', async () => {
  const instance = await load(path, {}, { store, cache: false })
  writeFileSync(path, await plugin(2))
  expect(await begin({ instance, load: { cache: false } })).toBe(instance)
  expect(await next()).toHaveProperty('event')
  expect(instance.exports['f']()).toBe(2)
})

test('check may veto, and migrate moves the state from version to version', async () => {
  const moved: [Instance, Instance][] = []
  let verdict: string | undefined
  const instance = await begin({
    check: async () => verdict,
    migrate: (previous, next) => void moved.push([previous, next]),
  })
  const { event: first } = await version(2)
  verdict = 'too new'
  expect(await version(3)).toMatchObject({ stage: 'relink', error: { code: 'ERR_RELINK_VETO', reason: 'too new' } })
  expect(instance.exports['f']()).toBe(2)
  verdict = undefined
  // The same file again: it was refused, so it is not what runs.
  await watcher!.reload()
  const { event: second } = await next()
  expect(moved).toEqual([
    [instance, first.next],
    [first.next, second.next],
  ])
})

test('a change while a reload runs leads to one more', async () => {
  let asked = () => {}
  let release: (verdict: boolean) => void = () => {}
  const instance = await begin({
    check: () => {
      asked()
      return new Promise<boolean>((resolve) => (release = resolve))
    },
  })
  const checking = () => new Promise<void>((resolve) => (asked = resolve))
  let reached = checking()
  writeFileSync(path, await plugin(2))
  await reached
  for (const number of [3, 4, 5]) writeFileSync(path, await plugin(number))
  const again = watcher!.reload()
  reached = checking()
  release(true)
  expect((await next()).event.change.slots).toHaveLength(1)
  expect(instance.exports['f']()).toBe(2)
  await reached
  release(true)
  await again
  expect(instance.exports['f']()).toBe(5)
  expect(happened).toHaveLength(1)
})

test('a version that its trial takes back is closed', async () => {
  const instance = await begin({ trial: { calls: 1 } })
  const { event } = await version(2)
  instance.exports['f']()
  await event.change.settled
  writeFileSync(path, await wat('(module (func (export "f") (result i32) unreachable))'))
  const { event: bad } = await next()
  expect(() => instance.exports['f']()).toThrow(/unreachable/)
  expect(await bad.change.settled).toMatchObject({ outcome: 'undone' })
  await turns()
  expect([bad.next.closed, event.next.closed, instance.exports['f']()]).toEqual([true, false, 2])
})

test('a version is closed when no call can be inside it, and 100 reloads leave three instances', async () => {
  const instance = await begin({ settle: 1 })
  const loaded: Instance[] = []
  for (let number = 2; number <= 101; number++) {
    const { event } = await version(number)
    loaded.push(event.next)
  }
  await turns()
  expect(instance.exports['f']()).toBe(101)
  expect(loaded.filter(({ closed }) => !closed)).toEqual(loaded.slice(-2))
  expect(Instance.all(store)).toEqual([instance, ...loaded.slice(-2)])
})

test('closing ends it, by itself, by a signal, and with the instance', async () => {
  const instance = await begin()
  using second = await watch(path, { instance })
  expect([watcher!.closed, second.instance, second.file]).toEqual([false, instance, path])
  watcher!.close()
  watcher!.close()
  second.close()
  writeFileSync(path, await plugin(2))
  await watcher!.reload()
  expect([watcher!.closed, second.closed, instance.closed, instance.exports['f']()]).toEqual([true, true, false, 1])

  const controller = new AbortController()
  const third = await watch(path, { instance, signal: controller.signal })
  controller.abort()
  expect(third.closed).toBe(true)
  const reason = new Error('of the user')
  expect(await rejectionOf(watch(path, { signal: AbortSignal.abort(reason) }))).toBe(reason)

  const fourth = await watch(path, { instance })
  instance.close()
  await fourth.reload()
  expect(fourth.closed).toBe(true)
})

test('closing while a version loads closes that version', async () => {
  const instance = await begin()
  writeFileSync(
    path,
    await wat(
      '(module (import "env" "made" (func $made)) (func (export "f") (result i32) (i32.const 2)) (start $made))',
    ),
  )
  watcher!.close()
  const made = () => watcher!.close()
  watcher = await watch(path, { instance, imports: { env: { made } }, load: { cache: false }, settle: 1 })
  await watcher.reload()
  expect(watcher.closed).toBe(true)
  expect([instance.exports['f'](), Instance.all(store)]).toEqual([1, [instance]])
})

test('an error of onReload is reported, and the new version runs', async () => {
  const thrown = new Error('of the user')
  const instance = await begin({
    async onReload() {
      throw thrown
    },
  })
  expect(await version(2)).toEqual({ error: thrown, stage: 'onReload' })
  expect(instance.exports['f']()).toBe(2)
})

test('wrong arguments are refused before anything is loaded', async () => {
  const refused = async (options: any, file: any = path) => (await rejectionOf(watch(file, options))).message
  expect(await refused({}, 7)).toMatch(/^expected a path or a file: URL as `file`, got 7/)
  expect(await refused({ onreload() {} })).toMatch(/^unknown option `onreload`, did you mean `onReload`\?/)
  expect(await refused({ onError: 1 })).toBe('expected a function as `options.onError`, got 1')
  expect(await refused({ instance: {} })).toMatch(/^expected an Instance as `options.instance`/)
  expect(await refused({ signal: {} })).toMatch(/^expected an AbortSignal as `options.signal`/)
  expect(await refused({ settle: 0 })).toMatch(
    /^expected a number of milliseconds from 1 to 60000 as `options.settle`, got 0/,
  )
  expect(await refused({ check: 1 })).toMatch(/^expected a function or false as `options.check`/)
  expect(await refused({ load: { compiler: 'fast' } })).toMatch(/as `options.compiler`/)
  const instance = await load(path, {}, { store, cache: false })
  expect(await refused({ instance, load: { store: new Store() } })).toMatch(/^expected the store of `options.instance`/)
  expect(await rejectionOf(watch(join(folder, 'none', 'x.wasm')))).toMatchObject({ code: 'ENOENT' })
})

test('a watcher does not keep the process alive, and warns without onError', () => {
  const program = `
    const { watch } = require(${JSON.stringify(root)})
    const { writeFileSync } = require('node:fs')
    watch(${JSON.stringify(path)}, { load: { cache: false } }).then(async (watcher) => {
      writeFileSync(watcher.file, 'no module')
      await watcher.reload()
      console.log('ends')
    })`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 60_000 })
  expect([status, stdout]).toEqual([0, 'ends\n'])
  expect(stderr).toMatch(/\[ERR_RELINK_INVALID_WASM\] WasmRelinkWarning: watch: .*plugin\.wasm/)
})
