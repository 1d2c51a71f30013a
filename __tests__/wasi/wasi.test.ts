// `WASI` of the shape of `node:wasi`, its options, and the option `wasi` of instances.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { Instance, Module, RuntimeError, instantiate, link, load } from '../..'
import { WASI, type WASIOptions } from '../../wasi'
import { compilers, root, thrownBy, wat } from '../support'
import { E, FOLDER, Guest, O, RIGHTS, inFolder } from '../support/wasi-guest'

const COMMAND = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "\\10\\00\\00\\00\\06\\00\\00\\00hello\\n")
  (func (export "_start") i32.const 1 i32.const 8 i32.const 1 i32.const 0 call $write drop i32.const 3 call $exit unreachable))`

const REACTOR = `(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (global $ready (mut i32) i32.const 0)
  (func (export "_initialize") i32.const 1 global.set $ready)
  (func (export "ready") (result i32) global.get $ready)
  (func (export "exit") (param i32) local.get 0 call $exit unreachable))`

const preview1 = (options: object = {}) => new WASI({ version: 'preview1', ...options } as WASIOptions)

describe('the shape of node:wasi', () => {
  test('its properties and functions', () => {
    const wasi = preview1()
    expect(Object.keys(wasi)).toEqual(['wasiImport'])
    expect(Object.keys(wasi.wasiImport)).toHaveLength(46)
    expect(wasi.getImportObject()).toEqual({ wasi_snapshot_preview1: wasi.wasiImport })
    expect(wasi.getImportObject().wasi_snapshot_preview1).toBe(wasi.wasiImport)
    const unstable = new WASI({ version: 'unstable' }).getImportObject()
    expect(Object.keys(unstable)).toEqual(['wasi_unstable'])
    expect(unstable.wasi_unstable).not.toHaveProperty('sock_accept')
  })

  test.each(compilers)('start runs a command and returns its exit code, on %s', async (compiler) => {
    const module = new Module(await wat(COMMAND), { compiler })
    const chunks: string[] = []
    const wasi = preview1({ stdout: (chunk: Buffer) => chunks.push(chunk.toString()) })
    const instance = new Instance<any>(module, wasi.getImportObject())
    expect(wasi.start(instance)).toBe(3)
    expect(chunks).toEqual(['hello\n'])
    expect(thrownBy(() => wasi.start(instance))).toMatchObject({ name: 'Error', code: 'ERR_WASI_ALREADY_STARTED' })
  })

  test('initialize initializes a reactor, whose functions work on its memory when JavaScript calls them', async () => {
    const wasi = preview1({ args: ['one', 2] })
    expect(thrownBy(() => wasi.wasiImport.sched_yield!())).toMatchObject({ code: 'ERR_WASI_NOT_STARTED' })
    const instance = new Instance<any>(new Module(await wat(REACTOR)), wasi.getImportObject())
    expect(wasi.initialize(instance)).toBeUndefined()
    expect(instance.exports.ready()).toBe(1)
    expect(wasi.wasiImport.args_sizes_get!(0, 4)).toBe(0)
    expect([...new Uint32Array(instance.exports.memory.buffer, 0, 2)]).toEqual([2, 6])
  })

  test.each([
    [(wasi: WASI) => wasi.start(5 as never), 'instance'],
    [(wasi: WASI) => wasi.start({}), 'instance.exports'],
    [(wasi: WASI) => wasi.start({ exports: {} }), 'instance.exports.memory'],
    [(wasi: WASI) => wasi.start({ exports: { memory: memory() } }), 'instance.exports._start'],
    [
      (wasi: WASI) => wasi.start({ exports: { memory: memory(), _start() {}, _initialize() {} } }),
      'instance.exports._initialize',
    ],
    [(wasi: WASI) => wasi.initialize({ exports: { memory: memory(), _start() {} } }), 'instance.exports._start'],
    [
      (wasi: WASI) => wasi.initialize({ exports: { memory: memory(), _initialize: 1 } }),
      'instance.exports._initialize',
    ],
    [(wasi: WASI) => wasi.finalizeBindings({ exports: {} }), 'instance.exports.memory'],
  ])('an instance that does not fit is a TypeError (%#)', (call, name) => {
    expect(thrownBy(() => call(preview1()))).toMatchObject({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringContaining(`\`${name}\``),
    })
  })

  test("a function may be replaced by the user's own, which calls the former", async () => {
    const wasi = preview1({ stdout: null })
    const { fd_write } = wasi.wasiImport
    const calls: unknown[] = []
    wasi.wasiImport.fd_write = (...args) => {
      calls.push(args)
      return fd_write!(...args)
    }
    const instance = new Instance<any>(new Module(await wat(COMMAND)), wasi.getImportObject())
    expect(wasi.start(instance)).toBe(3)
    expect(calls).toEqual([[1, 8, 1, 0]])
    expect(new DataView(instance.exports.memory.buffer).getUint32(0, true)).toBe(6)
  })
})

