// Allocations whose size a guest or a user chooses, in a process without room for them: they fail with an error, and the
// process goes on. Each test runs a process of its own, which limits its own memory.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { leb, list, module, section } from '../support/binary'
import { root, wat, withSection } from '../support'

const onLinux = process.platform === 'linux' ? describe : describe.skip

/** The mebibytes that are left to V8 (`HEADROOM` in src/engine/alloc/room.rs). */
const HEADROOM = 64

/**
 * Runs a program with `relink`, the `bytes` of a module, `leave(megabytes)`, which limits the memory beside V8's, and
 * `say(run)`, which prints the outcome of a function.
 */
function run(program: string, bytes = new Uint8Array()): string[] {
  const source = `
    const { execFileSync } = require('node:child_process')
    const { readFileSync } = require('node:fs')
    const relink = require(${JSON.stringify(root)})
    const bytes = Buffer.from(readFileSync(0, 'utf8'), 'base64')
    const leave = (megabytes) => {
      const kilobytes = Number(/VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
      execFileSync('prlimit', ['--pid', process.pid, '--as=' + (kilobytes * 1024 + (${HEADROOM} + megabytes) * 2 ** 20)])
    }
    const words = (error) => [error.constructor.name, error.code].join(' ')
    const say = (run) => {
      try {
        console.log(String(run()))
      } catch (error) {
        console.log(words(error))
      }
    }
    void (async () => {${program}})()`
  const input = Buffer.from(bytes).toString('base64')
  // The limit is computed late here. A thread of V8 that first allocates after that would reserve 64 MiB for an arena.
  const env = { ...process.env, MALLOC_ARENA_MAX: '1' }
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', source], {
    encoding: 'utf8',
    input,
    env,
  })
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  return stdout.trim().split('\n')
}

const STEPS = 80
const PROCESS = join(root, 'fuzz', 'room', 'process.cjs')

const { SCENARIOS, TEXTS } = require('../../fuzz/room/scenarios.cjs') as {
  SCENARIOS: Record<string, string[]>
  TEXTS: Record<string, string>
}

const NO_ROOM = 'RangeError ERR_RELINK_MEMORY'

