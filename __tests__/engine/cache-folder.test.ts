// The folder of the disk cache: files that are not the cache's, the secret, and users without a folder for a cache.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { LONG_AGO, age, directory, files, folder, inProcess, modules } from '../support/caching'
import { root, wat } from '../support'

const ADD = 'return (await relink.load(file)).exports.add(40)'
const ENTRIES = 'return relink.cache.entries().map(({ usable }) => usable)'
const CLEAR = 'return relink.cache.clear()'

const adding = (number: number) =>
  `(module (func (export "add") (param i32) (result i32) (i32.add (local.get 0) (i32.const ${number}))))`

/** A module in the test's own folder. */
async function moduleFile(number: number): Promise<string> {
  const path = join(folder, `${number}.wasm`)
  writeFileSync(path, await wat(adding(number)))
  return path
}

const secretFile = () => join(modules(), 'relink-secret')
const wasUsed = (file: string) => statSync(file).mtimeMs > LONG_AGO * 1000

/** The id of a user that the system does not know. */
const NOBODY = { uid: 54_321, gid: 54_321 }
/** Only root can run a process as another user, who must be able to read this repository. */
const isRoot = process.getuid?.() === 0 && spawnSync('test', ['-r', join(root, 'index.js')], NOBODY).status === 0

describe('files that are not the cache’s own', () => {
  /** Names that caches of other software use, and that this cache used when it had no subfolder. */
  const NAMES = ['notes.tmp', 'barcode.code', 'my.code', 'secret', 'lock', '1-0.tmp', `${'0'.repeat(64)}.code`]
  /** Names that are similar to this cache's. */
  const NEARLY = [
    'relink-notes.code',
    'relink-notes.tmp',
    `relink-${'0'.repeat(63)}.code`,
    `relink-${'A'.repeat(64)}.code`,
    `relink-${'0'.repeat(64)}.code.bak`,
    'relink-0.tmp',
    'relink-secret.bak',
  ]

  /** Puts files into a folder, last used long ago. */
  function put(where: string, names: string[]): string[] {
    mkdirSync(where, { recursive: true, mode: 0o700 })
    const paths = names.map((name) => join(where, name))
    for (const path of paths) {
      writeFileSync(path, `mine: ${path}`)
      utimesSync(path, LONG_AGO, LONG_AGO)
    }
    return paths
  }

  test.each([
    ['in the folder that its user named', directory, [...NAMES, ...NEARLY]],
    ['in its own folder', modules, [...NAMES, ...NEARLY]],
  ])('%s are not listed, counted or removed', async (_, where, names) => {
    const foreign = put(where(), names)
    const file = await moduleFile(2)
    // A limit below the size of any entry.
    expect(await inProcess(ADD, file, { WASM_RELINK_CACHE_SIZE: '0' })).toBe(42)
    expect(await inProcess(ENTRIES, file)).toEqual([])
    // Room for one entry, but for none if the other files were counted.
    expect(await inProcess(ADD, file)).toBe(42)
    const size = files().reduce((sum, path) => sum + (foreign.includes(path) ? 0 : statSync(path).size), 0)
    await inProcess(ADD, await moduleFile(3), { WASM_RELINK_CACHE_SIZE: String((size + 1) / 2 ** 20) })
    expect(await inProcess(ENTRIES, file)).toEqual([true])
    expect(await inProcess(CLEAR, file)).toBe(1)
    for (const path of foreign) expect(readFileSync(path, 'utf8')).toBe(`mine: ${path}`)
    expect(readdirSync(modules()).toSorted()).toEqual(where === modules ? names.toSorted() : [])
  })

  test('symbolic links are not followed, whatever their names', async () => {
    const outside = join(folder, 'outside')
    const [target] = put(outside, ['target'])
    mkdirSync(modules(), { recursive: true, mode: 0o700 })
    const links = [`relink-${'0'.repeat(64)}.code`, `relink-${'0'.repeat(16)}.tmp`, 'relink-lock', 'relink-secret']
    for (const name of links) symlinkSync(target!, join(modules(), name))
    const file = await moduleFile(2)
    expect(await inProcess(ADD, file, { WASM_RELINK_CACHE_SIZE: '0' })).toBe(42)
    expect(await inProcess(CLEAR, file)).toBe(0)
    expect(readFileSync(target!, 'utf8')).toBe(`mine: ${target}`)
  })

  test('a symbolic link in the place of its folder is not used', async () => {
    const file = await moduleFile(2)
    await inProcess(ADD, file)
    renameSync(modules(), join(folder, 'elsewhere'))
    symlinkSync(join(folder, 'elsewhere'), modules())
    expect(await inProcess(ADD, file)).toBe(42)
    const complaint = `try { ${CLEAR} } catch ({ code, message }) { return { code, message } }`
    expect(await inProcess(complaint, file)).toEqual({
      code: 'ERR_RELINK_CACHE',
      message: `the cache in ${directory()}: ${modules()} is not a folder`,
    })
    expect(readdirSync(join(folder, 'elsewhere'))).toHaveLength(
      2 + Number(existsSync(join(folder, 'elsewhere', 'relink-lock'))),
    )
  })
})

