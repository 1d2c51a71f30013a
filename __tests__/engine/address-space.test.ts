// The address space that memories reserve: all that an instruction can reach, or only their own bytes, with a check of each
// access. Nothing else differs.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CompileOptions,
  Instance,
  Memory,
  Module,
  WebAssembly as ours,
  cache,
  compile,
  compileFile,
  inspect,
} from '../..'
import { compare } from '../support/differential'
import { STACK_POINTER, withStackPointer } from '../support/stack-pointer'
import { gentle } from '../support/scenario'
import { compilers, guest, guestPath, root, thrownBy, wat } from '../support'
import { texts } from '../support/texts'

const PAGE = 65536
const small = { reserve: 'small' } as const
const every = [...compilers, 'auto'] as const

/** A module that reads, writes and grows its own memory, and exports it. */
const text = (limits: string, memory = `(memory (export "memory") ${limits})`) => `(module
  ${memory}
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "load8") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "far") (param i32) (result i64) (i64.load offset=65528 (local.get 0)))
  (func (export "farther") (param i32) (result i32) (i32.load8_u offset=65536 (local.get 0)))
  (func (export "last") (param i32) (result i32) (i32.load8_u offset=4294967295 (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 7) (local.get 1)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`

const make = async (options: CompileOptions, source: string, imports = {}) =>
  new Instance(new Module(await wat(source), options), imports).exports as any

const trap = { code: 'ERR_RELINK_TRAP', trap: 'memory-out-of-bounds' }

describe.each(every)('a small memory (%s)', (compiler) => {
  const options = { compiler, ...small }

  test('traps beyond its end', async () => {
    const exports = await make(options, text('1 3'))
    for (const pages of [1, 2, 3]) {
      const end = pages * PAGE
      exports.store(end - 4, pages)
      expect([exports.load(end - 4), exports.load8(end - 1), exports.far(end - PAGE)]).toEqual([
        pages,
        0,
        BigInt(pages) << 32n,
      ])
      const beyond: [string, number][] = [
        ['load', end - 3],
        ['load', end],
        ['load', end + PAGE],
        ['load', 2 ** 31],
        ['load', -1],
        ['load8', end],
        ['far', end - PAGE + 1],
        ['far', end],
        ['farther', end - PAGE],
        ['farther', end],
        ['last', 0],
        ['last', -1],
      ]
      for (const [name, at] of beyond) expect(thrownBy(() => exports[name](at))).toMatchObject(trap)
      expect(thrownBy(() => exports.store(end - 2, 1))).toMatchObject(trap)
      expect(thrownBy(() => exports.fill(end - 2, 3))).toMatchObject(trap)
      expect(exports.grow(1)).toBe(pages < 3 ? pages : -1)
    }
    expect([exports.size(), exports.memory.buffer.byteLength]).toEqual([3, 3 * PAGE])
    expect(() => exports.memory.grow(1)).toThrow(RangeError)
  })

  test('without pages traps on every access', async () => {
    const exports = await make(options, text('0'))
    expect(exports.memory.buffer.byteLength).toBe(0)
    for (const name of ['load', 'load8', 'far', 'farther', 'last'])
      expect(thrownBy(() => exports[name](0))).toMatchObject(trap)
    expect([exports.grow(0), exports.grow(1), exports.load(0)]).toEqual([0, 0, 0])
  })

  test('grows in place, beside others, and detaches its buffer', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => make(options, text('1'))))
    for (let round = 1; round < 40; round++) {
      all.forEach((exports, number) => {
        const { buffer } = exports.memory
        new Int32Array(buffer)[round] = number * round
        expect(exports.grow(number)).toBe(1 + number * (round - 1))
        expect(buffer.byteLength).toBe(number === 0 ? PAGE : 0)
        expect(exports.load(round * 4)).toBe(number * round)
      })
    }
    expect(all[7].memory.grow(65536 - all[7].size() - 50_000)).toBe(1 + 39 * 7)
    all[7].store(all[7].size() * PAGE - 4, 8)
    expect(new Int32Array(all[7].memory.buffer).at(-1)).toBe(8)
    expect(all.map((exports) => exports.load(4))).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })
})

