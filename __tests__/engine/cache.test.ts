// The disk cache: its entries, which ones it trusts, and many processes that use it at once.
import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { cache } from '../..'
import { LONG_AGO, age, directory, files, folder, inProcess, modules } from '../support/caching'
import { guestPath, rejectionOf, root, thrownBy, wat } from '../support'
import { inspect, instantiate, load } from '../..'

/** A typical module: the guest of the examples, with slots. */
const plugin = guestPath('pricing')

/** Loads the module, links a slot, and returns everything that an entry restores. */
const USE = `
  const { exports, slots } = await relink.load(file)
  const all = relink.Module.slots(await relink.compileFile(file), { all: true })
  return { names: Object.keys(exports), slots: Object.keys(slots), all }`

/** Tells if an entry was used since `age`. */
const wasUsed = (file: string) => statSync(file).mtimeMs > LONG_AGO * 1000

const secretFile = () => join(modules(), 'relink-secret')

/** A module in the test's own folder. */
async function moduleFile(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  writeFileSync(path, await wat(text))
  return path
}

const adding = (number: number) =>
  `(module (func (export "add") (param i32) (result i32) (i32.add (local.get 0) (i32.const ${number}))))`

const ADD = 'return (await relink.load(file)).exports.add(40)'

test('a file is compiled once, and the cache gives the same code', async () => {
  const first = await inProcess(USE, plugin)
  expect(files()).toHaveLength(1)
  age()
  expect(await inProcess(USE, plugin)).toEqual(first)
  expect(files()).toHaveLength(1)
  expect(wasUsed(files()[0]!)).toBe(true)
  expect(first.slots.length).toBeGreaterThan(0)
})

test('code from the cache has working slots, names in traps, and custom sections', async () => {
  const file = await moduleFile(
    'all.wasm',
    `(module $all (import "env" "price" (func $price (param i32) (result i32)))
      (func $inner (unreachable)) (func (export "trap") (call $inner))
      (func (export "run") (param i32) (result i32) (call $price (local.get 0))))`,
  )
  const program = `
    const instance = await relink.load(file, { env: { price: (x) => x + 1 } })
    const before = instance.exports.run(1)
    const link = relink.link((x) => x * 10, instance.slot('price'))
    const during = instance.exports.run(2)
    link.undo()
    let stack
    try { instance.exports.trap() } catch (error) { stack = error.stack.split('\\n').filter((line) => /wasm/.test(line)) }
    const names = relink.Module.customSections(await relink.compileFile(file), 'name')
    return { before, during, after: instance.exports.run(3), stack, names: names.map((each) => [...new Uint8Array(each)]) }`
  const first = await inProcess(program, file)
  expect(first).toMatchObject({ before: 2, during: 20, after: 4 })
  expect(first.stack).toEqual([expect.stringContaining('inner'), expect.stringContaining('wasm-function[2]')])
  expect(first.names[0].length).toBeGreaterThan(10)
  age()
  expect(await inProcess(program, file)).toEqual(first)
  expect(wasUsed(files()[0]!)).toBe(true)
})

test('processes run the pages of an entry, and go on when it is removed', async () => {
  await inProcess(ADD, await moduleFile('add.wasm', adding(2)))
  const program = `
    const { existsSync, readFileSync } = require('node:fs')
    const { exports } = await relink.load(file)
    const mapped = () => existsSync('/proc/self/maps')
      ? readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => line.includes('.code') && line.includes('r-xp')).length
      : 1
    const before = mapped()
    const removed = relink.cache.clear()
    return { before, removed, after: mapped(), answer: exports.add(40) }`
  // Only Linux runs code from the file, and lists mappings.
  expect(await inProcess(program, join(folder, 'add.wasm'))).toEqual({ before: 1, removed: 1, after: 1, answer: 42 })
})

