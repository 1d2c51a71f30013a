// Long runs of swaps leave nothing behind. These tests count objects, not time.
import { spawnSync } from 'node:child_process'
import { Exception, Global, Instance, Memory, Module, Store, Table, Tag, instantiate, link, relink } from '../..'
import { InstanceMaker, collect, collectGarbage } from '../support/collecting'
import { guest, root, wat } from '../support'

const PLUGIN = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 1 2)
  (table (export "values") 1 externref)
  (tag $tag (export "tag") (param i32))
  (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "run") (param i32) (result i32) (call $f (local.get 0)))
  (func (export "keep") (param externref) (table.set 0 (i32.const 0) (local.get 0)))
  (func (export "throw") (throw $tag (i32.const 1))))`

/** The counts of objects; without totals, which only grow, and without bytes that V8 has yet to free. */
function left(store: Store) {
  const { freed: _freed, collections: _collections, collectionTime: _time, retainedBytes: _, ...counts } = store.stats()
  return counts
}

const rounds: Record<string, (make: () => Instance, store: Store) => unknown> = {
  'instances that are dropped': (make) => make().exports.run(1),
  'instances that are closed': (make) => make().close(),
  'buffers, views and growth': (make) => {
    const { memory } = make().exports as { memory: Memory }
    new Uint8Array(memory.buffer).fill(1)
    memory.grow(1)
    return new Uint8Array(memory.buffer)
  },
  'links that are undone': (make) => {
    const plugin = make()
    link(make().exports.double, plugin.slot('env.f')).undo()
  },
  'links that are still active at the end': (make) => {
    const plugin = make()
    link(make().exports.double, plugin.slot('env.f'))
    link((x) => x, plugin.slot('run'))
    relink([[make().exports.double, plugin.slot('double')]])
  },
  'JavaScript functions in slots': (make) => {
    const plugin = make()
    link((x) => plugin.exports.double(x), plugin.slot('env.f'))
    plugin.exports.run(2)
  },
  'values that refer back': (make) => {
    const plugin = make()
    plugin.exports.keep({ plugin })
  },
  'uncaught exceptions': (make) => {
    const thrown: unknown = (() => {
      try {
        return make().exports.throw()
      } catch (error) {
        return error
      }
    })()
    expect(thrown).toBeInstanceOf(Exception)
  },
  'errors in the middle': (make, store) => {
    expect(() => new Instance(plugins.get('cranelift') as Module, { env: {} }, { store })).toThrow('expected func')
    expect(() => link(make().exports.keep, make().slot('env.f'))).toThrow('takes a function of type')
  },
  'objects of JavaScript’s own': (make, store) => {
    const table = new Table({ element: 'anyfunc', initial: 2 }, make().exports.double, { store })
    link((x) => x, table.slot(0))
    new Memory({ initial: 1 }, { store }).buffer.slice(0, 1)
    new Global({ value: 'anyfunc', mutable: true }, make().exports.double, { store }).valueOf()
    return new Tag({ parameters: ['i32'] }, { store })
  },
}

const plugins = new Map<string, Module>()

beforeAll(async () => {
  const bytes = await wat(PLUGIN, { exceptions: true })
  plugins.set('cranelift', new Module(bytes))
})

describe.each(Object.entries(rounds))('%s', (_, round) => {
  test('leave nothing', async () => {
    const store = new Store()
    const make: () => Instance = () => {
      const plugin: Instance = new Instance(
        plugins.get('cranelift') as Module,
        { env: { f: (x: number) => plugin.exports.double(x) } },
        { store },
      )
      return plugin
    }
    const some = async (count: number) => {
      for (let index = 0; index < count; index++) round(make, store)
      // A cycle through values of wasm takes two collections.
      await collect(store)
      await collect(store)
      return left(store)
    }
    const first = await some(3)
    expect(first).toMatchObject({ instances: 0, memories: 0, slots: 0, links: 0, externrefs: 0 })
    expect(await some(300)).toEqual(first)
  })
})

test('a slot that is linked repeatedly keeps only its current function', async () => {
  const maker = await InstanceMaker.of(
    `(module (import "env" "f" (func $f (result i32))) (func (export "run") (result i32) (call $f)))`,
    `(module (global $g (export "g") (mut i32) (i32.const 0)) (memory 1)
      (func (export "get") (result i32) (global.get $g)))`,
  )
  const [host, value] = [...maker.texts] as [string, string]
  const plugin = maker.make(host, { env: { f: () => 0 } })
  const swap = (number: number) => {
    const { g, get } = maker.make(value).exports as { g: Global<'i32'>; get: () => number }
    g.value = number
    link(get, plugin.slot('env.f'))
  }
  for (let round = 1; round <= 10; round++) {
    for (let number = 1; number <= 100; number++) {
      swap(number)
      expect(plugin.exports.run()).toBe(number)
    }
    // V8 keeps what was made while it marked, and an instance is freed after its functions.
    for (let time = 0; time < 5; time++) await collect(maker.store)
    // Its own code, and the code of the function that it runs.
    expect(maker.store.stats()).toMatchObject({ instances: 2, memories: 1, links: 1, slots: 2 })
  }
})

test('the same for JavaScript functions that refer back to the instance', async () => {
  const text = `(module (import "env" "f" (func $f (result i32))) (func (export "run") (result i32) (call $f)))`
  const maker = await InstanceMaker.of(text)
  const plugin = maker.make(text, { env: { f: () => 0 } })
  const swap = (number: number) => {
    const other: Instance = maker.make(text, { env: { f: () => (other.closed ? -1 : number) } })
    link(() => other.exports.run(), plugin.slot('env.f'))
  }
  for (let round = 1; round <= 3; round++) {
    for (let number = 1; number <= 100; number++) {
      swap(number)
      expect(plugin.exports.run()).toBe(number)
    }
    await collect(maker.store)
    await collect(maker.store)
    expect(maker.store.stats()).toMatchObject({ links: 1, slots: 1 })
    // V8 may still hold the last one.
    expect(maker.instances).toBeLessThanOrEqual(3)
  }
})

test('dropped links leave nothing', async () => {
  const text = `(module (import "env" "f" (func $f (result i32))) (func (export "run") (result i32) (call $f))
    (func (export "five") (result i32) i32.const 5))`
  const maker = await InstanceMaker.of(text)
  const plugin = maker.make(text, { env: { f: () => 0 } })
  const before = maker.store.stats().collections
  for (let count = 0; count < 10_000; count++) link(plugin.exports.five, plugin.slot('env.f')).undo()
  for (let count = 0; count < 10_000; count++) link(plugin.exports.five, plugin.slot('env.f'))
  // No collection was due.
  expect(maker.store.stats()).toMatchObject({ instances: 1, links: 1, collections: before })
  plugin.slot('env.f').reset()
  expect(plugin.exports.run()).toBe(0)
  expect(maker.store.stats().links).toBe(0)
})

test('previous functions of dropped links are collected, even if nothing else is allocated', async () => {
  const text = '(module (func (export "f") (result i32) i32.const 1) (func (export "g") (result i32) i32.const 2))'
  const maker = await InstanceMaker.of(text)
  const { f, g } = maker.make(text).exports
  const table = new Table({ element: 'anyfunc', initial: 5000 }, f, { store: maker.store })
  const before = maker.store.stats().collections
  for (let entry = 0; entry < 5000; entry++) link(g, table.slot(entry)).undo()
  expect(maker.store.stats().collections).toBeGreaterThan(before)
  await collect(maker.store)
  expect(maker.store.stats()).toMatchObject({ slots: 0, links: 0 })
  expect(table.get(4999)).toBe(f)
})

test('modules that are each compiled for one instance leave no code', async () => {
  const store = new Store()
  const once = async (number: number) => {
    const bytes = await wat(`(module (func (export "f") (result i32) i32.const ${number}))`)
    const { instance } = await instantiate(bytes, {}, { store, compiler: 'singlepass' })
    expect(instance.exports.f()).toBe(number)
  }
  for (let number = 0; number < 100; number++) await once(number)
  await collect(store)
  expect(store.stats()).toMatchObject({ instances: 0, codeBytes: 0 })
})

test('the process has no more mappings and no more addresses than before', () => {
  const program = `
    const { existsSync, readFileSync } = require('node:fs')
    const { Instance, Module, Store, link } = require(${JSON.stringify(root)})
    const store = new Store()
    const bytes = readFileSync(${JSON.stringify(`${root}/fixtures/wasm/scalars.wasm`)})
    const host = new Instance(new Module(bytes), {}, { store })
    const size = () => {
      // Only Linux reports it.
      if (!existsSync('/proc/self/maps')) return { maps: 0, addresses: 0 }
      const maps = readFileSync('/proc/self/maps', 'utf8')
      const addresses = Number(/VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
      return { maps: maps.split('\\n').length, addresses }
    }
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    async function swap(count) {
      for (let index = 0; index < count; index++) {
        const plugin = new Instance(new Module(bytes, { compiler: 'singlepass' }), {}, { store })
        const change = link((x) => plugin.exports.call_i32(x), host.slot('next_i32'))
        if (host.exports.call_i32(1) !== 2) throw new Error('a wrong answer')
        change.undo()
        if (index % 10 === 0) await turn()
      }
      for (let round = 0; round < 3; round++) { gc(); await turn(); store.collect() }
    }
    ;(async () => {
      await swap(100)
      const before = size()
      await swap(400)
      console.log(JSON.stringify({ before, after: size() }))
    })()`
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', program], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const { before, after } = JSON.parse(stdout)
  // V8 and malloc vary by about 100 mappings; but one leaked memory would be 8 GiB, and leaked code of 400 modules 400 mappings.
  expect(after.maps - before.maps).toBeLessThan(200)
  expect(after.addresses - before.addresses).toBeLessThan(4 * 1024 * 1024)
})

test('guests of Rust, through V8’s own collection', async () => {
  const store = new Store()
  const module = new Module(guest('plugin'))
  const imports = Object.fromEntries(Module.imports(module).map(({ name }) => [name, () => 0]))
  const make = () => new Instance(module, { env: imports, host: imports }, { store })
  for (let index = 0; index < 50; index++) make()
  await collectGarbage()
  store.collect()
  expect(store.stats()).toMatchObject({ instances: 0, memories: 0 })
})

test('realms in which the package was loaded, with stores, are collected', () => {
  // Loads the package in a realm of its own, as jest does for each test file.
  const program = `
    const { createContext, runInContext } = require('node:vm')
    const { readFileSync } = require('node:fs')
    const { createRequire } = require('node:module')
    const { dirname, isAbsolute, join } = require('node:path')
    const modules = (context) => {
      const loaded = new Map()
      return function load(file) {
        if (!/[.]c?js$/.test(file)) return require(file)
        if (loaded.has(file)) return loaded.get(file).exports
        const module = { exports: {} }
        loaded.set(file, module)
        const { resolve } = createRequire(file)
        const within = (id) => (isAbsolute(resolve(id)) ? load(resolve(id)) : require(id))
        const text = '(function (exports, require, module, __filename, __dirname) {' + readFileSync(file) + '\\n})'
        const run = runInContext(text, context, { filename: file })
        run(module.exports, Object.assign(within, { resolve }), module, file, dirname(file))
        return module.exports
      }
    }
    const bytes = Buffer.from('AGFzbQEAAAABBQFgAAF/AwIBAAcFAQFmAAAKBgEEAEEHCw==', 'base64')
    const realm = (withStore) => {
      const context = createContext({ process, Buffer, WebAssembly, setImmediate })
      const { Instance, Module, Store } = modules(context)(join(${JSON.stringify(root)}, 'index.js'))
      if (withStore) {
        const { f } = new Instance(new Module(bytes), {}, { store: new Store() }).exports
        if (f() !== 7) throw new Error('a wrong answer')
      }
      return new WeakRef(runInContext('Object', context))
    }
    ;(async () => {
      const realms = []
      for (let index = 0; index < 10; index++) {
        realms.push(realm(index % 2 === 0))
        await new Promise(setImmediate)
        gc()
      }
      for (let round = 0; round < 5; round++) { await new Promise((resolve) => setTimeout(resolve, 10)); gc() }
      console.log(realms.filter((realm) => realm.deref() !== undefined).length)
    })()`
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', program], { encoding: 'utf8' })
  expect([stdout, stderr]).toEqual(['0\n', ''])
})

describe('values that JavaScript writes over and over, with no call of wasm in between, are freed', () => {
  const options = { store: new Store() }
  const table = new Table({ element: 'externref', initial: 1 }, undefined, options)
  const global = new Global({ value: 'externref', mutable: true }, undefined, options)
  const ways: Record<string, (value: object) => void> = {
    'to a table': (value) => table.set(0, value),
    'to a global': (value) => void (global.value = value),
  }

  test.each(Object.entries(ways))('%s', (_, write) => {
    for (let number = 0; number < 20_000; number++) write({ number })
    expect(options.store.stats().externrefs).toBeLessThan(10_000)
  })
})
