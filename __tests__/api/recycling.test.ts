// Recycling: instances that begin again after a trap, under the same JavaScript objects.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  Global,
  Instance,
  Memory,
  Module,
  RuntimeError,
  Store,
  Table,
  link,
  relink,
  withTimeout,
  type Imports,
  type InstanceOptions,
  type RecycleEvent,
} from '../..'
import { compilers, thrownBy, wat } from '../support'

/** A guest with state of every kind. `poke` changes all of it. */
const GUEST = `(module
  (import "env" "call" (func $call))
  (type $i (func (result i32)))
  (memory (export "memory") 1 10) (data (i32.const 8) "\\2a") (data $passive "\\07")
  (table (export "table") 2 8 funcref) (elem (i32.const 0) $one $two) (elem $more func $three)
  (table (export "values") 1 4 externref)
  (global $count (export "count") (mut i32) (i32.const 5))
  (global (export "sp") (mut i32) (i32.const 4096))
  (func $one (export "one") (type $i) i32.const 1)
  (func $two (export "two") (type $i) i32.const 2)
  (func $three (type $i) i32.const 3)
  (func $start (i32.store (i32.const 100) (i32.add (i32.load (i32.const 100)) (i32.const 1))) call $call)
  (start $start)
  (func (export "_initialize") (i32.store (i32.const 104) (i32.add (i32.load (i32.const 104)) (i32.const 1))))
  (func (export "begun") (type $i) (i32.add (i32.load (i32.const 100)) (i32.mul (i32.const 10) (i32.load (i32.const 104)))))
  (func (export "passive") (type $i)
    (memory.init $passive (i32.const 200) (i32.const 0) (i32.const 1)) (data.drop $passive)
    (table.init $more (i32.const 1) (i32.const 0) (i32.const 1)) (elem.drop $more)
    (i32.load8_u (i32.const 200)))
  (func (export "poke") (param externref)
    (global.set $count (i32.const 99)) (i32.store (i32.const 8) (i32.const 77))
    (drop (memory.grow (i32.const 2))) (drop (table.grow (ref.func $one) (i32.const 3)))
    (table.set 1 (i32.const 0) (local.get 0)) (table.set 0 (i32.const 0) (ref.func $two)))
  (func (export "entry") (param i32) (result i32) (call_indirect (type $i) (local.get 0)))
  (func (export "read") (type $i) (i32.add (i32.load8_u (i32.const 8)) (i32.mul (i32.const 1000) (global.get $count))))
  (func (export "through") (type $i) call $call i32.const 7)
  (func (export "spin") (loop (br 0)))
  (func (export "trap") unreachable))`

const READ = 42 + 5 * 1000

const nothing = () => undefined

/** An exported function. */
type Run = (...parameters: unknown[]) => number

type Exports = Record<
  'one' | 'two' | 'begun' | 'passive' | 'poke' | 'entry' | 'read' | 'through' | 'spin' | 'trap',
  Run
> &
  Record<'each' | 'ref' | 'pages', Run> & { memory: Memory; table: Table; values: Table; count: Global }

const available = process.platform === 'linux' && process.arch === 'x64'