const memory = () => new (require('../..').Memory)({ initial: 1 })

describe('options', () => {
  test.each([
    [undefined, 'ERR_INVALID_ARG_TYPE', 'options.version'],
    [5, 'ERR_INVALID_ARG_TYPE', 'options'],
    [null, 'ERR_INVALID_ARG_TYPE', 'options'],
    [{ version: 1 }, 'ERR_INVALID_ARG_TYPE', 'options.version'],
    [{ version: 'x' }, 'ERR_INVALID_ARG_VALUE', 'options.version'],
    [{ args: 'x' }, 'ERR_INVALID_ARG_TYPE', 'options.args'],
    [{ args: ['a\0b'] }, 'ERR_INVALID_ARG_VALUE', 'options.args[0]'],
    [{ env: 'x' }, 'ERR_INVALID_ARG_TYPE', 'options.env'],
    [{ env: { A: 1 } }, 'ERR_INVALID_ARG_TYPE', 'options.env["A"]'],
    [{ env: { A: 'x\0y' } }, 'ERR_INVALID_ARG_VALUE', 'options.env["A"]'],
    [{ preopens: 'x' }, 'ERR_INVALID_ARG_TYPE', 'options.preopens'],
    [{ preopens: { '/': '/does/not/exist' } }, 'UVWASI_ENOENT', 'options.preopens["/"]'],
    [{ preopens: { '/a': __filename } }, 'UVWASI_ENOTDIR', 'options.preopens["/a"]'],
    [{ preopens: { '/': { readOnly: true } } }, 'ERR_INVALID_ARG_TYPE', 'options.preopens["/"].path'],
    [{ preopens: { '/': { path: '/', readonly: true } } }, 'ERR_INVALID_ARG_VALUE', 'did you mean `readOnly`'],
    [{ preopens: { '/': { path: '/', limits: { openFiles: 'x' } } } }, 'ERR_INVALID_ARG_TYPE', 'openFiles'],
    [{ returnOnExit: 1 }, 'ERR_INVALID_ARG_TYPE', 'options.returnOnExit'],
    [{ stdin: 'x' }, 'ERR_INVALID_ARG_TYPE', 'options.stdin'],
    [{ stdout: {} }, 'ERR_INVALID_ARG_TYPE', 'options.stdout'],
    [{ stdin: 987654 }, 'UVWASI_EBADF', 'options.stdin'],
    [{ stderr: 987654 }, 'UVWASI_EBADF', 'options.stderr'],
    [{ clock: 1 }, 'ERR_INVALID_ARG_TYPE', 'options.clock'],
  ])('%j is a TypeError with the code %s that names %s', (given, code, name) => {
    const isOptions = typeof given === 'object' && given !== null && !('version' in given)
    const options = isOptions ? { version: 'preview1', ...given } : given
    expect(thrownBy(() => new WASI(options as never))).toMatchObject({
      name: 'TypeError',
      code,
      message: expect.stringContaining(name),
    })
  })

  test('a negative descriptor or limit is a RangeError', () => {
    for (const options of [{ stdout: -1 }, { preopens: { '/': { path: '/', limits: { openFiles: -1 } } } }]) {
      expect(thrownBy(() => preview1(options))).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
    }
  })

  test('nothing is given that was not asked for', () =>
    inFolder(() => {
      const guest = Guest.of()
      for (const name of ['args_sizes_get', 'environ_sizes_get'] as const) {
        expect(guest.call[name](8, 12)).toBe(0)
        expect([guest.result(), guest.bytes(12, 4).readUInt32LE()]).toEqual([0, 0])
      }
      expect(guest.call.fd_prestat_get(3, 8)).toBe(E.BADF)
      expect(guest.open('.')).toBe(-E.BADF)
    }))

  test('env: an undefined variable does not exist', () =>
    inFolder(() => {
      const guest = Guest.of({ env: { A: 'x', B: undefined } })
      expect(guest.call.environ_sizes_get(8, 12)).toBe(0)
      expect([guest.result(), guest.bytes(12, 4).readUInt32LE()]).toEqual([1, 4])
    }))
})