describe('an unusable secret is replaced', () => {
  let file: string
  let entry: string
  beforeEach(async () => {
    file = await moduleFile(2)
    await inProcess(ADD, file)
    entry = files()[0]!
    age()
  })

  const broken: [string, () => void][] = [
    ['empty', () => truncateSync(secretFile(), 0)],
    ['cut short', () => truncateSync(secretFile(), 31)],
    ['too long', () => writeFileSync(secretFile(), Buffer.alloc(33))],
    ['gone', () => rmSync(secretFile())],
    [
      'a link',
      () => {
        renameSync(secretFile(), join(folder, 'secret'))
        symlinkSync(join(folder, 'secret'), secretFile())
      },
    ],
    ['one that others may write', () => chmodSync(secretFile(), 0o622)],
  ]

  test.each(broken)('%s', async (_, breakIt) => {
    expect(await inProcess(ENTRIES, file)).toEqual([true])
    breakIt()
    // Entries with the old seal are reported as not usable.
    expect(await inProcess(ENTRIES, file)).toEqual([false])
    expect(await inProcess(ADD, file)).toBe(42)
    expect(await inProcess(ENTRIES, file)).toEqual([true])
    expect(statSync(secretFile())).toMatchObject({ size: 32, mode: 0o100600 })
    age()
    expect(await inProcess(ADD, file)).toBe(42)
    expect(wasUsed(entry)).toBe(true)
  })

  test('by one of many processes, and the others use that one', async () => {
    const modulesOf = await Promise.all([3, 4, 5, 6, 7, 8].map(moduleFile))
    // All start at the same moment, with a missing or empty secret.
    for (const breakIt of [() => truncateSync(secretFile(), 0), () => rmSync(modules(), { recursive: true })]) {
      breakIt()
      const begin = Date.now() + 1000
      const program = `while (Date.now() < ${begin}); ${ADD}`
      const answers = await Promise.all(modulesOf.map((each) => inProcess(program, each)))
      expect(answers).toEqual([43, 44, 45, 46, 47, 48])
      const usable = (await inProcess(ENTRIES, file)) as boolean[]
      expect(usable.filter(Boolean)).toHaveLength(6)
    }
  })

  test('a folder in its place stays, and disables the cache', async () => {
    rmSync(secretFile())
    mkdirSync(secretFile())
    writeFileSync(join(secretFile(), 'mine'), 'mine')
    expect(await inProcess(ADD, file)).toBe(42)
    expect(wasUsed(entry)).toBe(false)
    expect(await inProcess(ENTRIES, file)).toEqual([false])
    expect(readFileSync(join(secretFile(), 'mine'), 'utf8')).toBe('mine')
  })
})