describe.each([...compilers, 'auto'] as const)('an instance of %s that is recycled', (compiler) => {
  let store: Store
  beforeEach(() => (store = new Store()))

  const make = async (options: InstanceOptions = {}, call: () => unknown = nothing, text = GUEST) => {
    const module = new Module(await wat(text), { compiler, slots: 'all' })
    const events: RecycleEvent[] = []
    const onRecycle = (event: RecycleEvent) => events.push(event)
    const imports = { env: { call } } as Imports
    const instance = new Instance(module, imports, { store, onTrap: 'recycle', onRecycle, ...options })
    await instance.optimized
    const exports = instance.exports as unknown as Exports
    return { instance, exports, events, module }
  }

  test('is what a new instance is, and its handles are the same', async () => {
    let starts = 0
    const { instance, exports, events } = await make({}, () => starts++)
    const before: Record<string, unknown> = { ...exports }
    const { buffer } = exports.memory
    exports.poke({})
    expect([exports.read(), exports.table.length, exports.values.length]).toEqual([77 + 99_000, 5, 1])
    const error = thrownBy(exports.trap)
    expect([error.code, error.recycled]).toEqual(['ERR_RELINK_TRAP', true])
    expect([exports.read(), starts, exports.count.value]).toEqual([READ, 2, 5])
    expect([exports.table.length, exports.values.length, exports.values.get(0)]).toEqual([2, 1, null])
    expect([exports.table.get(0), exports.table.get(1)]).toEqual([exports.one, exports.two])
    expect([exports.entry(0), exports.entry(1), exports.begun()]).toEqual([1, 2, 11])
    for (const [name, value] of Object.entries(instance.exports)) expect(value).toBe(before[name])
    expect([buffer.byteLength, exports.memory.buffer.byteLength]).toEqual([0, 65_536])
    expect(events).toEqual([{ instance, error, recycled: true, count: 1 }])
    const published: unknown[] = []
    const listen = (event: unknown) => void published.push(event)
    subscribe('wasm-relink:recycle', listen)
    thrownBy(exports.trap)
    unsubscribe('wasm-relink:recycle', listen)
    expect(published).toEqual([events[1]])
  })

  test('has its passive segments again', async () => {
    const { exports } = await make()
    for (let time = 0; time < 3; time++) {
      expect([exports.passive(), exports.entry(1)]).toEqual([7, 3])
      expect(thrownBy(exports.passive)).toMatchObject({ trap: 'memory-out-of-bounds', recycled: true })
      expect(exports.entry(1)).toBe(2)
    }
  })

  test('keeps links in both directions', async () => {
    const { instance, exports } = await make()
    const { exports: others, instance: other } = await make({ onTrap: 'keep' })
    const into = link(others.two, instance.slot('one'))
    const out = link(exports.trap, other.slot('trap'))
    const entry = link(others.two, exports.table.slot(0))
    expect([exports.one(), exports.entry(0)]).toEqual([2, 2])
    expect(thrownBy(exports.trap).recycled).toBe(true)
    expect([exports.one(), exports.entry(0), instance.slot('one').linked]).toEqual([2, 2, true])
    exports.poke({})
    others.poke({})
    // Through the other one, whose own state stays.
    expect(thrownBy(others.trap).recycled).toBe(true)
    expect([exports.read(), others.read()]).toEqual([READ, 77 + 99_000])
    expect([exports.one(), exports.entry(0)]).toEqual([2, 2])
    entry.undo()
    into.undo()
    out.undo()
    expect([exports.one(), exports.entry(0)]).toEqual([1, 1])
    expect(thrownBy(others.trap).recycled).toBeUndefined()
    relink([[others.one, instance.slot('two')]])
    expect(exports.entry(1)).toBe(1)
    thrownBy(exports.trap)
    expect([exports.entry(1), exports.two()]).toEqual([1, 1])
    instance.slot('two').reset()
    expect([exports.entry(1), exports.two()]).toEqual([2, 2])
  })

  test('stays what it was for those that import from it', async () => {
    const { exports } = await make()
    const text = `(module (import "a" "memory" (memory 1)) (import "a" "one" (func $one (result i32)))
      (import "a" "count" (global $count (mut i32))) (import "a" "table" (table 2 funcref)) (import "a" "trap" (func $trap))
      (func (export "read") (result i32) (i32.add (i32.load8_u (i32.const 8)) (global.get $count)))
      (func (export "through") (result i32) (call_indirect (result i32) (i32.const 1)))
      (func (export "pages") (result i32) memory.size) (func (export "one") (result i32) call $one)
      (func (export "trap") call $trap))`
    const module = new Module(await wat(text), { compiler: compiler === 'auto' ? 'cranelift' : compiler })
    const importer = new Instance(module, { a: exports } as unknown as Imports, { store }).exports as unknown as Exports
    exports.poke({})
    expect([importer.read(), importer.pages()]).toEqual([77 + 99, 3])
    expect(thrownBy(importer.trap).recycled).toBe(true)
    expect([importer.read(), importer.pages(), importer.one(), importer.through()]).toEqual([42 + 5, 1, 1, 2])
  })

  test('is recycled when the last call has left, below an import that catches too', async () => {
    const seen: unknown[] = []
    let made: Exports | undefined
    const { exports, events } = await make({}, () => {
      const guest = made
      if (guest === undefined) return
      made = undefined
      guest.poke({})
      const error = thrownBy(guest.trap)
      seen.push(error.recycled, guest.read(), events.length, error)
    })
    made = exports
    expect(exports.through()).toBe(7)
    expect(seen.slice(0, 3)).toEqual([undefined, 77 + 99_000, 0])
    expect([exports.read(), events.length, (seen[3] as RuntimeError).recycled]).toEqual([READ, 1, true])
  })

  test('an instance whose import caught the trap of another one is not', async () => {
    const other = await make()
    let trap = nothing as () => unknown
    const { exports, events } = await make({}, () => trap())
    trap = () => thrownBy(other.exports.trap)
    other.exports.poke({})
    exports.poke({})
    expect(exports.through()).toBe(7)
    trap = nothing
    expect([exports.read(), other.exports.read()]).toEqual([77 + 99_000, READ])
    expect([events.length, other.events.length]).toEqual([0, 1])
  })

  test('others of the same module are not', async () => {
    const [one, two] = [await make(), await make()]
    one.exports.poke({})
    two.exports.poke({})
    thrownBy(one.exports.trap)
    expect([one.exports.read(), two.exports.read()]).toEqual([READ, 77 + 99_000])
    // Through a third one, which links to the second.
    const three = await make()
    link(two.exports.trap, three.instance.slot('trap'))
    one.exports.poke({})
    three.exports.poke({})
    thrownBy(three.exports.trap)
    expect([one, two, three].map(({ exports }) => exports.read())).toEqual([77 + 99_000, READ, READ])
  })

  test('is not recycled for an exception of JavaScript, nor without the option', async () => {
    let fail = false
    const { exports, events } = await make({}, () => {
      if (fail) throw new RangeError('on purpose')
    })
    exports.poke({})
    fail = true
    expect(thrownBy(exports.through).message).toBe('on purpose')
    const kept = await make({ onTrap: 'keep' })
    kept.exports.poke({})
    expect(thrownBy(kept.exports.trap).recycled).toBeUndefined()
    expect([exports.read(), kept.exports.read()]).toEqual([77 + 99_000, 77 + 99_000])
    expect([events, kept.events]).toEqual([[], []])
  })

  test('at most so often in so long: then it stays as the trap left it', async () => {
    const { exports, events } = await make({ onTrap: { recycle: { most: 2, within: 600_000 } } })
    const recycled = () => {
      exports.poke({})
      return thrownBy(exports.trap).recycled
    }
    expect([recycled(), recycled(), recycled()]).toEqual([true, true, false])
    expect(exports.read()).toBe(77 + 99_000)
    expect(events[2]).toMatchObject({ recycled: false, count: 2, failure: { code: 'ERR_RELINK_LIMIT', value: 2 } })
  })

  test('nothing has changed if the start function fails', async () => {
    let fail = false
    const { exports, events } = await make({}, () => {
      if (fail) throw new RangeError('on purpose')
    })
    exports.poke({})
    const bytes = new Uint8Array(exports.memory.buffer)
    fail = true
    const error = thrownBy(exports.trap)
    expect([error.code, error.recycled]).toEqual(['ERR_RELINK_TRAP', false])
    expect([exports.read(), exports.table.length, exports.entry(0)]).toEqual([77 + 99_000, 5, 2])
    expect([bytes.length, exports.memory.buffer.byteLength]).toEqual([0, 3 * 65_536])
    expect(events[0]).toMatchObject({ recycled: false, failure: { message: 'on purpose' } })
    fail = false
    expect(thrownBy(exports.trap).recycled).toBe(true)
    expect(exports.read()).toBe(READ)
  })

  test('nothing has changed if _initialize traps', async () => {
    const text = GUEST.replace(
      '(func (export "_initialize")',
      '(func (export "_initialize") (if (global.get $fails) (then unreachable))',
    ).replace('(type $i', '(import "env" "fails" (global $fails (mut i32))) (type $i')
    const fails = new Global({ value: 'i32', mutable: true }, 0, { store })
    const module = new Module(await wat(text), { compiler })
    const events: RecycleEvent[] = []
    const options = { store, onTrap: 'recycle', onRecycle: (event: RecycleEvent) => events.push(event) } as const
    const { exports: made } = new Instance(module, { env: { call: nothing, fails } }, options)
    const exports = made as unknown as Exports
    exports.poke({})
    fails.value = 1
    expect(thrownBy(exports.trap).recycled).toBe(false)
    expect(events[0]).toMatchObject({ failure: { code: 'ERR_RELINK_TRAP' } })
    expect(exports.read()).toBe(77 + 99_000)
    fails.value = 0
    expect(thrownBy(exports.trap).recycled).toBe(true)
    expect(exports.read()).toBe(READ)
  })

  test('a guest that has reached its limit has room again', async () => {
    const limits = { memorySize: 3 * 65_536, tableElements: 6 }
    const { exports } = await make({ limits })
    for (let time = 0; time < 5; time++) {
      exports.poke({})
      expect(exports.memory.buffer.byteLength).toBe(3 * 65_536)
      expect(thrownBy(exports.trap).recycled).toBe(true)
      expect(exports.memory.buffer.byteLength).toBe(65_536)
    }
    exports.poke({})
    expect(thrownBy(() => exports.memory.grow(1)).code).toBe('ERR_RELINK_LIMIT')
  })

  test('what it had is freed', async () => {
    const { exports } = await make()
    void [exports.poke({}), store.collect()]
    const before = store.stats()
    for (let time = 0; time < 500; time++) {
      exports.poke({ time })
      void exports.memory.buffer
      thrownBy(exports.trap)
    }
    exports.poke({})
    store.collect()
    const { memories, memoryBytes, tables, globals, externrefs, instances } = store.stats()
    expect({ memories, memoryBytes, tables, globals, instances }).toEqual({
      memories: before.memories,
      memoryBytes: before.memoryBytes,
      tables: before.tables,
      globals: before.globals,
      instances: before.instances,
    })
    expect(externrefs).toBeLessThan(10)
  })

  test('the callback may use, close and link; its own error is not the call of the caller', async () => {
    const { instance, exports, events } = await make({
      onRecycle(event: RecycleEvent) {
        events.push(event)
        expect((event.instance.exports as unknown as Exports).read()).toBe(READ)
        exports.poke({})
        if (event.count < 3) thrownBy(exports.trap)
        else event.instance.close()
      },
    })
    expect(thrownBy(exports.trap)).toMatchObject({ code: 'ERR_RELINK_TRAP', recycled: true })
    expect([events.length, instance.closed, thrownBy(exports.read).code]).toEqual([3, true, 'ERR_RELINK_CLOSED'])
  })

  test('a trap in a start function of another instance recycles the one that it called', async () => {
    const { exports } = await make()
    exports.poke({})
    const module = new Module(await wat('(module (import "a" "f" (func $f)) (start $f))'), { compiler })
    let error: RuntimeError | undefined
    const f = () => void (error = thrownBy(exports.trap) as RuntimeError)
    new Instance(module, { a: { f } }, { store })
    expect([error?.recycled, exports.read()]).toEqual([true, READ])
  })

  test('fn.map and functions of references recycle too', async () => {
    const { exports } = await make(
      {},
      nothing,
      GUEST.replace(
        '(func (export "trap")',
        '(func (export "each") (param i32) (result i32) unreachable) (func (export "ref") (param externref) unreachable) (func (export "trap")',
      ),
    )
    exports.poke({})
    expect(
      thrownBy(() => (exports.each as unknown as { map(column: Int32Array): unknown }).map(Int32Array.of(1))).recycled,
    ).toBe(true)
    expect(exports.read()).toBe(READ)
    exports.poke({})
    expect(thrownBy(() => exports.ref({})).recycled).toBe(true)
    expect(exports.read()).toBe(READ)
  })

  if (available) {
    test('a timeout counts as a trap; the new start function has its own time', async () => {
      const { exports, events } = await make({ timeout: 20 })
      exports.poke({})
      expect(thrownBy(exports.spin)).toMatchObject({ code: 'ERR_RELINK_TIMEOUT', recycled: true })
      expect(exports.read()).toBe(READ)
      const plain = await make()
      plain.exports.poke({})
      expect(thrownBy(() => withTimeout(10, plain.exports.spin))).toMatchObject({
        code: 'ERR_RELINK_TIMEOUT',
        recycled: true,
      })
      expect([plain.exports.read(), plain.exports.begun(), events.length]).toEqual([READ, 11, 1])
    })

    test('so does an interruption', async () => {
      const interrupter = store.interrupter()
      let made: Exports | undefined
      const { exports } = await make({}, () => {
        if (made !== undefined) interrupter.interrupt('enough')
        made = undefined
      })
      made = exports
      exports.poke({})
      expect(thrownBy(exports.through)).toMatchObject({ code: 'ERR_RELINK_INTERRUPTED' })
      expect(exports.read()).toBe(READ)
    })
  }
})

