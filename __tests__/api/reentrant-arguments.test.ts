// Arguments that run code when they are converted: objects that this code closes are not used afterwards.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as relink from '../..'
import { Exception, Global, Instance, Memory, Module, Store, Tag, validate } from '../..'
import { guestPath, root, thrownBy, wat } from '../support'

const PLUGIN = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 1 4)
  (table (export "table") 2 4 funcref)
  (global (export "number") (mut i32) (i32.const 1))
  (tag (export "tag") (param i32))
  (func (export "id") (param i32) (result i32) (local.get 0))
  (func (export "pair") (param i32) (result i32 i32) (local.get 0) (local.get 0))
  (func (export "run") (param i32) (result i32) (call $f (local.get 0))))`

const STARTING = '(module (import "env" "f" (func $f)) (memory (export "memory") 1) (start $f))'

let plugin: Module
let starting: Module
let store: Store

beforeAll(async () => {
  plugin = new Module(await wat(PLUGIN, { exceptions: true }))
  starting = new Module(await wat(STARTING))
})

beforeEach(() => {
  store = new Store()
})

const make = (f: (number: number) => unknown = () => 0) => new Instance(plugin, { env: { f } } as any, { store })

/** A number that runs `act` when it is converted. */
const asked = (value: number, act: () => void): any => ({
  valueOf() {
    act()
    return value
  },
})

/** For each API, a call on a new instance; converting its argument runs `act`. */
const calls: Record<string, (instance: Instance, act: () => void) => unknown> = {
  'an exported function': ({ exports }, act) => exports.id(asked(5, act)),
  'Global value': ({ exports }, act) => (exports.number.value = asked(5, act)),
  'Memory grow': ({ exports }, act) => exports.memory.grow(asked(1, act)),
  'Table get': ({ exports }, act) => exports.table.get(asked(1, act)),
  'Table set': ({ exports }, act) => exports.table.set(asked(1, act), null),
  'Table grow': ({ exports }, act) => exports.table.grow(asked(1, act)),
  'Table slot': ({ exports }, act) => exports.table.slot(asked(0, act)),
  'Exception, its values': ({ exports }, act) => new Exception(exports.tag, [asked(5, act)]),
  'Exception, its payload': ({ exports }, act) =>
    new Exception(exports.tag, {
      *[Symbol.iterator]() {
        act()
        yield 5
      },
    }),
  link: (instance, act) =>
    relink.link((x: number) => x, instance.slot('id'), {
      get merged() {
        act()
        return true
      },
    }),
  'map, its options': ({ exports }, act) =>
    exports.id.map(Int32Array.of(1), {
      get into() {
        act()
        return undefined
      },
    }),
}

describe.each(Object.keys(calls))('%s', (name) => {
  const call = calls[name]!

  test('of an instance that its conversion closes', () => {
    const instance = make()
    expect(thrownBy(() => call(instance, () => instance.close())).code).toBe('ERR_RELINK_CLOSED')
  })

  test('of a store that its conversion closes', () => {
    const instance = make()
    expect(thrownBy(() => call(instance, () => store.close())).code).toBe('ERR_RELINK_CLOSED')
  })

  test('with a conversion that collects, grows and calls', () => {
    const instance = make()
    const { exports } = instance
    const act = () => {
      store.collect()
      exports.memory.grow(1)
      exports.run(1)
    }
    exports.table.set(0, exports.id)
    expect(() => call(instance, act)).not.toThrow()
    expect(exports.memory.buffer.byteLength).toBe((name === 'Memory grow' ? 3 : 2) * 65_536)
  })

  test('throws the error that its conversion throws', () => {
    const thrown = new EvalError('of the user')
    const act = () => {
      throw thrown
    }
    expect(thrownBy(() => call(make(), act))).toBe(thrown)
  })
})

test.each([
  [
    'an i32',
    () =>
      new Global(
        { value: 'i32' },
        asked(5, () => store.close()),
        { store },
      ),
  ],
  ['limits', () => new Memory({ initial: asked(1, () => store.close()) }, { store })],
  [
    'types',
    () => {
      const parameters = {
        *[Symbol.iterator]() {
          store.close()
          yield 'i32' as const
        },
      }
      return new Tag({ parameters }, { store })
    },
  ],
])('nothing is made in a store that the conversion of %s closes', (_, construct) => {
  expect(thrownBy(construct).code).toBe('ERR_RELINK_CLOSED')
  expect(store.stats()).toMatchObject({ memories: 0, globals: 0, tags: 0 })
})

test('an instance whose imports close an imported object, or the store, is not made', async () => {
  const text = '(module (import "a" "memory" (memory 1)) (import "a" "f" (func)) (import "b" "x" (func)))'
  const module = new Module(await wat(text))
  for (const end of [(owner: Instance) => owner.close(), () => store.close()]) {
    const owner = make()
    const b = {
      get x() {
        end(owner)
        return () => {}
      },
    }
    const imports = { a: { memory: owner.exports.memory, f() {} }, b }
    expect(thrownBy(() => new Instance(module, imports, { store })).code).toBe('ERR_RELINK_CLOSED')
    expect(store.stats().instances).toBe(0)
  }
})

test('an instance whose start function closes the store is not made', () => {
  const f = () => store.close()
  expect(thrownBy(() => new Instance(starting, { env: { f } }, { store })).code).toBe('ERR_RELINK_CLOSED')
  expect(store.stats()).toMatchObject({ instances: 0, memories: 0 })
})

test('WebAssembly sees shared memory that grows while a result is converted', async () => {
  const text = `(module
    (import "env" "memory" (memory 1 4 shared))
    (import "env" "f" (func $f (result i32)))
    (func (export "read") (result i32) (i32.load (call $f))))`
  const memory = new Memory({ initial: 1, maximum: 4, shared: true }, { store })
  // The growth of Node's own memory object, which notifies no one.
  const grow = (WebAssembly as any).Memory.prototype.grow
  const f = () =>
    asked(70_000, () => {
      grow.call(memory, 1)
      new Int32Array(memory.buffer)[70_000 / 4] = 12
    })
  const module = new Module(await wat(text, { threads: true }))
  expect(new Instance(module, { env: { memory, f } }, { store }).exports.read()).toBe(12)
})

test('bytes that the options detach are empty', async () => {
  const bytes = await wat('(module)')
  const options = {
    get compiler() {
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
      return 'cranelift' as const
    },
  }
  expect(validate(bytes, options)).toBe(false)
})

test('each array of `into` is read once', () => {
  const arrays = [new Int32Array(1), new Int32Array(1)]
  let reads = 0
  const into = Object.defineProperty([arrays[0]!], 1, { get: () => (reads++, arrays[1]), enumerable: true })
  make().exports.pair.map(Int32Array.of(7), { into })
  expect([reads, ...arrays]).toEqual([1, Int32Array.of(7), Int32Array.of(7)])
})

test('the kind of an import is not read from a proxy that throws', async () => {
  const memory = new Proxy(
    {},
    {
      getPrototypeOf() {
        throw null
      },
    },
  )
  const bytes = await wat('(module (import "env" "memory" (memory 1)))')
  const error = thrownBy(() => new Instance(new Module(bytes), { env: { memory } }, { store }))
  expect(error).toMatchObject({ code: 'ERR_RELINK_IMPORT', field: 'memory' })
})

test('the URL of a file is read once, and nothing else of it', async () => {
  const asked: PropertyKey[] = []
  const { href, protocol } = new URL(`file://${guestPath('seed.O3')}`)
  const get = (target: any, name: PropertyKey) => (asked.push(name), target[name])
  await relink.compileFile(new Proxy({ href, protocol }, { get }))
  expect(asked).toEqual(['href', 'protocol'])
})