describe.each(compilers)('memories of both kinds (%s)', (compiler) => {
  const imported = text('', '(import "env" "memory" (memory 1 10))')

  test('code that checks each access accepts both', async () => {
    for (const reserve of [undefined, 'full', 'small'] as const) {
      const memory = new Memory({ initial: 1, maximum: 10 }, { reserve })
      const exports = await make({ compiler, ...small }, imported, { env: { memory } })
      expect([exports.grow(1), memory.buffer.byteLength, exports.load(2 * PAGE - 4)]).toEqual([1, 2 * PAGE, 0])
      expect(thrownBy(() => exports.load(2 * PAGE))).toMatchObject(trap)
    }
  })

  test('code without checks refuses a small one', async () => {
    const own = (await make({ compiler, ...small }, text('1 10'))).memory
    for (const memory of [new Memory({ initial: 1, maximum: 10 }, small), own]) {
      const error = thrownBy(() => new Instance(new Module(bytes, { compiler, reserve: 'full' }), { env: { memory } }))
      expect(error).toMatchObject({ name: 'LinkError', code: 'ERR_RELINK_IMPORT', module: 'env', field: 'memory' })
      expect(error.message).toContain("{ reserve: 'small' }")
      expect(memory.grow(0)).toBe(1)
    }
  })

  let bytes: Uint8Array<ArrayBuffer>
  beforeAll(async () => {
    bytes = await wat(imported)
  })

  test('the reservation that code was compiled for is reported', async () => {
    const plain = await wat(text('1'))
    expect(new Instance(new Module(plain, { compiler, ...small })).reserve).toBe('small')
    expect(new Instance(new Module(plain, { compiler, reserve: 'full' })).reserve).toBe('full')
    expect(new Instance(await compile(plain, { compiler })).reserve).toBe(inspect(plain).reserve)
    const posted = structuredClone(new ours.Module(plain, { compiler, ...small }))
    expect((new ours.Instance(posted) as unknown as Instance).reserve).toBe('small')
  })

  test('calls over typed arrays', async () => {
    const exports = await make(
      { compiler, ...small },
      '(module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))',
    )
    const numbers = Int32Array.from({ length: 20_000 }, (_, index) => index)
    expect(exports.f.map(numbers).at(-1)).toBe(20_000)
  })
})

describe.each(every)('code for full memories that gets a small one is compiled again (%s)', (compiler) => {
  const counting = `(module
    (import "env" "memory" (memory 1 10)) (import "env" "started" (func $started))
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func $start (call $started)) (start $start))`
  const imports = () => {
    const started = jest.fn()
    return { started, env: { memory: new Memory({ initial: 1, maximum: 10 }, small), started } }
  }
  const refusal = { name: 'LinkError', code: 'ERR_RELINK_IMPORT', reserve: 'full' }

  let folder: string
  let bytes: Uint8Array<ArrayBuffer>
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wasm-relink-again-'))
    bytes = await wat(counting)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function check(make: (imports: any) => Instance) {
    const { started, env } = imports()
    new Int32Array(env.memory.buffer)[1] = 7
    const instance = make({ env })
    expect([instance.reserve, instance.exports.load(4), started.mock.calls.length]).toEqual(['small', 7, 1])
    expect(thrownBy(() => instance.exports.load(PAGE))).toMatchObject(trap)
  }

  test('of a WebAssembly.Module, once', () => {
    const module = new ours.Module(bytes, { compiler } as any)
    for (let round = 0; round < 2; round++) check((env) => new ours.Instance(module, env) as any)
    const posted = structuredClone(module)
    check((env) => new ours.Instance(posted, env) as any)
    const full = new Instance(module as any, { env: { memory: new Memory({ initial: 1, maximum: 10 }), started() {} } })
    expect(full.reserve).toBe(inspect(bytes).reserve)
  })

  test('of a file, unless it has changed', async () => {
    const file = join(folder, `${compiler}.wasm`)
    writeFileSync(file, bytes)
    const options = { compiler, cache: false } as const
    const module = await compileFile(file, options)
    check((env) => new Instance(module, env))
    writeFileSync(file, await wat(counting.replaceAll('load', 'loads').replaceAll('i32.loads', 'i32.load')))
    const changed = await compileFile(file, options)
    writeFileSync(file, await wat('(module)'))
    expect(thrownBy(() => new Instance(changed, { env: imports().env }))).toMatchObject(refusal)
  })

  test('but not where the bytes are gone, or full memories were asked for', () => {
    for (const options of [
      { compiler, slots: 'all' },
      { compiler, reserve: 'full' },
    ] as const) {
      const module = new Module(bytes, options)
      expect(thrownBy(() => new Instance(module, { env: imports().env }))).toMatchObject(refusal)
    }
    const module = new ours.Module(bytes, { compiler, reserve: 'full' } as any)
    expect(thrownBy(() => new ours.Instance(module, { env: imports().env } as any))).toMatchObject(refusal)
  })

  test('nor for an error of an import that the start function calls', () => {
    const { env, started } = imports()
    const full = new Module(bytes, { compiler, reserve: 'full' })
    started.mockImplementation(() => new Instance(full, { env: imports().env }))
    const memory = new Memory({ initial: 1, maximum: 10 }, { reserve: 'full' })
    const module = new ours.Module(bytes, { compiler } as any)
    expect(thrownBy(() => new ours.Instance(module, { env: { ...env, memory } } as any))).toMatchObject(refusal)
    expect(started).toHaveBeenCalledTimes(1)
  })
})

