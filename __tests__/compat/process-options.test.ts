// Options of Node that remove its WebAssembly, addons, or access to files. Each test runs a process of its own.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { directory, files, folder as own, LONG_AGO } from '../support/caching'
import { guestPath, root, wat } from '../support'

const register = join(root, 'register.cjs')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-options-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a program; returns its value, or the error that it threw. */
function run(flags: string[], program: string, env: Record<string, string> = {}): any {
  const source = `
    const told = ({ name, code, message, flag, permission, resource }) => ({ name, code, message, flag, permission, resource })
    void (async () => {${program}})().catch(told).then((value) => console.log(JSON.stringify(value ?? null)))`
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', ...flags, '-e', source], {
    encoding: 'utf8',
    env: { ...process.env, WASM_RELINK_CACHE: 'off', ...env },
  })
  if (status !== 0) throw new Error(`${signal ?? status}: ${stderr}`)
  // V8 warns that one flag disables another.
  return JSON.parse(stdout.replace(/^Warning:.*\n/, ''))
}

const RELINK = `const relink = require(${JSON.stringify(root)})`

const text = (path: string) => JSON.stringify(path)

/** A program that needs only the package. */
const WORK = `
  ${RELINK}
  const plugin = await relink.load(${text(guestPath('scalars'))})
  const update = await relink.load(${text(guestPath('scalars_v2'))})
  const change = relink.link(update.exports.plain_i32, plugin.slot('next_i32'))
  const linked = plugin.exports.call_i32(20)
  change.undo()
  let refused
  try { relink.link(() => 1, plugin.slot('none_of_it')) } catch (error) { refused = error }
  const after = plugin.exports.call_i32(20)
  return { linked, after, refused: [refused instanceof relink.LinkError, refused.name, refused.code] }`

const WORKED = { linked: 40, after: 21, refused: [true, 'LinkError', 'ERR_RELINK_UNKNOWN_SLOT'] }

/** The flags of this version of Node that remove its WebAssembly. */
const withoutWasm = ['--jitless', ...(Number.parseInt(process.versions.node, 10) < 24 ? ['--no-expose-wasm'] : [])]

describe.each(withoutWasm)('under %s, where Node has no WebAssembly', (flag) => {
  test('the package works', () => {
    expect(run([flag], 'return typeof WebAssembly')).toBe('undefined')
    expect(run([flag], WORK)).toEqual(WORKED)
  })

  test('register puts it on globalThis', () => {
    const program = `
      const bytes = require('node:fs').readFileSync(${text(guestPath('scalars'))})
      const { instance, module } = await WebAssembly.instantiate(bytes, {}, { slots: [] })
      let compile
      try { new WebAssembly.Module(Buffer.from('no module')) } catch (error) { compile = error }
      return [instance.exports.call_i32(20), module instanceof WebAssembly.Module, {} instanceof WebAssembly.Memory,
        compile instanceof WebAssembly.CompileError, compile instanceof Error, String(compile).slice(0, 14), compile.code]`
    const expected = [21, true, false, true, true, 'CompileError: ', 'ERR_RELINK_INVALID_WASM']
    expect(run([flag, '--require', register], program)).toEqual(expected)
  })

  test('a shared memory, which only V8 can make, is refused', async () => {
    const file = join(folder, 'shared.wasm')
    writeFileSync(file, await wat('(module (memory 1 2 shared))', { threads: true }))
    const refused = {
      name: 'TypeError',
      code: 'ERR_RELINK_UNSUPPORTED',
      message: "a shared memory needs Node's own WebAssembly: start Node without --jitless and --no-expose-wasm",
    }
    expect(run([flag], `${RELINK}; new relink.Memory({ initial: 1, maximum: 2, shared: true })`)).toEqual(refused)
    expect(run([flag], `${RELINK}; await relink.load(${text(file)})`)).toMatchObject({ code: refused.code })
  })
})

/** The flag for the permission model in this version of Node. */
const permission = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'

describe('if Node loads no addons', () => {
  const disabled = { name: 'Error', code: 'ERR_RELINK_ADDONS_DISABLED' }

  test.each([
    ['--no-addons', ['--no-addons'], '--no-addons', 'remove it from the command line'],
    ['the permission model', [permission, '--allow-fs-read=*'], '--allow-addons', 'add --allow-addons'],
    [
      'both',
      [permission, '--allow-fs-read=*', '--allow-addons', '--no-addons'],
      '--no-addons',
      'remove it from the command line',
    ],
  ])('%s: the error names the flag', (_, flags, flag, advice) => {
    const error = run(flags, RELINK)
    expect(error).toMatchObject({ ...disabled, flag })
    expect(error.message).toContain(advice)
    expect(error.message).not.toContain('install')
  })

  test('NODE_OPTIONS, and the options of a worker', () => {
    expect(run([], RELINK, { NODE_OPTIONS: '--no-addons' })).toMatchObject({ ...disabled, flag: '--no-addons' })
    const program = `
      const { Worker } = require('node:worker_threads')
      const source = 'try { require(${JSON.stringify(root)}) } catch ({ code }) { require("worker_threads").parentPort.postMessage(code) }'
      const worker = new Worker(source, { eval: true, execArgv: ['--no-addons'] })
      return new Promise((resolve) => worker.on('message', resolve))`
    expect(run([], program)).toBe(disabled.code)
  })
})