describe('which calls use it', () => {
  test.each([
    ['load', 'await relink.load(file)', 1],
    ['load with `cache: false`', 'await relink.load(file, {}, { cache: false })', 0],
    ['load of a file: URL', `await relink.load(require('node:url').pathToFileURL(file))`, 1],
    ['load with names of slots', `await relink.load(file, {}, { slots: ['add'] })`, 1],
    ['compileFile', 'await relink.compileFile(file)', 1],
    ['compileFile with `cache: false`', 'await relink.compileFile(file, { cache: false })', 0],
    ['compile', `await relink.compile(require('fs').readFileSync(file))`, 0],
    ['compile with `cache: true`', `await relink.compile(require('fs').readFileSync(file), { cache: true })`, 1],
    ['new Module', `new relink.Module(require('fs').readFileSync(file))`, 0],
    ['new Module with `cache: true`', `new relink.Module(require('fs').readFileSync(file), { cache: true })`, 1],
    ['instantiate', `await relink.instantiate(require('fs').readFileSync(file))`, 0],
    ['`WebAssembly`', `new relink.WebAssembly.Module(require('fs').readFileSync(file))`, 0],
  ])('%s', async (_, call, entries) => {
    await inProcess(call, await moduleFile('add.wasm', adding(2)))
    expect(files()).toHaveLength(entries)
  })

  test.each(['off', '0'])('WASM_RELINK_CACHE=%s turns it off', async (off) => {
    const file = await moduleFile('add.wasm', adding(2))
    const home = join(folder, 'home')
    const env = { WASM_RELINK_CACHE: off, HOME: home, XDG_CACHE_HOME: home, LOCALAPPDATA: home }
    expect(await inProcess(ADD, file, env)).toBe(42)
    expect(() => statSync(home)).toThrow('ENOENT')
    const told = 'return [relink.cache.directory === undefined, relink.cache.entries(), relink.cache.clear()]'
    expect(await inProcess(told, file, env)).toEqual([true, [], 0])
  })

  test('by default, it is in the system’s folder for caches', async () => {
    const file = await moduleFile('add.wasm', adding(2))
    const home = join(folder, 'home')
    const env = { WASM_RELINK_CACHE: '', HOME: home, XDG_CACHE_HOME: '', LOCALAPPDATA: home }
    await inProcess(ADD, file, env)
    const where = await inProcess('return relink.cache.directory', file, env)
    expect(where.startsWith(home)).toBe(true)
    expect(statSync(where).isDirectory()).toBe(true)
  })

  test('a `cache` option that is not a boolean is refused', async () => {
    const error = await rejectionOf(load(plugin, {}, { cache: 'yes' as never }))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    expect(error.message).toBe("expected a boolean as `options.cache`, got 'yes'")
  })
})

test('each compiler, each choice of slots and each module has an entry of its own', async () => {
  const [two, three] = [await moduleFile('2.wasm', adding(2)), await moduleFile('3.wasm', adding(3))]
  for (const options of ['', "compiler: 'singlepass'", "slots: 'all'", "slots: 'none'", "slots: ['add']"]) {
    const call = `return (await relink.load(file, {}, { ${options} })).exports.add(40)`
    expect(await inProcess(call, two)).toBe(42)
    expect(await inProcess(call, three)).toBe(43)
  }
  expect(files()).toHaveLength(10)
  // The same bytes under another name are the same module.
  copyFileSync(two, join(folder, 'copy.wasm'))
  await inProcess(ADD, join(folder, 'copy.wasm'))
  expect(files()).toHaveLength(10)
})

test('a file that changes is another module', async () => {
  const file = await moduleFile('add.wasm', adding(2))
  expect(await inProcess(ADD, file)).toBe(42)
  await moduleFile('add.wasm', adding(3))
  expect(await inProcess(ADD, file)).toBe(43)
})

test('a pipe is read once', async () => {
  const [file, pipe] = [await moduleFile('add.wasm', adding(2)), join(folder, 'pipe')]
  execFileSync('mkfifo', [pipe])
  const writer = spawn('cp', [file, pipe])
  expect(await inProcess(ADD, pipe)).toBe(42)
  writer.kill()
})

