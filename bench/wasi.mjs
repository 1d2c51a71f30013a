// The cost of WASI calls, next to Node's own `node:wasi` in the same run.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as relink from 'wasm-relink'
import { WASI } from 'wasm-relink/wasi'
import { modulePath } from '../examples/modules.mjs'
import { inRounds } from './rounds.mjs'
import { timed } from './rows.mjs'
import { task } from './task.mjs'
import { assemble } from './wat.mjs'

/** Number of calls in a run of a guest. */
const CALLS = 200
const MEGABYTE = 1 << 20

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

const guest = assemble(`(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (memory (export "memory") 40)
  (data (i32.const 64) "small") (data (i32.const 72) "large") (data (i32.const 1024) "a line of output\\n")
  (data (i32.const 128) "\\00\\10\\00\\00\\00\\10\\00\\00") (data (i32.const 136) "\\00\\00\\02\\00\\00\\00\\10\\00")
  (data (i32.const 144) "\\00\\04\\00\\00\\11\\00\\00\\00")
  (global $errors (mut i32) i32.const 0)
  (func $check (param i32) local.get 0 global.get $errors i32.or global.set $errors)
  (func (export "clock") (param $n i32) (result i32)
    (loop $again (call $check (call $clock (i32.const 1) (i64.const 0) (i32.const 8)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    global.get $errors)
  (func (export "open") (param $n i32) (result i32)
    (loop $again
      (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 0)
        (i32.const 0) (i32.const 8)))
      (call $check (call $read (i32.load (i32.const 8)) (i32.const 128) (i32.const 1) (i32.const 12)))
      (call $check (call $close (i32.load (i32.const 8))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    global.get $errors)
  (func (export "create") (result i32)
    (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 72) (i32.const 5) (i32.const 1) (i64.const 68) (i64.const 0)
      (i32.const 0) (i32.const 16)))
    global.get $errors)
  (func (export "writeFile") (result i32)
    (call $check (call $seek (i32.load (i32.const 16)) (i64.const 0) (i32.const 0) (i32.const 24)))
    (call $check (call $write (i32.load (i32.const 16)) (i32.const 136) (i32.const 1) (i32.const 12)))
    global.get $errors)
  (func (export "writeOut") (result i32)
    (call $check (call $write (i32.const 1) (i32.const 136) (i32.const 1) (i32.const 12)))
    global.get $errors)
  (func (export "line") (param $n i32) (result i32)
    (loop $again (call $check (call $write (i32.const 2) (i32.const 144) (i32.const 1) (i32.const 12)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    global.get $errors))`)

/** A command that Rust has built: its exit code is the number of its arguments. */
const commandPath = modulePath('wasi_command')
const cli = fileURLToPath(new URL('../bin/wasm-relink.js', import.meta.url))

/** The two implementations: the classes of an engine, and its `WASI`. */
async function engines() {
  const { emitWarning } = process
  process.emitWarning = () => {} // Node 20 says that it is experimental
  const node = (await import('node:wasi')).WASI
  process.emitWarning = emitWarning
  return { 'wasm-relink': [relink, WASI], Node: [WebAssembly, node] }
}