onLinux('where there is no room for it', () => {
  test('a table is not made', () => {
    const printed = run(`
      new relink.Table({ element: 'anyfunc', initial: 1 })
      leave(60)
      say(() => new relink.Table({ element: 'anyfunc', initial: 10_000_000 }))
      say(() => new relink.Table({ element: 'externref', initial: 10_000_000 }, 'a value'))
      say(() => new relink.Table({ element: 'anyfunc', initial: 1000 }).length)`)
    expect(printed).toEqual([NO_ROOM, NO_ROOM, '1000'])
  })

  test('a table does not grow', () => {
    const printed = run(`
      const table = new relink.Table({ element: 'externref', initial: 3, maximum: 9_999_999 })
      leave(60)
      say(() => table.grow(9_000_000))
      say(() => table.grow(9_999_997))
      say(() => table.length)
      say(() => table.grow(1000))
      say(() => table.length)`)
    expect(printed).toEqual([NO_ROOM, 'RangeError ERR_OUT_OF_RANGE', '3', '3', '1003'])
  })

  test.each(['cranelift', 'singlepass'] as const)(
    'the instruction that grows one returns -1, on %s',
    async (compiler) => {
      const bytes = await wat(`(module
      (import "env" "table" (table $given 5 externref))
      (table $own 3 funcref)
      (func (export "own") (param i32) (result i32) (table.grow $own (ref.func $size) (local.get 0)))
      (func (export "given") (param i32) (result i32) (table.grow $given (ref.null extern) (local.get 0)))
      (func $size (export "size") (result i32) (i32.add (table.size $own) (table.size $given)))
      (func (export "last") (result i32)
        (call_indirect $own (result i32) (i32.sub (table.size $own) (i32.const 1)))))`)
      const printed = run(
        `
      const table = new relink.Table({ element: 'externref', initial: 5 })
      const module = new relink.Module(bytes, { compiler: '${compiler}', slots: 'none' })
      const { exports } = new relink.Instance(module, { env: { table } })
      leave(60)
      say(() => exports.own(9_000_000))
      say(() => exports.given(9_000_000))
      say(() => exports.size())
      say(() => exports.own(0))
      say(() => exports.given(20_000))
      say(() => exports.own(20_000))
      say(() => exports.last())
      say(() => table.length)`,
        bytes,
      )
      expect(printed).toEqual(['-1', '-1', '8', '3', '5', '3', '40008', '20005'])
    },
  )

  test('a table that grows step by step stops in time', async () => {
    const bytes = await wat(`(module
      (table 1 funcref)
      (func (export "fill") (result i32)
        (loop $more (br_if $more (i32.ne (table.grow (ref.null func) (i32.const 1000)) (i32.const -1))))
        (table.size)))`)
    const [size] = run(
      `
      const { exports } = new relink.Instance(new relink.Module(bytes))
      leave(40)
      say(() => exports.fill())`,
      bytes,
    )
    expect(Number(size)).toBeGreaterThan(1_000_000)
    expect(Number(size)).toBeLessThan(5_000_000)
  })

  test('an instance with such a table is not made', async () => {
    const [growing, fixed] = [
      await wat('(module (table 9000000 funcref))'),
      await wat('(module (table 3000000 3000000 funcref))'),
    ]
    for (const bytes of [growing, fixed]) {
      const printed = run(
        `
        const module = new relink.Module(bytes)
        leave(20)
        say(() => new relink.Instance(module))
        say(() => relink.Store.default.stats().instances)`,
        bytes,
      )
      expect(printed).toEqual([NO_ROOM, '0'])
    }
  })

  test('a memory is not made, and does not grow', async () => {
    const bytes = await wat(`(module (memory (export "memory") 1)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`)
    const printed = run(
      `
      const limits = { memorySize: Infinity }
      const { exports } = new relink.Instance(new relink.Module(bytes), {}, { limits })
      const { memory } = exports
      execFileSync('prlimit', ['--pid', process.pid, '--data=' + 2 ** 30])
      say(() => memory.grow(60_000))
      say(() => memory.grow(70_000))
      say(() => exports.grow(60_000))
      say(() => memory.grow(1))
      say(() => memory.buffer.byteLength)
      leave(60)
      say(() => new relink.Memory({ initial: 30_000 }))
      say(() => new relink.Memory({ initial: 1, maximum: 65536, shared: true }))`,
      bytes,
    )
    expect(printed).toEqual([NO_ROOM, 'RangeError ERR_OUT_OF_RANGE', '-1', '1', '131072', NO_ROOM, NO_ROOM])
  })

  test('a module is not compiled', () => {
    const increment = [0x20, 0x00, 0x41, 0x01, 0x6a, 0x21, 0x00]
    const body = [0x00, ...Array.from({ length: 50 }, () => increment).flat(), 0x20, 0x00, 0x0b]
    const count = 3000
    const bytes = module(
      section('type', [1, 0x60, 1, 0x7f, 1, 0x7f]),
      list('function', count, [0]),
      list('code', count, [...leb(body.length), ...body]),
    )
    const printed = run(
      `
      const small = Buffer.from('0061736d01000000', 'hex')
      // Node itself ends without room for its threads.
      await relink.compile(small)
      leave(20)
      for (const compiler of ['cranelift', 'singlepass', 'auto']) {
        say(() => new relink.Module(bytes, { compiler }))
        await relink.compile(bytes, { compiler }).catch((error) => console.log(words(error)))
      }
      say(() => relink.validate(bytes))
      say(() => new relink.Instance(new relink.Module(small)))`,
      bytes,
    )
    expect(printed).toEqual([...Array(6).fill(NO_ROOM), 'true', '[object WebAssembly.Instance]'])
  })

  test('a module is not copied', async () => {
    const bytes = withSection(await wat('(module (func (export "f") (result i32) (i32.const 1)))'), 'big', 'x')
    const printed = run(
      `
      const section = Buffer.alloc(50_000_000)
      const head = Buffer.from([0, 0x80 | (4 + section.length) % 128, 0x80 | ((4 + section.length) >> 7) % 128,
        0x80 | ((4 + section.length) >> 14) % 128, (4 + section.length) >> 21, 3, 0x62, 0x69, 0x67])
      const large = Buffer.concat([bytes, head, section])
      const module = new relink.Module(large)
      leave(30)
      await relink.compile(large).catch((error) => console.log(words(error)))
      await relink.compile(large, { slots: ['f'] }).catch((error) => console.log(words(error)))
      say(() => new relink.Module(large, { compiler: 'auto' }))
      say(() => relink.Module.customSections(module, 'big'))
      say(() => new relink.Instance(module).exports.f())`,
      bytes,
    )
    expect(printed).toEqual([NO_ROOM, NO_ROOM, NO_ROOM, NO_ROOM, '1'])
  })

  // fuzz/room.mjs does this with many limits and seeds.
  test.each(Object.entries(SCENARIOS))(
    'the steps of "%s" are refused, and the process goes on',
    async (_scenario, names) => {
      const texts = Object.fromEntries(
        await Promise.all(
          Object.entries(TEXTS).map(async ([name, text]) => [name, Buffer.from(await wat(text)).toString('base64')]),
        ),
      )
      const ends = [70, 180].map((leave) => {
        const compilers = ['cranelift', 'singlepass', 'auto']
        const input = JSON.stringify({ seed: leave, steps: STEPS, names, texts, compilers, engine: root, leave })
        const { status, signal, stdout, stderr } = spawnSync(process.execPath, [PROCESS], { encoding: 'utf8', input })
        const { done, refused, unexpected } = JSON.parse(stdout || '{}') as Record<string, unknown>
        return { status, signal, stderr, unexpected, all: Number(done) + Number(refused), refused: Number(refused) > 0 }
      })
      const good = { status: 0, signal: null, stderr: '', unexpected: undefined, all: STEPS }
      expect(ends).toMatchObject([{ ...good, refused: true }, good])
    },
  )
})