describe('streams', () => {
  test('a Buffer to read, a callback and a Writable to write', () =>
    inFolder(() => {
      const [out, err]: [string[], string[]] = [[], []]
      const stderr = new Writable({ write: (chunk, _encoding, done) => (err.push(String(chunk)), done()) })
      const guest = Guest.of({ stdin: Buffer.from('input'), stdout: (chunk) => void out.push(String(chunk)), stderr })
      expect([guest.read(0, 3), guest.read(0), guest.read(0)]).toEqual(['inp', 'ut', ''])
      expect([guest.write(1, 'one'), guest.write(1, 'two'), guest.write(2, 'three')]).toEqual([3, 3, 5])
      expect([out, err]).toEqual([['one', 'two'], ['three']])
      expect([guest.write(0, 'x'), guest.read(1)]).toEqual([-E.BADF, -E.BADF])
    }))

  test('descriptors of files; the guest does not change what the host shares', () =>
    inFolder((folder) => {
      writeFileSync(join(folder, 'in'), 'input')
      const [stdin, stdout] = [openSync(join(folder, 'in'), 'r'), openSync(join(folder, 'out'), 'w')]
      const guest = Guest.of({ stdin, stdout })
      closeSync(stdin)
      closeSync(stdout)
      expect(guest.read(0)).toBe('input')
      expect(guest.write(1, 'output')).toBe(6)
      expect(guest.call.fd_filestat_set_size(1, 0n)).toBe(E.BADF)
      expect(guest.call.fd_fdstat_set_flags(1, 4)).toBe(E.BADF)
      expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('output')
    }))

  test('an error of a callback comes out unchanged, and the guest goes on', () =>
    inFolder(() => {
      const error = new Error('of the user')
      let fails = true
      const guest = Guest.of({
        stdout: () => {
          if (fails) throw error
        },
      })
      expect(thrownBy(() => guest.write(1, 'x'))).toBe(error)
      fails = false
      expect(guest.write(1, 'x')).toBe(1)
    }))

  test('a callback may call the guest again', () =>
    inFolder(() => {
      const lines: string[] = []
      const guest: Guest = Guest.of({
        stdout: (chunk) => {
          lines.push(String(chunk))
          if (lines.length < 4) guest.write(1, `${lines.length}`)
        },
      })
      guest.write(1, 'first')
      expect(lines).toEqual(['first', '1', '2', '3'])
    }))
})