describe('under the permission model, with --allow-addons', () => {
  /** The folders from which the package is loaded. */
  const base = [permission, '--allow-addons', `--allow-fs-read=${root}/`]
  let allowed: string
  let forbidden: string
  let flags: string[]
  beforeEach(() => {
    allowed = join(own, 'allowed')
    mkdirSync(allowed)
    forbidden = join(own, 'forbidden.wasm')
    for (const path of [join(allowed, 'a.wasm'), forbidden]) copyFileSync(guestPath('scalars'), path)
    flags = [...base, `--allow-fs-read=${allowed}/`]
  })

  const load = (file: string, options = '{}') =>
    `${RELINK}; return (await relink.load(${text(file)}, {}, ${options})).exports.call_i32(20)`

  test.each([
    ['load', (file: string) => load(file)],
    ['load of a URL', (file: string) => load(pathToFileURL(file).href)],
    ['load, which reads the names of functions first', (file: string) => load(file, "{ slots: ['next_i32'] }")],
    ['load without the cache', (file: string) => load(file, '{ cache: false }')],
    ['load of a relative path', (file: string) => load(relative(process.cwd(), file))],
    ['compileFile', (file: string) => `${RELINK}; return (await relink.compileFile(${text(file)})) && 21`],
  ])('%s reads allowed files only', (_, program) => {
    expect(run(flags, program(join(allowed, 'a.wasm')))).toBe(21)
    const read = run(flags, `await require('node:fs/promises').readFile(${text(forbidden)})`)
    expect(read).toMatchObject({ code: 'ERR_ACCESS_DENIED', permission: 'FileSystemRead' })
    expect(run(flags, program(forbidden))).toMatchObject({
      ...read,
      resource: expect.stringContaining('forbidden.wasm'),
    })
  })

  test('a package that may not be read is refused by Node, which names the file', () => {
    const few = [
      permission,
      '--allow-addons',
      ...['package.json', 'index.js', 'lib/'].map((name) => `--allow-fs-read=${join(root, name)}`),
    ]
    const read = run(few, RELINK)
    // Newer versions let `require` read the required file.
    expect([undefined, join(root, 'native.cjs')]).toContain(read?.resource)
    expect(run(few, load(forbidden))).toMatchObject({ code: 'ERR_ACCESS_DENIED' })
  })

  test('the cache is used as far as it is allowed', () => {
    const env = { WASM_RELINK_CACHE: directory() }
    const program = load(join(allowed, 'a.wasm'))
    const reading = `--allow-fs-read=${directory()}/`
    const writing = `--allow-fs-write=${directory()}/`
    for (const more of [[], [writing]]) {
      expect(run([...flags, ...more], program, env)).toBe(21)
      expect(existsSync(directory())).toBe(false)
    }
    // If the folder does not exist yet, the flag allows its path only, not its future contents.
    mkdirSync(directory(), { mode: 0o700 })
    expect(run([...flags, reading], program, env)).toBe(21)
    expect(files()).toEqual([])
    expect(run([...flags, reading, writing], program, env)).toBe(21)
    const [entry] = files()
    utimesSync(entry!, LONG_AGO, LONG_AGO)
    // Read, but not marked as used.
    expect(run([...flags, reading], program, env)).toBe(21)
    expect(run([...flags, reading], `${RELINK}; return relink.cache.entries().length`, env)).toBe(1)
    expect(statSync(entry!).mtimeMs).toBe(LONG_AGO * 1000)
    expect(run([...flags, reading, writing], program, env)).toBe(21)
    expect(statSync(entry!).mtimeMs).toBeGreaterThan(LONG_AGO * 1000)

    const denied = { code: 'ERR_ACCESS_DENIED', resource: directory() }
    const entries = `${RELINK}; relink.cache.entries()`
    expect(run(flags, entries, env)).toMatchObject({ ...denied, permission: 'FileSystemRead' })
    const clear = `${RELINK}; return relink.cache.clear()`
    expect(run([...flags, reading], clear, env)).toMatchObject({ ...denied, permission: 'FileSystemWrite' })
    expect(files()).toEqual([entry])
    expect(run([...flags, reading, writing], clear, env)).toBe(1)
  })
})

test.each([
  ['--disallow-code-generation-from-strings'],
  ['--frozen-intrinsics'],
  ['--disable-proto=delete'],
  ['--disable-proto=throw'],
  ['--disable-wasm-trap-handler'],
  ['--stack-size=500'],
  ['--max-old-space-size=50'],
  ['--throw-deprecation'],
  ['--use-strict'],
])('%s changes nothing', (flag) => {
  expect(run([flag], WORK)).toEqual(WORKED)
})
