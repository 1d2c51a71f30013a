// Errors: every code of docs/errors.md is provoked once, with its class, its properties and a message for people.
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  CompileError,
  Exception,
  Global,
  Instance,
  Interrupter,
  LinkError,
  Memory,
  Module,
  RuntimeError,
  Slot,
  Store,
  Suspending,
  Table,
  Tag,
  WebAssembly as ours,
  apply,
  link,
  relink,
} from '../..'
import { WASI } from '../../wasi'
import { declaring, guest, instanceOf, rejectionOf, root, thrownBy, wat, withSection } from '../support'

/** The errors that are provoked here, by code: what throws, and what the error must be. */
interface Case {
  name: string
  /** Properties besides `code`, with the pattern of the message */
  is: Record<string, unknown> & { message: RegExp }
  error: () => unknown
}

/** The error of a program in a process of its own, with these options of Node and limits of the system. */
function inProcess(program: string, flags: string[] = [], limits = ''): Record<string, unknown> {
  const source = `
    const own = (error) => ({ ...error, name: error.name, message: error.message, cause: error.cause && {} })
    void (async () => {${program}})().then(() => null, own).then((error) => console.log(JSON.stringify(error)))`
  const command = `${limits && `${limits} && `}exec "$0" "$@"`
  const parameters = ['-c', command, process.execPath, '--no-warnings', ...flags, '-e', source]
  const { status, stdout, stderr } = spawnSync('bash', parameters, { encoding: 'utf8', cwd: root })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

const RELINK = `const relink = require(${JSON.stringify(root)})`

/** The name that the permission model has in this version of Node. */
const permission = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'

const TEXT = `(module
  (table (export "table") 3 4 funcref) (elem (i32.const 0) $f)
  (func $f (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "g") (param i64) (result i64) (local.get 0))
  (func (export "call") (param i32) (result i32) (call $f (local.get 0)))
  (func (export "trap") unreachable))`

const plugin = (store?: Store) => instanceOf(TEXT, {}, store === undefined ? {} : { store })

/** Two function types with the same CRC-32 in the engine: i32 where there is a 0, i64 where there is a 1. */
const COLLISION = ['0'.repeat(33), '100000100110000010001110110110111']

const cases: Record<string, Case[]> = {
  ERR_RELINK_INVALID_WASM: [
    {
      name: 'CompileError',
      is: { offset: 0, message: /^expected magic word 00 61 73 6d, got text that begins with "hello" .*0x0\)$/ },
      error: () => thrownBy(() => new Module(Buffer.from('hello'))),
    },
  ],
  ERR_RELINK_UNSUPPORTED: [
    {
      name: 'CompileError',
      is: {
        message:
          /^the module is valid, but the compiler singlepass does not support it: SIMD .*; compile it with 'cranelift'$/,
      },
      error: async () => {
        const bytes = await wat('(module (func (drop (v128.const i32x4 0 0 0 0))))', { simd: true })
        return thrownBy(() => new Module(bytes, { compiler: 'singlepass' }))
      },
    },
    {
      name: 'TypeError',
      is: { message: /^values of type v128 do not cross between WebAssembly and JavaScript$/ },
      error: () => thrownBy(() => new Global({ value: 'v128' as never })),
    },
  ],
  ERR_RELINK_DECLARATION: [
    {
      name: 'CompileError',
      is: { message: /^invalid slot declaration: custom section, line 1: / },
      error: async () => {
        const bytes = withSection(await wat('(module)'), 'relink', 'not a declaration\n')
        return thrownBy(() => new Module(bytes))
      },
    },
  ],
  ERR_RELINK_COMPILE: [
    {
      name: 'CompileError',
      is: {
        message:
          /^function 1, "far", needs \d+ bytes of call stack in code of singlepass, .*: compile it with cranelift$/,
      },
      error: async () => {
        const many = (count: number, code: string) => Array(count).fill(code).join(' ')
        const bytes = await wat(`(module (func $leaf) (func $far (param i64) (result i64)
          ${many(120_000, 'local.get 0 i64.const 1 i64.add')} call $leaf ${many(119_999, 'i64.add')}))`)
        return thrownBy(() => new Module(bytes, { compiler: 'singlepass' }))
      },
    },
  ],
  ERR_RELINK_UNTRUSTED: [
    {
      name: 'CompileError',
      is: {
        check: 'sha256',
        expected: '0'.repeat(64),
        actual: '93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476',
        message: /^the module has the SHA-256 hash 93a44bbb\w+, expected 0{64}$/,
      },
      error: () => thrownBy(() => new Module(Buffer.from('\0asm\x01\0\0\0'), { sha256: '0'.repeat(64) })),
    },
  ],
  ERR_RELINK_LIMIT: [
    {
      name: 'RangeError',
      is: {
        limit: 'memorySize',
        value: 65_536,
        asked: 131_072,
        message:
          /^the limit `memorySize` of the store is 65536, and this would take 131072: close .* `limits.memorySize`$/,
      },
      error: () => {
        const store = new Store({ limits: { memorySize: 65_536 } })
        return thrownBy(() => new Memory({ initial: 2 }, { store }))
      },
    },
  ],
  ERR_RELINK_IMPORT: [
    {
      name: 'LinkError',
      is: {
        module: 'env',
        field: 'f',
        expected: 'func (i32) -> i32',
        actual: '5',
        message: /^import "env"\."f": expected func \(i32\) -> i32, got 5$/,
      },
      error: () =>
        rejectionOf(instanceOf('(module (import "env" "f" (func (param i32) (result i32))))', { env: { f: 5 } })),
    },
  ],
  ERR_RELINK_UNKNOWN_SLOT: [
    {
      name: 'LinkError',
      is: { slot: 'ff', candidates: ['f'], message: /^no slot is called "ff"; nearest: "f"$/ },
      error: async () => {
        const instance = await plugin()
        return thrownBy(() => instance.slot('ff'))
      },
    },
  ],
  ERR_RELINK_AMBIGUOUS_SLOT: [
    {
      name: 'LinkError',
      is: { slot: 'f', candidates: ['a::f', 'b::f'], message: /^"f" may mean "a::f", "b::f": use one of these names$/ },
      error: async () => {
        const bytes = await declaring({ name: 'a::f', call: 'a', step: 1 }, { name: 'b::f', call: 'b', step: 2 })
        const instance = new Instance(new Module(bytes))
        return thrownBy(() => instance.slot('f'))
      },
    },
  ],
  ERR_RELINK_SIGNATURE: [
    {
      name: 'LinkError',
      is: {
        slot: 'f',
        expected: '(i32) -> i32',
        actual: '(i64) -> i64',
        message: /^slot "f" takes a function of type \(i32\) -> i32, got \(i64\) -> i64$/,
      },
      error: async () => {
        const instance = await plugin()
        return thrownBy(() => link(instance.exports.g, instance.slot('f')))
      },
    },
    {
      name: 'LinkError',
      is: {
        slot: 'table[1]',
        expected: '',
        actual: '(i32) -> i32',
        candidates: [],
        message: /^slot "table\[1\]": no call site of type \(i32\) -> i32 is left; no code calls through its table\. /,
      },
      error: async () => {
        const { table, f } = (await plugin()).exports
        return thrownBy(() => link(f, table.slot(1)))
      },
    },
  ],
  ERR_RELINK_ABI: [
    {
      name: 'LinkError',
      is: {
        slot: 'scalars/first-byte',
        expected: 'fn(*const u8) -> u8',
        message:
          /^slot "scalars\/first-byte" is declared as fn\(\*const u8\) -> u8, with pointers, .*link with \{ pointers: true \}$/,
      },
      error: () => {
        const [one, other] = [0, 1].map(
          () => new Instance(new Module(guest('scalars')), { env: { host_hook: () => {} } }),
        )
        return thrownBy(() => link(other!.slot('scalars/first-byte').original, one!.slot('scalars/first-byte')))
      },
    },
    {
      name: 'LinkError',
      is: {
        slot: 'a::f',
        expected: 'fn(i32) -> i32',
        actual: 'fn(u32) -> u32',
        message: /^slot "a::f" is declared as fn\(i32\) -> i32 in Rust, the implementation as fn\(u32\) -> u32: /,
      },
      error: async () => {
        const [a, b] = await Promise.all([
          declaring({ name: 'a::f', call: 'f', step: 1 }),
          declaring({ name: 'b::f', call: 'f', step: 1, type: 'u32' }),
        ])
        const [one, other] = [a, b].map((bytes) => new Instance(new Module(bytes)))
        return thrownBy(() => link(other!.slot('b::f').original, one!.slot('a::f')))
      },
    },
  ],
  ERR_RELINK_STORE: [
    {
      name: 'LinkError',
      is: { slot: 'f', message: /^the implementation for slot "f" belongs to another store: make both in one store, / },
      error: async () => {
        const [one, other] = await Promise.all([plugin(), plugin(new Store())])
        return thrownBy(() => link(other.exports.f, one.slot('f')))
      },
    },
    {
      name: 'LinkError',
      is: { module: 'env', field: 'm', message: /^the memory for import "env"\."m" belongs to another store: / },
      error: () => {
        const memory = new Memory({ initial: 1 }, { store: new Store() })
        return rejectionOf(instanceOf('(module (import "env" "m" (memory 1)))', { env: { m: memory } }))
      },
    },
  ],
  ERR_RELINK_CLOSED: [
    {
      name: 'LinkError',
      is: { slot: 'f', message: /^slot "f" belongs to an instance that is closed$/ },
      error: async () => {
        const instance = await plugin()
        instance.close()
        return thrownBy(() => instance.slot('f'))
      },
    },
    {
      name: 'LinkError',
      is: {
        module: 'env',
        field: 't',
        message: /^the table for import "env"\."t" belongs to an instance that is closed$/,
      },
      error: async () => {
        const instance = await plugin()
        instance.close()
        const { table } = instance.exports
        return rejectionOf(instanceOf('(module (import "env" "t" (table 3 funcref)))', { env: { t: table } }))
      },
    },
    {
      name: 'RuntimeError',
      is: { message: /^the instance of this function is closed$/ },
      error: async () => {
        const instance = await plugin()
        instance.close()
        return thrownBy(() => instance.exports.f(1))
      },
    },
    {
      name: 'RuntimeError',
      is: { message: /^the store is closed$/ },
      error: () => {
        const store = new Store()
        store.close()
        return thrownBy(() => new Memory({ initial: 1 }, { store }))
      },
    },
  ],
  ERR_RELINK_COMPILER: [
    {
      name: 'LinkError',
      is: {
        expected: 'cranelift',
        actual: 'singlepass',
        message: /^the table is for code that singlepass compiled, .*: compile both modules with the same compiler$/,
      },
      error: async () => {
        const { table } = (await instanceOf(TEXT, {}, { compiler: 'singlepass' })).exports
        const text = '(module (import "env" "table" (table 3 funcref)))'
        return rejectionOf(instanceOf(text, { env: { table } }, { compiler: 'cranelift' }))
      },
    },
  ],
  ERR_RELINK_CYCLE: [
    {
      name: 'LinkError',
      is: {
        slot: 'f',
        message: /^this implementation only calls slot "f", so .*: link the slot's `original` or `current`$/,
      },
      error: async () => {
        const instance = await plugin()
        return thrownBy(() => link(instance.exports.f, instance.slot('f')))
      },
    },
  ],
  ERR_RELINK_MERGED: [
    {
      name: 'LinkError',
      is: {
        slot: 'f',
        candidates: ['f', 'g'],
        message: /^slot "f" is one function for "f" and "g": the compiler merged them, .*link with \{ merged: true \}$/,
      },
      error: async () => {
        const instance = await instanceOf('(module (func $f (export "f") (export "g") (result i32) i32.const 1))')
        return thrownBy(() => link(() => 1, instance.slot('f')))
      },
    },
  ],
  ERR_RELINK_UNDONE: [
    {
      name: 'LinkError',
      is: { slot: 'f', message: /^this link of slot "f" has been undone already$/ },
      error: async () => {
        const change = link((x: number) => x, (await plugin()).slot('f'))
        change.undo()
        return thrownBy(() => change.undo())
      },
    },
  ],
  ERR_RELINK_DUPLICATE: [
    {
      name: 'Object',
      is: { index: 1, slot: 'f', message: /^slot "f" is changed twice by one `relink`: list each slot once$/ },
      error: async () => {
        const { slots } = await plugin()
        const twice = [slots.f!, slots.f!].map((slot) => [(x: number) => x, slot] as const)
        return { name: 'Object', ...thrownBy(() => relink(twice)).refusals[0] }
      },
    },
  ],
  ERR_RELINK_MANIFEST: [
    {
      name: 'LinkError',
      is: {
        path: '$.modules',
        mistakes: [{ path: '$.modules' }],
        message: /\$\.modules: expected an object, got an array$/,
      },
      error: () => rejectionOf(apply(new Store(), { version: 1, modules: [] } as any)),
    },
  ],
  ERR_RELINK_VETO: [
    {
      name: 'LinkError',
      is: { reason: 'not on Fridays', message: /^`check` says: not on Fridays; no change was made$/ },
      error: async () => {
        const instance = await plugin()
        return thrownBy(() => relink({ f: (x: number) => x }, instance, { check: () => 'not on Fridays' }))
      },
    },
  ],
  ERR_RELINK_REENTRANT: [
    {
      name: 'LinkError',
      is: {
        slot: 'f',
        message: /^`reset` of "f" was called by a hook of a commit that is being made in the same store: /,
      },
      error: async () => {
        const instance = await plugin()
        return thrownBy(() => relink({ f: (x: number) => x }, instance, { check: () => instance.slot('f').reset() }))
      },
    },
  ],
  ERR_RELINK_NO_PREVIOUS: [
    {
      name: 'LinkError',
      is: {
        slot: 'a::f',
        message: /^the import "relink:previous"."a::f" stands for the function that slot "a::f" held /,
      },
      error: async () => {
        const text = '(module (import "relink:previous" "a::f" (func $f)) (func (export "run") (call $f)))'
        const { exports } = await instanceOf(text)
        return thrownBy(() => exports.run())
      },
    },
  ],
  ERR_RELINK_UNKNOWN_COMMIT: [
    {
      name: 'RangeError',
      is: {
        commit: 7,
        commits: [],
        message: /^the history has no commit 7: it has no commits, and `historyLimit` is 5$/,
      },
      error: () => thrownBy(() => new Store({ historyLimit: 5 }).rollback(7)),
    },
  ],
  ERR_RELINK_ORDER: [
    {
      name: 'LinkError',
      is: {
        slot: 'f',
        message: /^slot "f" was linked again after this link: undo the later links first, or reset the slot$/,
      },
      error: async () => {
        const slot = (await plugin()).slot('f')
        const first = link((x: number) => x, slot)
        link((x: number) => x + 1, slot)
        return thrownBy(() => first.undo())
      },
    },
  ],
  ERR_RELINK_CHANGED: [
    {
      name: 'LinkError',
      is: {
        slot: 'table[0]',
        message: /^slot "table\[0\]" no longer holds the implementation of this link: .*was written later; /,
      },
      error: async () => {
        const { exports } = await instanceOf(TEXT, {}, { slots: 'none' })
        const change = link(exports.call, exports.table.slot(0) as Slot)
        exports.table.set(0, exports.f)
        return thrownBy(() => change.undo())
      },
    },
  ],
  ERR_RELINK_REFUSED: [
    {
      name: 'LinkError',
      is: {
        refusals: [
          { index: 0, code: 'ERR_INVALID_ARG_TYPE', message: 'expected a function as `changes[0][0]`, got 5' },
          expect.objectContaining({ index: 1, code: 'ERR_RELINK_SIGNATURE', slot: 'f', expected: '(i32) -> i32' }),
        ],
        message: /^2 of the changes cannot be made, so none was made: \[0\] expected a function .*; \[1\] slot "f" /,
      },
      error: async () => {
        const { exports, slots } = await plugin()
        return thrownBy(() => relink([[5, slots.f], [exports.g, slots.f]] as never)) // prettier-ignore
      },
    },
  ],
  ERR_RELINK_SIGNATURE_HASH: [
    {
      name: 'LinkError',
      is: {
        expected: expect.stringMatching(/^\(i32, i32, /),
        actual: expect.stringMatching(/^\(i64, i32, /),
        message: /have the same signature hash, .*: instantiate this module in a store of its own$/,
      },
      error: async () => {
        const type = (bits: string) => [...bits].map((bit) => `(param i${bit === '0' ? 32 : 64})`).join(' ')
        const store = new Store()
        await instanceOf(`(module (func ${type(COLLISION[0]!)}))`, {}, { store })
        return rejectionOf(instanceOf(`(module (func ${type(COLLISION[1]!)}))`, {}, { store }))
      },
    },
  ],
  ERR_RELINK_TRAP: [
    {
      name: 'RuntimeError',
      is: { trap: 'unreachable', message: /^unreachable$/ },
      error: async () => {
        const { exports } = await plugin()
        return thrownBy(() => exports.trap())
      },
    },
  ],
  ERR_RELINK_TIMEOUT: [
    {
      name: 'RuntimeError',
      is: { timeout: 5, message: /^the call did not end within its timeout of 5 ms$/ },
      error: async () => {
        const text = '(module (func (export "spin") (loop br 0)))'
        const { exports } = new Instance(new Module(await wat(text)), {}, { timeout: 5 })
        return thrownBy(() => exports.spin())
      },
    },
  ],
  ERR_RELINK_WASI_EXIT: [
    {
      name: 'RuntimeError',
      is: { exitCode: 3, message: /^the guest has ended with exit code 3 \(proc_exit\)$/ },
      error: async () => {
        const text = `(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (func (export "f") i32.const 3 call $exit))`
        const { exports } = new Instance<any>(new Module(await wat(text)), {}, { wasi: {} })
        return thrownBy(() => exports.f())
      },
    },
  ],
  ERR_RELINK_VALUE: [
    {
      name: 'RuntimeError',
      is: {
        path: 'result',
        message: /^export "f": result is not valid: expected bytes in the memory of 65536, got 8 at 65536$/,
      },
      error: async () => {
        const text = '(module (memory (export "memory") 1) (func (export "f") (result i32) i32.const 65536))'
        const options = { wit: 'world plugin { export f: func() -> string; }' }
        const { exports } = new Instance(new Module(await wat(text)), {}, options)
        return thrownBy(() => exports.f())
      },
    },
  ],
  ERR_RELINK_SUSPEND: [
    {
      name: 'SuspendError',
      is: { message: /^cannot suspend: .*`promising`$/ },
      error: async () => {
        const wait = new Suspending(async () => undefined)
        const text = '(module (import "a" "wait" (func $wait)) (func (export "f") call $wait))'
        const { exports } = new Instance(new Module(await wat(text)), { a: { wait } } as never)
        return thrownBy(() => exports.f())
      },
    },
  ],
  ERR_WASI_NOT_STARTED: [
    {
      name: 'Error',
      is: { message: /^wasi\.start\(\) has not been called$/ },
      error: () => thrownBy(() => new WASI({ version: 'preview1' }).wasiImport.sched_yield!()),
    },
    {
      name: 'Error',
      is: { message: /made without the option `wasi`/ },
      error: () => thrownBy(() => new Instance(new Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))).start()),
    },
  ],
  ERR_WASI_ALREADY_STARTED: [
    {
      name: 'Error',
      is: { message: /^WASI instance has already started$/ },
      error: () => {
        const wasi = new WASI({ version: 'preview1' })
        const start = () => wasi.start({ exports: { memory: new Memory({ initial: 1 }), _start() {} } })
        return [start(), thrownBy(start)][1]
      },
    },
  ],
  ERR_RELINK_INTERRUPTED: [
    {
      name: 'RuntimeError',
      is: { reason: 'enough', message: /^the call was interrupted: enough$/ },
      error: async () => {
        const store = new Store()
        const stop = () => store.interrupter().interrupt('enough')
        const text = '(module (import "a" "stop" (func $stop)) (func (export "f") call $stop (loop br 0)))'
        const { exports } = new Instance(new Module(await wat(text)), { a: { stop } }, { store })
        return thrownBy(() => exports.f())
      },
    },
  ],
  ERR_RELINK_INTERNAL: [
    {
      // No call provokes an internal error: this makes one of a panic, as napi-rs reports it.
      name: 'RuntimeError',
      is: { message: /^internal error: it panicked$/ },
      error: () => {
        const { translate } = require(join(root, 'lib', 'errors.js'))
        return translate(Object.assign(new Error('it panicked'), { code: 'GenericFailure' }))
      },
    },
  ],
  ERR_INVALID_ARG_TYPE: [
    {
      name: 'TypeError',
      is: { message: /^expected a Module as `module`, got 5$/ },
      error: () => thrownBy(() => new Instance(5 as never)),
    },
  ],
  ERR_INVALID_ARG_VALUE: [
    {
      name: 'TypeError',
      is: { message: /^unknown option `compilr`, did you mean `compiler`\?$/ },
      error: () => thrownBy(() => new Module(Buffer.from(''), { compilr: 'cranelift' } as never)),
    },
    {
      name: 'TypeError',
      is: { message: /^expected the tag of the exception as `exceptionTag`, got another Tag$/ },
      error: () => {
        const [tag, other] = [new Tag({ parameters: [] }), new Tag({ parameters: [] })]
        return thrownBy(() => new Exception(tag, []).getArg(other, 0))
      },
    },
  ],
  ERR_ILLEGAL_CONSTRUCTOR: [
    {
      name: 'TypeError',
      is: { message: /^Slot has no public constructor: use `instance\.slot\(name\)`$/ },
      error: () => thrownBy(() => new (Slot as any)()),
    },
    {
      name: 'TypeError',
      is: {
        message:
          /^Interrupter has no public constructor: use `store\.interrupter\(\)` or `Interrupter\.from\(posted\)`$/,
      },
      error: () => thrownBy(() => new (Interrupter as any)()),
    },
  ],
  ERR_WEBASSEMBLY_RESPONSE: [
    {
      name: 'TypeError',
      is: { message: /^WebAssembly response has unsupported MIME type 'text\/html'$/ },
      error: () => {
        const response = new Response('', { headers: { 'content-type': 'text/html' } })
        return rejectionOf(ours.compileStreaming(response))
      },
    },
  ],
  ERR_OUT_OF_RANGE: [
    {
      name: 'RangeError',
      is: { message: /^table index 9 is out of bounds: the table has 3 entries$/ },
      error: async () => {
        const { table } = (await plugin()).exports
        return thrownBy(() => table.get(9))
      },
    },
    {
      name: 'RangeError',
      is: { message: /^expected at most 10000000 as `descriptor\.initial`, got 10000001$/ },
      error: () => thrownBy(() => new Table({ element: 'anyfunc', initial: 10_000_001 })),
    },
    {
      name: 'RangeError',
      is: { message: /^the memory has 1 pages and a maximum of 1 pages: it cannot grow by 1 pages$/ },
      error: () => thrownBy(() => new Memory({ initial: 1, maximum: 1 }).grow(1)),
    },
  ],
  ERR_RELINK_MEMORY: [
    {
      name: 'RangeError',
      is: { message: /^there is no room for the memory: .*: with \{ reserve: 'small' \} it needs less$/ },
      error: () =>
        inProcess(`${RELINK}; new relink.Memory({ initial: 1 }, { reserve: 'full' })`, [], 'ulimit -v 6000000'),
    },
  ],
  ERR_RELINK_CACHE: [
    {
      name: 'Error',
      is: { message: /^the cache in \/dev\/null: / },
      error: () => inProcess(`process.env.WASM_RELINK_CACHE = '/dev/null'; ${RELINK}; relink.cache.entries()`),
    },
  ],
  ERR_RELINK_PLATFORM: [
    {
      name: 'Error',
      is: {
        platform: expect.stringContaining(process.platform),
        package: expect.stringContaining('wasm-relink-'),
        cause: {},
        message: /^wasm-relink has no working binary for \S+: .*install the package wasm-relink-/,
      },
      error: () => inProcess(`require('module')._extensions['.node'] = () => { throw new Error('no') }; ${RELINK}`),
    },
  ],
  ERR_RELINK_ADDONS_DISABLED: [
    {
      name: 'Error',
      is: {
        flag: '--no-addons',
        cause: {},
        message: /^wasm-relink is a native addon, and Node's options forbid addons\. /,
      },
      error: () => inProcess(RELINK, ['--no-addons']),
    },
  ],
  ERR_ACCESS_DENIED: [
    {
      name: 'Error',
      is: {
        permission: 'FileSystemRead',
        resource: '/nowhere',
        message: /^access to \/nowhere is restricted by Node's permission model: run Node with --allow-fs-read$/,
      },
      error: () =>
        inProcess(`process.env.WASM_RELINK_CACHE = '/nowhere'; ${RELINK}; relink.cache.entries()`, [
          permission,
          `--allow-fs-read=${root}/*`,
          '--allow-addons',
        ]),
    },
  ],
}