describe('policies of preopens', () => {
  test('a read-only preopen does not change, nor through another one', () =>
    inFolder((folder) => {
      for (const name of ['ro', 'rw']) mkdirSync(join(folder, name))
      writeFileSync(join(folder, 'ro', 'file'), 'content')
      const guest = Guest.of({
        preopens: { '/ro': { path: join(folder, 'ro'), readOnly: true }, '/rw': join(folder, 'rw') },
      })
      const [ro, rw] = [FOLDER, FOLDER + 1]
      expect(guest.cat('file')).toBe('content')
      expect(guest.open('file', { rights: RIGHTS.READ | RIGHTS.WRITE })).toBe(-E.ROFS)
      expect(guest.open('file', { open: O.TRUNCATE })).toBe(-E.ROFS)
      expect(guest.open('file', { flags: 1 })).toBe(-E.ROFS)
      expect(guest.open('new', { open: O.CREATE })).toBe(-E.NOENT)
      expect(guest.open('new', { open: O.CREATE | O.EXCLUSIVE })).toBe(-E.ROFS)
      const errnos = [
        guest.call.path_create_directory(ro, ...guest.put('d')),
        guest.call.path_unlink_file(ro, ...guest.put('file')),
        guest.call.path_remove_directory(ro, ...guest.put('.')),
        guest.call.path_filestat_set_times(ro, 0, ...guest.put('file'), 0n, 0n, 5),
        guest.symlink('a', 'b'),
        guest.rename('file', 'other'),
        guest.rename('file', 'other', ro, rw),
        guest.link('file', 'other', ro, rw),
      ]
      expect(new Set(errnos)).toEqual(new Set([E.ROFS]))
      const fd = guest.open('file')
      expect([guest.write(fd, 'x'), guest.call.fd_filestat_set_size(fd, 0n)]).not.toContain(0)
      expect(guest.call.fd_filestat_set_times(fd, 0n, 0n, 5)).toBe(E.ROFS)
      const other = guest.open('made', { fd: rw, open: O.CREATE, rights: RIGHTS.WRITE })
      expect(guest.write(other, 'x')).toBe(1)
      expect(guest.rename('made', 'moved', rw, ro)).toBe(E.ROFS)
      expect(readdirSync(join(folder, 'ro'))).toEqual(['file'])
      expect(readFileSync(join(folder, 'ro', 'file'), 'utf8')).toBe('content')
    }))

  test('limits of bytes written and of open files', () =>
    inFolder((folder) => {
      const guest = Guest.of({ preopens: { '/': { path: folder, limits: { bytesWritten: 10, openFiles: 2 } } } })
      const open = (name: string) => guest.open(name, { open: O.CREATE, rights: RIGHTS.READ | RIGHTS.WRITE })
      const [a, b] = [open('a'), open('b')]
      expect(open('c')).toBe(-E.MFILE)
      expect(readdirSync(folder)).toEqual(['a', 'b'])
      expect(guest.call.fd_close(b)).toBe(0)
      expect(open('c')).toBeGreaterThan(FOLDER)
      expect([guest.write(a, '123456'), guest.write(a, '789012'), guest.write(a, '3')]).toEqual([6, 4, -E.NOSPC])
      expect(guest.call.fd_filestat_set_size(a, 1n << 40n)).toBe(E.NOSPC)
      expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('1234567890')
    }))
})

test('clocks and randomness of the host', () =>
  inFolder(() => {
    const asked: number[] = []
    const guest = Guest.of({
      clock: (id) => (asked.push(id), 1_000n + BigInt(id)),
      random: (bytes) => void bytes.fill(7),
    })
    expect([guest.call.clock_time_get(0, 0n, 8), guest.time()]).toEqual([0, 1000n])
    expect([guest.call.clock_time_get(1, 0n, 8), guest.time()]).toEqual([0, 1001n])
    expect(asked).toEqual([0, 1])
    expect([guest.call.random_get(32, 3), [...guest.bytes(32, 4)]]).toEqual([0, [7, 7, 7, 0]])
    expect(guest.call.random_get(131072, 1)).toBe(E.FAULT)
  }))

test('the clocks and the randomness of the system', () =>
  inFolder(() => {
    const guest = Guest.of()
    const times = [0, 1, 2, 3].map((id) => [guest.call.clock_time_get(id, 0n, 8), guest.time()] as const)
    expect(times.map(([errno]) => errno)).toEqual([0, 0, 0, 0])
    expect(Math.abs(Number(times[0]![1] / 1_000_000n) - Date.now())).toBeLessThan(60_000)
    expect(guest.call.clock_time_get(9, 0n, 8)).toBe(E.INVAL)
    expect(guest.call.random_get(65536, 65536)).toBe(0)
    expect(new Set(guest.bytes(65536, 1024)).size).toBeGreaterThan(64)
  }))