describe('the options onTrap and onRecycle', () => {
  const none = () => wat('(module)')

  test.each([
    [
      { onTrap: 'restart' },
      "expected 'keep', 'recycle' or { recycle: { most, within } } as `options.onTrap`, got 'restart'",
    ],
    [{ onTrap: { recycle: 3 } }, 'expected an object { most, within } as `options.onTrap.recycle`, got 3'],
    [{ onTrap: { recycle: { mots: 3 } } }, 'unknown option `mots` in `options.onTrap.recycle`, did you mean `most`?'],
    [
      { onTrap: { recycle: { most: 0 } } },
      'expected a positive integer, or Infinity, as `options.onTrap.recycle.most`, got 0',
    ],
    [{ onTrap: { recycle: { most: '3' } } }, "expected a number as `options.onTrap.recycle.most`, got '3'"],
    [
      { onTrap: { recycle: { within: Infinity } } },
      'expected a positive, finite number of milliseconds as `options.onTrap.recycle.within`, got Infinity',
    ],
    [{ onRecycle: 7 }, 'expected a function as `options.onRecycle`, got 7'],
  ])('refuse %j', async (options, message) => {
    const module = new Module(await none())
    expect(thrownBy(() => new Instance(module, {}, options as never)).message).toBe(message)
  })

  test('refuse a module with a shared memory of its own', async () => {
    const module = new Module(await wat('(module (memory 1 1 shared))', { threads: true }))
    expect(thrownBy(() => new Instance(module, {}, { onTrap: 'recycle' })).code).toBe('ERR_RELINK_UNSUPPORTED')
  })
})