describe('a changed entry counts as missing', () => {
  let file: string
  let entry: string
  beforeEach(async () => {
    file = await moduleFile('add.wasm', adding(2))
    await inProcess(ADD, file)
    entry = files()[0]!
    age()
  })

  /** The module's answer, whether its entry is usable afterwards, and the answer from the entry. */
  async function answers() {
    const compiled = await inProcess(ADD, file)
    age()
    const found = await inProcess(ADD, file)
    return { compiled, found, used: wasUsed(entry) }
  }
  const right = { compiled: 42, found: 42, used: true }

  test.each([0, 1, 15, 16, 80, 100, 200, 0.5, -1])('cut at %p', async (at) => {
    const { size } = statSync(entry)
    truncateSync(entry, at < 0 ? size + at : at < 1 && at > 0 ? Math.floor(size * at) : at)
    expect(await answers()).toEqual(right)
  })

  // Offsets in the magic, the seal, the key, the lengths, the metadata, and then deeper into the parts and the code.
  test.each([0, 15, 20, 60, 80, 90, 100, 108, 0.2, 0.4, 0.6, 0.8, 0.999])('a flipped bit at %p', async (at) => {
    const bytes = readFileSync(entry)
    const index = at > 0 && at < 1 ? Math.floor(bytes.length * at) : at
    bytes[index]! ^= 4
    writeFileSync(entry, bytes)
    expect(await answers()).toEqual(right)
  })

  test('longer', async () => {
    writeFileSync(entry, Buffer.concat([readFileSync(entry), Buffer.alloc(64)]))
    expect(await answers()).toEqual(right)
  })

  test('the entry of another module, under this name', async () => {
    const other = await moduleFile('other.wasm', adding(3))
    expect(await inProcess(ADD, other)).toBe(43)
    const foreign = files().find((each) => each !== entry)
    copyFileSync(foreign!, entry)
    expect(await answers()).toEqual(right)
  })

  test('made with another secret', async () => {
    writeFileSync(secretFile(), Buffer.alloc(32, 7), { mode: 0o600 })
    expect(await answers()).toEqual(right)
  })

  test('without a secret', async () => {
    rmSync(secretFile())
    expect(await answers()).toEqual(right)
  })

  test('a folder, where the entry should be', async () => {
    rmSync(entry)
    mkdirSync(entry)
    expect(await inProcess(ADD, file)).toBe(42)
  })

  test('a symbolic link, where the entry should be', async () => {
    renameSync(entry, join(folder, 'elsewhere'))
    symlinkSync(join(folder, 'elsewhere'), entry)
    expect(await answers()).toEqual(right)
  })

  test('an entry, or the folder, that other users may write to', async () => {
    chmodSync(entry, 0o622)
    expect(await answers()).toEqual(right)
    for (const each of [directory(), modules()]) {
      age()
      chmodSync(each, 0o777)
      expect(await inProcess(ADD, file)).toBe(42)
      expect(wasUsed(entry)).toBe(false)
      chmodSync(each, 0o700)
    }
  })

  test('only the owner can access entries, the secret and the folder', () => {
    expect([entry, secretFile()].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600])
    expect([directory(), modules()].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700])
  })

  test('an unfinished file of a killed process is removed once it is old', async () => {
    const [old, young] = ['1', '2'].map((digit) => join(modules(), `relink-${digit.repeat(16)}.tmp`))
    writeFileSync(old!, readFileSync(entry).subarray(0, 100))
    writeFileSync(young!, 'just begun')
    utimesSync(old!, LONG_AGO, LONG_AGO)
    const other = await moduleFile('other.wasm', adding(3))
    expect(await inProcess(ADD, other)).toBe(43)
    expect(files('.tmp')).toEqual([young])
  })
})

test('a cache that cannot be written is empty', async () => {
  const file = await moduleFile('add.wasm', adding(2))
  writeFileSync(join(folder, 'file'), '')
  const env = { WASM_RELINK_CACHE: join(folder, 'file', 'cache') }
  expect(await inProcess(ADD, file, env)).toBe(42)
  const error = await inProcess(
    'try { relink.cache.entries() } catch ({ code, message }) { return { code, message } }',
    file,
    { WASM_RELINK_CACHE: join(folder, 'file') },
  )
  expect(error).toMatchObject({ code: 'ERR_RELINK_CACHE' })
  expect(error.message).toContain(join(folder, 'file'))
})

test('many processes at once fill it, and use it', async () => {
  const modules = await Promise.all([2, 3, 4].map((number) => moduleFile(`${number}.wasm`, adding(number))))
  const program = `
    const sums = []
    for (let round = 0; round < 20; round++) sums.push((await relink.load(file)).exports.add(40))
    return [...new Set(sums)]`
  const runs = Array.from({ length: 12 }, (_, index) => inProcess(program, modules[index % 3]!))
  expect(await Promise.all(runs)).toEqual(Array.from({ length: 12 }, (_, index) => [42 + (index % 3)]))
  expect(files()).toHaveLength(3)
  expect(files('.tmp')).toEqual([])
  age()
  await Promise.all(modules.map((file) => inProcess(ADD, file)))
  expect(files().map(wasUsed)).toEqual([true, true, true])
})

test('a process that is killed while it compiles and writes harms no other', async () => {
  // The process ends itself in the middle of its work, later each time.
  const program = (turns: number) => `
    let turns = ${turns}
    const tick = () => (turns-- > 0 ? setImmediate(tick) : process.kill(process.pid, 'SIGKILL'))
    tick()
    await relink.load(file)
    return 'done'`
  for (const turns of [0, 1, 10, 100, 1000, 10_000]) {
    await inProcess(program(turns), plugin).catch(() => undefined)
  }
  const first = await inProcess(USE, plugin, { WASM_RELINK_CACHE: 'off' })
  expect(await inProcess(USE, plugin)).toEqual(first)
  age()
  expect(await inProcess(USE, plugin)).toEqual(first)
  expect(wasUsed(files()[0]!)).toBe(true)
})