test('proc_exit ends the call and nothing else: an error that carries the code', () =>
  inFolder(() => {
    for (const compiler of compilers) {
      const guest = Guest.of({}, compiler)
      const error = thrownBy(() => guest.exit(5))
      expect(error).toBeInstanceOf(RuntimeError)
      expect(error).toMatchObject({ code: 'ERR_RELINK_WASI_EXIT', exitCode: 5 })
      expect(guest.call.sched_yield()).toBe(0)
    }
  }))

describe('the option wasi', () => {
  test('load runs a command by start, once', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'command.wasm')
      writeFileSync(path, await wat(COMMAND))
      const chunks: string[] = []
      const wasi = { stdout: (chunk: Buffer) => void chunks.push(String(chunk)) }
      const instance = await load(path, undefined, { wasi, cache: false })
      expect([instance.start(), chunks]).toEqual([3, ['hello\n']])
      expect(thrownBy(() => instance.start())).toMatchObject({ code: 'ERR_WASI_ALREADY_STARTED' })
    }))

  test('a reactor is initialized, and its imports of the user come first', async () => {
    const bytes = await wat(REACTOR)
    const exits: number[] = []
    const wasi_snapshot_preview1 = { proc_exit: (code: number) => void exits.push(code) }
    const { instance }: any = await instantiate(bytes as never, { wasi_snapshot_preview1 }, { wasi: {} })
    expect(instance.exports.ready()).toBe(1)
    expect(thrownBy(() => instance.exports.exit(4))).toMatchObject({ trap: 'unreachable' })
    expect(exits).toEqual([4])
    expect(thrownBy(() => instance.start())).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('bad options are refused, and so is start without the option', async () => {
    const module = new Module(await wat(REACTOR))
    const make = (wasi: unknown) => thrownBy(() => new Instance(module, {}, { wasi } as never))
    expect(make(5)).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', message: expect.stringContaining('options.wasi') })
    expect(make({ preopen: {} })).toMatchObject({ message: expect.stringContaining('did you mean `preopens`') })
    expect(make({ env: { A: 1 } })).toMatchObject({ message: expect.stringContaining('options.wasi.env["A"]') })
    const without = new Instance(module, preview1().getImportObject())
    expect(thrownBy(() => without.start())).toMatchObject({ code: 'ERR_WASI_NOT_STARTED' })
  })

  test('an import of WASI with another type is a LinkError that says both', async () => {
    const module = new Module(await wat('(module (import "wasi_snapshot_preview1" "fd_close" (func (param i64))))'))
    expect(thrownBy(() => new Instance(module, {}, { wasi: {} }))).toMatchObject({
      code: 'ERR_RELINK_IMPORT',
      expected: 'func (i64)',
      actual: expect.stringContaining('(i32) -> i32'),
    })
  })

  test('closing the instance closes what the guest has open', () =>
    inFolder(async (folder) => {
      if (process.platform !== 'linux') return
      const files = () => readdirSync('/proc/self/fd').map((fd) => linkOf(`/proc/self/fd/${fd}`))
      const descriptors = () => files().filter((path) => path?.startsWith(folder)).length
      const bytes = await wat(`(module
        (import "wasi_snapshot_preview1" "path_open"
          (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 64) "file")
        (func (export "open") (result i32) i32.const 3 i32.const 0 i32.const 64 i32.const 4 i32.const 1 i64.const 66 i64.const 0
          i32.const 0 i32.const 8 call $open))`)
      const module = new Module(bytes)
      const before = descriptors()
      const instance = new Instance<any>(module, {}, { wasi: { preopens: { '/': folder } } })
      expect([instance.exports.open(), instance.exports.open()]).toEqual([0, 0])
      expect(descriptors()).toBe(before + 3)
      instance.close()
      expect(descriptors()).toBe(before)
    }))
})

