// Calls of exported functions: by shared memory where all values are numbers, by N-API elsewhere.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Instance, Module, Store } from '../..'
import { compilers, instanceOf, root, thrownBy, wat } from '../support'

/** A function that returns its parameters in reverse order. */
const reversed = (
  types: string[],
) => `(module (func (export "f") (param ${types.join(' ')}) (result ${types.toReversed().join(' ')})
  ${types.map((_, index) => `local.get ${types.length - 1 - index}`).join(' ')}))`

const EXAMPLES = { i32: -5, i64: 2n ** 62n, f32: 0.5, f64: -1e300, externref: { any: 'value' } }
type ExampleName = keyof typeof EXAMPLES

describe.each(compilers)('calls (%s)', (compiler) => {
  test.each([
    [['i32']],
    [['i64', 'i32']],
    [['f32', 'f64', 'i64', 'i32']],
    [Array(16).fill('i64')],
    [Array(32).fill('f32')],
    [Array(33).fill('i32')],
    [Array(1000).fill('f64')],
    [['i32', 'externref', 'f64']],
  ] as [ExampleName[]][])('give results of all types in order (%#)', async (types) => {
    const { exports } = await instanceOf(reversed(types), {}, { compiler })
    const values = types.map((type) => EXAMPLES[type])
    const result = exports.f(...values)
    expect(types.length === 1 ? [result] : result).toEqual(values.toReversed())
    expect(exports.f).toHaveLength(types.length)
    expect(thrownBy(() => new exports.f(...values))).toBeInstanceOf(TypeError)
    expect(Object.keys(exports.f)).toEqual([])
    expect('prototype' in exports.f).toBe(types.length > 32)
  })

  test('a conversion that calls does not disturb the call', async () => {
    const { exports } = await instanceOf(
      `(module (func (export "f") (param i32 i64 f32 f64) (result i32 i64 f32 f64)
         local.get 0 local.get 1 local.get 2 local.get 3))`,
      {},
      { compiler },
    )
    const log: number[] = []
    const value = (at: number, is: unknown) => ({
      valueOf() {
        log.push(at)
        expect(exports.f(99, 98n, 97, 96)).toEqual([99, 98n, 97, 96])
        return is
      },
    })
    expect(exports.f(value(0, 1), value(1, 2n), value(2, 3), value(3, 4))).toEqual([1, 2n, 3, 4])
    expect(log).toEqual([0, 1, 2, 3])
  })

  test('an import that calls does not disturb the call', async () => {
    const bytes = await wat(`(module
      (import "env" "f" (func $f (param i32 i64) (result f64)))
      (func (export "call") (param i32 i64) (result i32 f64 i64)
        local.get 0  local.get 0 local.get 1 call $f  local.get 1)
      (func (export "trap") (param i32) local.get 0 i64.const 0 call $f drop unreachable))`)
    const instance: Instance = new Instance(new Module(bytes, { compiler }), {
      env: {
        f(depth: number, big: bigint) {
          if (depth === 0) return 0.5
          expect(thrownBy(() => instance.exports.trap(depth - 1))).toMatchObject({ trap: 'unreachable' })
          const [first, second, third] = instance.exports.call(depth - 1, big + 1n)
          expect([first, third]).toEqual([depth - 1, big + 1n])
          return second + 1
        },
      },
    })
    for (let depth = 0; depth < 8; depth++) {
      expect(instance.exports.call(depth, 7n)).toEqual([depth, depth + 0.5, 7n])
    }
  })

  test('a call after a trap, a throw and the end of the stack is like the first', async () => {
    const thrown = new Error('from the import')
    const { exports } = await instanceOf(
      `(module (import "env" "f" (func $f (param i32)))
        (func (export "throw") (param i32) local.get 0 call $f)
        (func (export "trap") (param i32) local.get 0 i32.load drop)
        (func $deep (export "deep") (param i32) local.get 0 call $deep)
        (memory 1)
        (func (export "next") (param i32) (result i32) local.get 0 i32.const 1 i32.add))`,
      {
        env: {
          f() {
            throw thrown
          },
        },
      },
      { compiler },
    )
    for (let round = 0; round < 20; round++) {
      expect(exports.next(round)).toBe(round + 1)
      expect(thrownBy(() => exports.throw(1))).toBe(thrown)
      expect(exports.next(-1)).toBe(0)
      expect(thrownBy(() => exports.trap(-1))).toMatchObject({ trap: 'memory-out-of-bounds' })
      expect(thrownBy(() => exports.deep(1))).toMatchObject({ trap: 'stack-overflow' })
    }
  })
})

test('stores with stacks of other sizes call each other’s functions through JavaScript', async () => {
  const bytes = await wat(`(module (import "env" "f" (func $f (param i32) (result i32)))
    (func (export "f") (param i32) (result i32)
      local.get 0 if (result i32) local.get 0 i32.const 1 i32.sub call $f i32.const 1 i32.add else i32.const 0 end))`)
  const module = new Module(bytes)
  const call = (index: number) => (value: number) => instances[index]!.exports.f(value)
  const instances: Instance[] = [64, 1024, 4096].map(
    (size, index) =>
      new Instance(module, { env: { f: call((index + 1) % 3) } }, { store: new Store({ stackSize: size * 1024 }) }),
  )
  for (let round = 0; round < 5; round++) {
    for (const { exports } of instances) expect(exports.f(40)).toBe(40)
  }
})

test('where code may not be made from strings, calls are as elsewhere', () => {
  const program = `
    const { Instance, Module } = require(${JSON.stringify(root)})
    const bytes = Buffer.from('AGFzbQEAAAABBwFgAn9+AX4DAgEABwUBAWYAAAoKAQgAIACsIAF8Cw==', 'base64')
    const { f } = new Instance(new Module(bytes)).exports
    console.log(f(2, 40n), f.length, f.name)`
  const runs = [[], ['--disallow-code-generation-from-strings']].map((flags) =>
    spawnSync(process.execPath, [...flags, '-e', program], { encoding: 'utf8' }),
  )
  for (const { status, stdout, stderr } of runs) {
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^42n 2 0$/m)
  }
})

test('a worker leaves no stack behind', () => {
  if (process.platform !== 'linux') return
  const folder = mkdtempSync(join(tmpdir(), 'wasm-relink-calls-'))
  try {
    const program = join(folder, 'workers.cjs')
    writeFileSync(
      program,
      `const { Worker, isMainThread } = require('node:worker_threads')
       const { readFileSync } = require('node:fs')
       const { Instance, Module } = require(${JSON.stringify(root)})
       const bytes = Buffer.from('AGFzbQEAAAABBwFgAn9+AX4DAgEABwUBAWYAAAoKAQgAIACsIAF8Cw==', 'base64')
       const use = () => new Instance(new Module(bytes)).exports.f(2, 40n)
       const stacks = () => readFileSync('/proc/self/maps', 'utf8').split('\\n').length
       async function main() {
         const after = []
         for (let round = 0; round < 6; round++) {
           for (let index = 0; index < 5; index++) {
             await new Promise((resolve) => new Worker(__filename).on('exit', resolve))
           }
           after.push(stacks())
         }
         console.log(JSON.stringify(after))
       }
       if (isMainThread) main()
       else use()`,
    )
    const { status, stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
    const [, first, ...others] = JSON.parse(stdout) as number[]
    // A stack is at least two mappings, and a round has five workers.
    expect(others.at(-1)! - first!).toBeLessThan(20)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