/** Starts of a command, each from a file that the process has not loaded yet: this package's code is in its disk cache. */
function fromFiles({ folder, quick }) {
  const [rounds, samples] = [quick ? 5 : 30, 3]
  const bytes = readFileSync(commandPath)
  const files = Array.from({ length: rounds * samples }, (_, index) => join(folder, `command${index}.wasm`))
  // A custom section with a number makes each file another module.
  files.forEach((file, index) => writeFileSync(file, Buffer.concat([bytes, Buffer.from([0, 3, 1, 0x6e, index])])))
  const env = { WASM_RELINK_CACHE: join(folder, 'cache') }
  execFileSync(process.execPath, [cli, 'compile', ...files], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return task('wasi-task.mjs', [`${rounds}`, ...files], { flags: ['--expose-gc', '--no-warnings'], env })
}

/** The rows of WASI. */
export async function wasi({ quick, say }) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-wasi-'))
  writeFileSync(join(folder, 'small'), 'content '.repeat(12))
  const nothing = openSync('/dev/null', 'w')
  const made = Object.entries(await engines()).map(([name, [engine, Class]]) => {
    const preview1 = (options) => new Class({ version: 'preview1', ...options })
    const system = preview1({ preopens: { '/': folder }, stdout: nothing, stderr: nothing })
    const instance = new engine.Instance(new engine.Module(guest), system.getImportObject())
    system.initialize(instance)
    if (instance.exports.create() !== 0) throw new Error(`${name} does not create the file`)
    const logs = preview1({ stdout: nothing, stderr: nothing })
    // Node has no slots: there, the declared one is a function of the host.
    const rust = new engine.Instance(new engine.Module(readFileSync(modulePath('wasi_plugin'))), {
      ...logs.getImportObject(),
      ...(name === 'Node' && { relink: { 'wasi_plugin::price': () => 700 } }),
    })
    logs.initialize(rust)
    const println = (n) => {
      for (let index = 0; index < n; index++) rust.exports.log(7)
      return 0
    }
    const command = new engine.Module(readFileSync(commandPath))
    const start = () => {
      const own = preview1({ args: ['wasi_command', 'one', 'two'], stdout: nothing })
      const code = own.start(new engine.Instance(command, own.getImportObject()))
      return code - 2
    }
    return [name, { ...instance.exports, println, start }]
  })
  const check = (run) => () => {
    if (run() !== 0) throw new Error('a call has failed')
  }
  // Collects before each run beside Node (mitata does not): on Node 20 and 22, allocations of `node:wasi` inside a fast
  // API call of V8 may begin a collection that misses live objects, and the process crashes: nodejs/node#46777.
  const measure = async (title, variants, calls) => {
    const options = { rounds: quick ? 10 : 60, calls, prepare: variants.Node && collectGarbage }
    await inRounds(variants, { ...options, rounds: 3 }) // V8 tiers up
    return timed(title, await inRounds(variants, options))
  }
  const row = (title, of, times, calls = 1) => {
    const repeated = (run) => () => {
      for (let index = 0; index < times; index++) run()
    }
    const variants = made.map(([name, exports]) => [name, repeated(check(of(exports)))])
    return measure(title, Object.fromEntries(variants), times * calls)
  }
  const collected = []
  const callback = new WASI({ version: 'preview1', stdout: (chunk) => void (collected[0] = chunk) })
  const toCallback = new relink.Instance(new relink.Module(guest), callback.getImportObject())
  say('calls of WASI')
  const rows = [
    await row(
      '`clock_time_get`',
      ({ clock }) =>
        () =>
          clock(CALLS),
      50,
      CALLS,
    ),
    await row(
      'open, read and close a small file',
      ({ open }) =>
        () =>
          open(CALLS),
      5,
      CALLS,
    ),
    await row('write 1 MiB to a file', ({ writeFile }) => writeFile, 20),
    await measure('write 1 MiB to a callback', { 'wasm-relink': check(toCallback.exports.writeOut) }, 1),
    await row(
      'write a line to a descriptor',
      ({ line }) =>
        () =>
          line(CALLS),
      20,
      CALLS,
    ),
    await row(
      '`println!` of a line',
      ({ println }) =>
        () =>
          println(CALLS),
      20,
      CALLS,
    ),
    await row('instantiate and start a command', ({ start }) => start, 20),
    timed('start a command from its file, by the disk cache', fromFiles({ folder, quick })),
  ]
  if (collected[0]?.length !== MEGABYTE) throw new Error('the callback has not got all bytes')
  rmSync(folder, { recursive: true, force: true })
  return [
    {
      title: 'WASI',
      note: 'Node is its own `node:wasi` on V8. It has no callbacks, and its sandbox does not hold.',
      rows,
    },
  ]
}