const all = Object.entries(cases).flatMap(([code, each]) => each.map((one, index) => [code, index, one] as const))

/** The cases that need `ulimit` or the system's own files. */
const onLinux = new Set(['ERR_RELINK_MEMORY', 'ERR_RELINK_CACHE', 'ERR_ACCESS_DENIED'])

test.each(all.filter(([code]) => process.platform === 'linux' || !onLinux.has(code)))(
  '%s (%d) has its class, its properties and its message',
  async (code, _, { name, is, error }) => {
    const { message, ...properties } = is
    const thrown: any = await error()
    expect({ ...thrown, name: thrown.name }).toMatchObject({ name, code, ...properties })
    // docs/errors.md lists all properties of each code.
    const own = Object.keys(thrown).filter(
      (key) => !['name', 'message', 'code', ...Object.keys(properties)].includes(key),
    )
    expect(own).toEqual([])
    expect(thrown.message).toMatch(message)
  },
)

describe('every code', () => {
  const provoked = Object.keys(cases).toSorted()
  const codesOf = (text: string) => text.match(/\bERR_[A-Z_]+/g) ?? []
  const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8')

  test('of docs/errors.md has a case here, and no other has', () => {
    const listed = read('docs', 'errors.md').match(/(?<=^### )ERR_[A-Z_]+/gm)
    expect([...new Set(listed)].toSorted()).toEqual(provoked)
  })

  test('that the declarations name has a case here', () => {
    const declared = readdirSync(join(root, 'types')).flatMap((file) => codesOf(read('types', file)))
    expect([...new Set([...declared, ...codesOf(read('index.d.ts'))])].filter((code) => !(code in cases))).toEqual([])
  })

  test('of the sources is in docs/errors.md', () => {
    const sources = ['lib', 'src'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(js|rs)$/.test(name))
        .map((name) => read(folder, name)),
    )
    const used = new Set(sources.flatMap(codesOf))
    // Users never see this code: it marks the errors that lib/ translates.
    used.delete('ERR_RELINK_NATIVE')
    expect([...used].toSorted()).toEqual(provoked)
  })
})

describe('the classes of errors', () => {
  test.each([
    ['CompileError', CompileError, WebAssembly.CompileError],
    ['LinkError', LinkError, WebAssembly.LinkError],
    ['RuntimeError', RuntimeError, WebAssembly.RuntimeError],
  ] as const)('%s extends that of WebAssembly', (name, Class, Base) => {
    const cause = new Error('why')
    const error = new Class('what', { cause, code: 'ERR_MINE', details: { slot: 'a::b' } })
    expect(error).toBeInstanceOf(Base)
    expect(error).toMatchObject({ name, message: 'what', cause, code: 'ERR_MINE', slot: 'a::b' })
    expect(String(error)).toBe(`${name}: what`)
    expect(Object.keys(new Class('plain'))).toEqual([])
  })
})