/** The target of a link; undefined if it has gone meanwhile. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

test('the files that a guest has opened are closed with the last instance of its WASI', () =>
  inFolder((folder) => {
    writeFileSync(join(folder, 'file'), 'content')
    const wasi = preview1({ preopens: { '/': folder } })
    const [first, second] = [new Guest(wasi), new Guest(wasi)]
    const fd = first.open('file')
    expect(second.read(fd, 3)).toBe('con')
    first.instance.close()
    expect(second.read(fd, 3)).toBe('ten')
    second.instance.close()
    const third = new Guest(wasi)
    expect([third.read(fd), third.cat('file')]).toEqual([-E.BADF, 'content'])
  }))

test('a function of WASI is an import like others: its slot is relinked, and its original called', async () => {
  const chunks: string[] = []
  const wasi = { stdout: (chunk: Buffer) => void chunks.push(String(chunk)) }
  const instance = new Instance<any, any>(new Module(await wat(COMMAND)), {}, { wasi })
  const slot = instance.slot('fd_write')
  const { original } = slot
  const seen: number[] = []
  using _link = link(
    ((fd: number, ...rest: number[]) => (seen.push(fd), (original as any)(fd, ...rest))) as any,
    slot as any,
  )
  expect([instance.start(), seen, chunks]).toEqual([3, [1], ['hello\n']])
})

test('under register, node:wasi is ours, from both module systems', async () => {
  const program = `
    const assert = require('node:assert'); const ours = require(${JSON.stringify(join(root, 'wasi.js'))}).WASI
    assert.strictEqual(require('node:wasi').WASI, ours)
    import('node:wasi').then(({ WASI }) => {
      assert.strictEqual(WASI, ours)
      const wasi = new WASI({ version: 'preview1' })
      const bytes = Buffer.from(${JSON.stringify('BYTES')}, 'base64')
      WebAssembly.instantiate(bytes, wasi.getImportObject()).then(({ instance }) => console.log('exit', wasi.start(instance)))
    })`
  const bytes = Buffer.from(await wat(COMMAND)).toString('base64')
  const parameters = ['--require', join(root, 'register.cjs'), '-e', program.replace('BYTES', bytes)]
  const { stdout, stderr, status } = spawnSync(process.execPath, parameters, { encoding: 'utf8' })
  expect({ stdout, stderr, status }).toEqual({ stdout: 'hello\nexit 3\n', stderr: '', status: 0 })
})

test('without returnOnExit, proc_exit ends the process', async () => {
  const bytes = Buffer.from(await wat(COMMAND)).toString('base64')
  const program = `
    const { WASI } = require(${JSON.stringify(join(root, 'wasi.js'))}); const { Instance, Module } = require(${JSON.stringify(root)})
    const wasi = new WASI({ version: 'preview1', returnOnExit: false })
    process.on('exit', (code) => console.log('exits with', code))
    wasi.start(new Instance(new Module(Buffer.from('${bytes}', 'base64')), wasi.getImportObject()))
    console.log('not reached')`
  const { stdout, status } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' })
  expect({ stdout, status }).toEqual({ stdout: 'hello\nexits with 3\n', status: 3 })
})

test('wasi_unstable runs too', async () => {
  const text = COMMAND.replaceAll('wasi_snapshot_preview1', 'wasi_unstable')
  const chunks: string[] = []
  const wasi = new WASI({ version: 'unstable', stdout: (chunk) => void chunks.push(String(chunk)) })
  expect(wasi.start(new Instance(new Module(await wat(text)), wasi.getImportObject()))).toBe(3)
  const instance = new Instance(
    new Module(await wat(text)),
    {},
    { wasi: { stdout: (chunk) => void chunks.push(String(chunk)) } },
  )
  expect([instance.start(), chunks]).toEqual([3, ['hello\n', 'hello\n']])
})