test('every API is called with hostile arguments, and the process stays alive', () => {
  const script = join(root, 'fuzz', 'reentrancy.mjs')
  for (const seed of [1, 2]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', script, '1500', `${seed}`], {
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain(`seed ${seed}: 1500 steps`)
  }
})

describe('the generator knows every API', () => {
  const { default: _, ...exported } = relink as Record<string, unknown>
  const { calls: known } = require('../../fuzz/reentrancy/calls.cjs') as { calls: Record<string, unknown> }
  const isClass = (value: unknown) =>
    typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value))

  /** The names of the members of a class or an object. */
  function namesOf(name: string, value: any): string[] {
    if (typeof value === 'object') return Object.keys(value).map((member) => `${name}.${member}`)
    if (!isClass(value)) return [name]
    const statics = Object.getOwnPropertyNames(value).filter((each) => !['length', 'name', 'prototype'].includes(each))
    const members = Reflect.ownKeys(value.prototype).map((each) => (typeof each === 'symbol' ? each.description : each))
    const shown = members.filter(
      (each) => !['constructor', 'Symbol.toStringTag', 'nodejs.util.inspect.custom', 'wasm-relink'].includes(each!),
    )
    const symbols = (each?: string) => (each === 'Symbol.dispose' || each === 'nodejs.dispose' ? '[dispose]' : each)
    return [name, ...statics.map((each) => `${name}.${each}`), ...shown.map((each) => `${name}#${symbols(each)}`)]
  }

  test.each(Object.entries(exported).filter(([name]) => name !== 'WebAssembly'))('%s', (name, value) => {
    expect(namesOf(name, value).filter((each) => known[each] === undefined)).toEqual([])
  })

  test('WebAssembly', () => {
    const names = Object.getOwnPropertyNames(relink.WebAssembly).map((name) => `WebAssembly.${name}`)
    expect(names.filter((each) => known[each] === undefined)).toEqual([])
  })

  test('what is declared', () => {
    const declarations = readFileSync(join(root, 'index.d.ts'), 'utf8')
    const lists = [...declarations.matchAll(/^export \{([^}]+)\}/gm)].map(([, list]) => list!.split(','))
    const names = lists.flat().map((name) => name.trim())
    const values = names.filter((name) => name !== '' && !name.startsWith('type '))
    expect(new Set(values)).toEqual(new Set(Object.keys(exported)))
  })
})