test('other values of `reserve` are refused', async () => {
  const bytes = await wat(text('1'))
  const wrong = { reserve: 'tiny' } as any
  for (const run of [() => new Module(bytes, wrong), () => new Memory({ initial: 1 }, wrong)]) {
    expect(thrownBy(run)).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
  }
})

describe('behaves like V8', () => {
  test.each(['plugin', 'scalars', 'pricing'])('the guest %s', async (name) => {
    const options = { argumentSets: gentle, stackPointer: STACK_POINTER, ...small }
    const { differences, ran } = await compare(withStackPointer(guest(name)), options)
    expect(differences).toEqual([])
    expect(ran).toEqual(expect.arrayContaining(['cranelift, none, small', 'singlepass, none, small']))
  })

  const withMemory = texts.filter(([, where, source]) => where === 'everywhere' && /\(memory/.test(source))
  test.each(withMemory)('%s', async (_, __, source, features = {}) => {
    expect((await compare(await wat(source, features), small)).differences).toEqual([])
  })
})

// Processes with limited address space.
const onLinux = process.platform === 'linux' ? describe : describe.skip

onLinux('where the system refuses more', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wasm-relink-space-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Runs a program in 4 GB of addresses, and returns its output. */
  function run(program: string, kilobytes = 4_000_000): string[] {
    const source = `const relink = require(${JSON.stringify(root)})\nvoid (async () => {${program}})()`
    const words = ['-c', `ulimit -v ${kilobytes}; exec "$0" -e "$1"`, process.execPath, source]
    const env = { ...process.env, WASM_RELINK_CACHE: folder }
    const { status, signal, stdout, stderr } = spawnSync('bash', words, { encoding: 'utf8', env })
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
    return stdout.trim().split('\n')
  }

  test.each(every)('40 instances work, grow and trap beyond their ends (%s)', async (compiler) => {
    const bytes = Buffer.from(await wat(text('2'))).toString('base64')
    const printed = run(`
      const module = await relink.compile(Buffer.from('${bytes}', 'base64'), { compiler: '${compiler}' })
      const all = Array.from({ length: 40 }, () => new relink.Instance(module))
      await all[0].optimized
      let sum = 0
      for (const [number, { exports }] of all.entries()) {
        exports.store(4, number)
        exports.grow(number)
        exports.store(exports.size() * ${PAGE} - 4, number)
        try {
          exports.load(exports.size() * ${PAGE})
        } catch (error) {
          if (error.trap === 'memory-out-of-bounds') sum += 1000
        }
      }
      for (const { exports } of all) sum += exports.load(4) + exports.load(exports.size() * ${PAGE} - 4)
      console.log(sum, all[39].reserve, all[39].compiler)`)
    expect(printed).toEqual([`${40_000 + 2 * 780} small ${compiler === 'singlepass' ? compiler : 'cranelift'}`])
  })

  test('loads go through the cache, with an entry for each', () => {
    const program = `
      const { exports, reserve } = await relink.load(${JSON.stringify(guestPath('pricing'))})
      console.log(reserve, Object.keys(exports).length > 0, relink.cache.entries().map((entry) => entry.reserve).sort())`
    expect(run(program)).toEqual(["small true [ 'small' ]"])
    expect(run(program)).toEqual(["small true [ 'small' ]"])
    expect(run(program, 2 ** 50)).toEqual(["full true [ 'full', 'small' ]"])
    expect(run(program)).toEqual(["small true [ 'full', 'small' ]"])
  })

  test('memories that JavaScript made, and batches', async () => {
    const bytes = Buffer.from(await wat(text('', '(import "env" "memory" (memory 1 10))'))).toString('base64')
    const printed = run(`
      const module = new relink.Module(Buffer.from('${bytes}', 'base64'))
      const all = Array.from({ length: 40 }, () => new relink.Memory({ initial: 1, maximum: 10 }))
      const instances = all.map((memory) => new relink.Instance(module, { env: { memory } }))
      instances.forEach(({ exports }, number) => exports.store(8, number))
      console.log(all.reduce((sum, { buffer }) => sum + new Int32Array(buffer)[2], 0))
      console.log(instances[3].exports.load.map(new Int32Array([8, 12])).join())`)
    expect(printed).toEqual(['780', '3,0'])
  })

  test('a refused full memory comes with advice', async () => {
    const bytes = Buffer.from(await wat(text('1'))).toString('base64')
    const printed = run(`
      const module = new relink.Module(Buffer.from('${bytes}', 'base64'), { reserve: 'full' })
      try {
        new relink.Instance(module)
      } catch (error) {
        console.log(error.name, error.code, error.message.includes("{ reserve: 'small' }"))
      }`)
    expect(printed).toEqual(['RangeError ERR_RELINK_MEMORY true'])
  })

  test('also when the limit is set later', async () => {
    const bytes = Buffer.from(await wat(text('1'))).toString('base64')
    const printed = run(
      `
      const bytes = Buffer.from('${bytes}', 'base64')
      const before = new relink.Module(bytes)
      const { exports, reserve } = new relink.Instance(before)
      console.log(reserve, exports.load8.map(new Int32Array(3)).join())
      const kilobytes = Number(/VmSize:\\s+(\\d+)/.exec(require('fs').readFileSync('/proc/self/status', 'utf8'))[1])
      const limit = '--as=' + (kilobytes + 200_000) * 1024
      require('child_process').execFileSync('prlimit', ['--pid', process.pid, limit])
      try {
        new relink.Instance(before)
      } catch (error) {
        console.log(error.code, error.message.includes("{ reserve: 'small' }"))
      }
      const after = new relink.Instance(new relink.Module(bytes))
      console.log(after.reserve, after.exports.load8.map(new Int32Array(3)).join(), new relink.Memory({ initial: 3 }).grow(4))
      console.log(exports.far.map(new Int32Array(3)).join())`,
      2 ** 50,
    )
    expect(printed).toEqual(['full 0,0,0', 'ERR_RELINK_MEMORY true', 'small 0,0,0 3', '0,0,0'])
  })

  test.each(every)('a module that was compiled before the limit was set is compiled again (%s)', async (compiler) => {
    const bytes = Buffer.from(await wat(text('1'))).toString('base64')
    const printed = run(
      `
      const bytes = Buffer.from('${bytes}', 'base64')
      const options = { compiler: '${compiler}' }
      const modules = [new relink.WebAssembly.Module(bytes, options), await relink.compileFile(${JSON.stringify(guestPath('scalars'))}, options)]
      const before = modules.map((module) => new relink.Instance(module))
      const kilobytes = Number(/VmSize:\\s+(\\d+)/.exec(require('fs').readFileSync('/proc/self/status', 'utf8'))[1])
      const limit = '--as=' + (kilobytes + 400_000) * 1024
      require('child_process').execFileSync('prlimit', ['--pid', process.pid, limit])
      const after = modules.map((module) => new relink.Instance(module))
      await Promise.all([...before, ...after].map(({ optimized }) => optimized))
      console.log(before.map(({ reserve }) => reserve).join(), after.map(({ reserve }) => reserve).join())
      for (const { exports } of [before[0], after[0]]) {
        exports.store(4, exports.grow(3))
        try {
          exports.load(exports.size() * ${PAGE})
        } catch (error) {
          console.log(exports.load(4), exports.size(), error.trap)
        }
      }`,
      2 ** 50,
    )
    expect(printed).toEqual(['full,full small,small', '1 4 memory-out-of-bounds', '1 4 memory-out-of-bounds'])
  })

  test('addresses of closed memories are reused', async () => {
    const bytes = Buffer.from(await wat(text('1000'))).toString('base64')
    const printed = run(`
      const module = new relink.Module(Buffer.from('${bytes}', 'base64'))
      for (let round = 0; round < 500; round++) {
        const instance = new relink.Instance(module)
        if (instance.exports.load(1000) !== 0) throw new Error('not a fresh one')
        instance.exports.store(1000, 1)
        instance.close()
      }
      console.log('done')`)
    expect(printed).toEqual(['done'])
  })
})

test('the cache reports the reservation', () => {
  expect(cache.entries().every(({ reserve }) => reserve === 'full' || reserve === 'small')).toBe(true)
})
