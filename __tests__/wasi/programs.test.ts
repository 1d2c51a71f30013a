// Programs for Node's `node:wasi` under `register`, from both module systems: they print what they print with Node's own.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, wat } from '../support'
import { inFolder } from '../support/wasi-guest'

const IMPORTS = `
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $variables (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $variables_sizes (param i32 i32) (result i32)))`
const MEMORY = '(memory (export "memory") 1)'
/** Writes `length` bytes from `at` on to stdout. */
const write = (at: number, length: string) =>
  `(i32.store (i32.const 16) (i32.const ${at})) (i32.store (i32.const 20) ${length})
   (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))`
const HELLO = write(32, '(i32.const 6)')
const command = (body: string) =>
  `(module ${IMPORTS} ${MEMORY} (data (i32.const 32) "hello\\n\\n") (func (export "_start") ${body}))`
const exit = (code: number) => command(`${HELLO} (call $exit (i32.const ${code})) unreachable`)

const TEXTS: Record<string, string> = {
  command: command(HELLO),
  trap: command(`${HELLO} unreachable`),
  ...Object.fromEntries(
    [0, 3, 255, 256, 1000, 65_536, -1, 2 ** 31 - 1, -(2 ** 31)].map((code) => [`exit ${code}`, exit(code)]),
  ),
  'with a result': `(module ${IMPORTS} ${MEMORY} (func (export "_start") (result i32) i32.const 9))`,
  'without memory': `(module ${IMPORTS} (func (export "_start")))`,
  'with a function as memory': `(module ${IMPORTS} (func (export "memory")) (func (export "_start")))`,
  'with a global as _start': `(module ${IMPORTS} ${MEMORY} (global (export "_start") i32 (i32.const 1)))`,
  'without functions': `(module ${IMPORTS} ${MEMORY})`,
  both: `(module ${IMPORTS} ${MEMORY} (func (export "_start")) (func (export "_initialize")))`,
  reactor: `(module ${IMPORTS} ${MEMORY} (data (i32.const 32) "hello\\n") (func (export "_initialize") ${HELLO}))`,
  echo: command(
    ['args', 'variables']
      .map(
        (name) =>
          `(drop (call $${name}_sizes (i32.const 0) (i32.const 4))) (drop (call $${name} (i32.const 100) (i32.const 1000)))
     ${write(1000, '(i32.load (i32.const 4))')} ${write(37, '(i32.const 1)')}`,
      )
      .join('\n'),
  ),
}

/** The ways to import `WASI`, by the extension of the program. */
const WAYS = [
  ['cjs', "const { WASI } = require('node:wasi')"],
  ['cjs', "const WASI = require('wasi').WASI"],
  ['mjs', "import { WASI } from 'node:wasi'"],
  ['mjs', "import wasi from 'node:wasi'; const { WASI } = wasi"],
  ['mjs', "import * as wasi from 'wasi'; const { WASI } = wasi"],
  ['mjs', "const { WASI } = await import('wasi')"],
] as const

const READ = {
  cjs: "const { readFileSync } = require('node:fs')",
  mjs: "import { readFileSync } from 'node:fs'",
}

let modules: string

beforeAll(async () => {
  const all = await Promise.all(
    Object.entries(TEXTS).map(async ([name, text]) => [name, Buffer.from(await wat(text)).toString('base64')]),
  )
  modules = JSON.stringify(Object.fromEntries(all))
})

/** Runs a program, with Node's own WASI or under `register`. */
const run = (whose: 'node' | 'ours', [extension, imports]: (typeof WAYS)[number], body: string) =>
  inFolder((folder) => {
    writeFileSync(join(folder, 'modules.json'), modules)
    writeFileSync(join(folder, `program.${extension}`), [READ[extension], imports, body].join('\n'))
    const preload = whose === 'ours' ? ['--require', join(root, 'register.cjs')] : []
    const parameters = ['--no-warnings', ...preload, `program.${extension}`]
    const options = { encoding: 'utf8', cwd: folder, timeout: 60_000 } as const
    const { stdout, stderr, status } = spawnSync(process.execPath, parameters, options)
    return { lines: stdout.split('\n'), stderr, status }
  })

test('every call ends as with the WASI of Node, however it is imported', async () => {
  const body = readFileSync(join(root, '__tests__', 'support', 'wasi-program.js'), 'utf8')
  const expected = await run('node', WAYS[0], body)
  expect(expected).toMatchObject({ stderr: '', status: 0 })
  expect(expected.lines.length).toBeGreaterThan(100)
  for (const way of WAYS) expect([way, await run('ours', way, body)]).toEqual([way, expected])
}, 60_000)

test.each([0, 3, 256, 1000, -1])('without returnOnExit, proc_exit(%i) ends the process as in Node', async (code) => {
  const body = `
    const wasi = new WASI({ version: 'preview1', returnOnExit: false })
    const bytes = JSON.parse(readFileSync('modules.json', 'utf8'))['exit ${code}']
    const command = new WebAssembly.Module(Buffer.from(bytes, 'base64'))
    wasi.start(new WebAssembly.Instance(command, wasi.getImportObject()))
    console.log('not reached')`
  const expected = await run('node', WAYS[0], body)
  expect(expected).toEqual({ lines: ['hello', ''], stderr: '', status: code & 255 })
  expect(await run('ours', WAYS[0], body)).toEqual(expected)
})