test('a changed entry is reported as not usable', async () => {
  const file = await moduleFile(2)
  await inProcess(ADD, file)
  const [entry] = files()
  const bytes = readFileSync(entry!)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(entry!, bytes)
  expect(await inProcess(ENTRIES, file)).toEqual([false])
})

describe('without a place for a cache, modules are loaded without one', () => {
  const COMPLAINT = `try { return relink.cache.entries() } catch ({ code }) { return code }`
  const none = { WASM_RELINK_CACHE: undefined, XDG_CACHE_HOME: undefined, LOCALAPPDATA: undefined }

  test.each([
    ['a file in the place of the folder', () => writeFileSync(directory(), '')],
    [
      'a file in the place of its own folder',
      () => {
        mkdirSync(directory())
        writeFileSync(modules(), 'mine')
      },
    ],
  ])('%s', async (_, make) => {
    make()
    const file = await moduleFile(2)
    expect(await inProcess(ADD, file)).toBe(42)
    expect(await inProcess(COMPLAINT, file)).toBe('ERR_RELINK_CACHE')
    expect(existsSync(modules()) ? readFileSync(modules(), 'utf8') : 'mine').toBe('mine')
  })

  test('a home that is a file, and folders that cannot be created', async () => {
    const file = await moduleFile(2)
    writeFileSync(join(folder, 'home'), '')
    expect(await inProcess(ADD, file, { ...none, HOME: join(folder, 'home') })).toBe(42)
    for (const where of ['/proc/wasm-relink', '/dev/null/cache']) {
      expect(await inProcess(ADD, file, { WASM_RELINK_CACHE: where })).toBe(42)
    }
  })

  test('a home or a cache folder with a relative path', async () => {
    const file = await moduleFile(2)
    const program = `const directory = relink.cache.directory ?? null; ${ADD.replace('return', 'const sum =')}
      return { directory, sum }`
    for (const HOME of ['', 'home']) {
      const env = { ...none, XDG_CACHE_HOME: 'caches', HOME }
      expect(await inProcess(program, file, env, { cwd: folder })).toEqual({ directory: null, sum: 42 })
    }
    expect(readdirSync(folder)).toEqual(['2.wasm'])
  })

  test('a working directory that was removed', async () => {
    const file = await moduleFile(2)
    const gone = join(folder, 'gone')
    mkdirSync(gone)
    const program = `process.chdir(${JSON.stringify(gone)}); require('node:fs').rmdirSync(${JSON.stringify(gone)}); ${ADD}`
    expect(await inProcess(program, file, { WASM_RELINK_CACHE: 'relative' })).toBe(42)
  })

  ;(isRoot ? describe : describe.skip)('as another user', () => {
    test('a user that the system does not know, without HOME', async () => {
      const file = await moduleFile(2)
      chmodSync(folder, 0o755)
      const env = { ...none, HOME: undefined }
      expect(await inProcess(ADD, file, env, NOBODY)).toBe(42)
      expect(
        await inProcess('return [relink.cache.directory ?? null, relink.cache.entries()]', file, env, NOBODY),
      ).toEqual([null, []])
    })

    test('a home that may not be written, and a cache of another user', async () => {
      const file = await moduleFile(2)
      chmodSync(folder, 0o755)
      mkdirSync(join(folder, 'home'), { mode: 0o755 })
      expect(await inProcess(ADD, file, { ...none, HOME: join(folder, 'home') }, NOBODY)).toBe(42)
      expect(readdirSync(join(folder, 'home'))).toEqual([])
      // A read-only cache is read.
      await inProcess(ADD, file)
      age()
      for (const path of [directory(), modules(), secretFile(), files()[0]!]) chownSync(path, NOBODY.uid, NOBODY.gid)
      expect(await inProcess(ADD, file)).toBe(42)
      expect(wasUsed(files()[0]!)).toBe(false)
      expect(await inProcess(COMPLAINT, file)).toBe('ERR_RELINK_CACHE')
      expect(await inProcess(ADD, file, {}, NOBODY)).toBe(42)
      expect(wasUsed(files()[0]!)).toBe(true)
    })
  })
})