test('it keeps its size: the least recently used entries are removed', async () => {
  const all = await Promise.all([1, 2, 3, 4, 5, 6].map((number) => moduleFile(`${number}.wasm`, adding(number))))
  await inProcess(ADD, all[0]!)
  const { size } = statSync(files()[0]!)
  // Room for three and a half entries.
  const env = { WASM_RELINK_CACHE_SIZE: String((3.5 * size) / 2 ** 20) }
  const [first] = files()
  await inProcess(ADD, all[1]!, env)
  await inProcess(ADD, all[2]!, env)
  expect(files()).toHaveLength(3)
  for (const each of files()) utimesSync(each, LONG_AGO + 10, LONG_AGO + 10)
  const victim = files().find((each) => each !== first)
  utimesSync(victim!, LONG_AGO, LONG_AGO)
  await inProcess(ADD, all[0]!, env)
  await inProcess(ADD, all[3]!, env)
  expect(files()).toHaveLength(3)
  expect(files()).toContain(first)
  expect(files()).not.toContain(victim)
  // An entry that alone exceeds the limit is removed; the process that compiled it still uses the code.
  expect(await inProcess(ADD, all[4]!, { WASM_RELINK_CACHE_SIZE: '0' })).toBe(45)
  expect(files()).toEqual([])
})

describe('`cache`', () => {
  beforeEach(() => {
    process.env.WASM_RELINK_CACHE = directory()
  })
  afterEach(() => {
    delete process.env.WASM_RELINK_CACHE_SIZE
    process.env.WASM_RELINK_CACHE = join(root, 'target', 'test-cache')
  })

  test('lists the entries, most recently used first, and removes them', async () => {
    expect(cache.entries()).toEqual([])
    expect(cache.clear()).toBe(0)
    const file = await moduleFile('add.wasm', adding(73))
    const { module } = await instantiate(await wat(adding(75)), {}, { cache: true, slots: ['add'] })
    const instance = await load(file, {}, { compiler: 'singlepass', slots: 'all' })
    expect([instance.exports.add(40), module instanceof Object]).toEqual([113, true])
    age()
    const loaded = files().find((path) => readFileSync(path).includes('add.wasm'))
    utimesSync(loaded!, LONG_AGO + 60, LONG_AGO + 60)
    const size = (path: string) => statSync(path).size
    const other = files().find((path) => path !== loaded)
    expect(cache.entries()).toEqual([
      {
        file,
        moduleSize: size(file),
        size: size(loaded!),
        compiler: 'singlepass',
        reserve: inspect(await wat(adding(75))).reserve,
        slots: 'all',
        used: new Date((LONG_AGO + 60) * 1000),
        usable: true,
      },
      {
        moduleSize: (await wat(adding(75))).length,
        size: size(other!),
        compiler: 'cranelift',
        reserve: inspect(await wat(adding(75))).reserve,
        slots: 1,
        used: new Date(LONG_AGO * 1000),
        usable: true,
      },
    ])
    expect(cache.clear()).toBe(2)
    expect(cache.entries()).toEqual([])
    // Loaded code goes on, and the next load is cached again.
    expect(instance.exports.add(1)).toBe(74)
    expect(await inProcess(ADD, file)).toBe(113)
    expect(cache.entries()).toHaveLength(1)
  })

  test('reports its folder and its maximum size', () => {
    expect(cache.directory).toBe(directory())
    expect(cache.maximum).toBe(2 ** 30)
    process.env.WASM_RELINK_CACHE_SIZE = '12.5'
    expect(cache.maximum).toBe(12.5 * 2 ** 20)
    expect(thrownBy(() => Object.assign(cache, { directory: 'x' }))).toBeInstanceOf(TypeError)
  })

  test('reports entries of another version, and ignores other files', async () => {
    // Modules that no other suite uses: modules of other suites could be in this process's memory.
    const first = await moduleFile('first.wasm', adding(71))
    await load(first)
    const [entry] = files()
    const bytes = readFileSync(entry!)
    bytes.write('"build":"another', bytes.indexOf('"build":"'))
    writeFileSync(entry!, bytes)
    await load(await moduleFile('add.wasm', adding(72)))
    writeFileSync(join(modules(), 'notes.txt'), 'mine')
    writeFileSync(join(modules(), `relink-${'0'.repeat(64)}.code`), 'no entry')
    const told = cache.entries().map(({ file, usable }) => [file, usable])
    expect(new Map(told as [string, boolean][])).toEqual(
      new Map([
        [first, false],
        [join(folder, 'add.wasm'), true],
      ]),
    )
    cache.clear()
    expect(files()).toEqual([])
    expect(readFileSync(join(modules(), 'notes.txt'), 'utf8')).toBe('mine')
  })
})
