// Objects that the store, an Exception, a slot or a link holds by id survive collections: for each holder, its object works
// after a collection.
import { Exception, Instance, type Link, Module, type Slot, Store, Table, Tag, WebAssembly as ours, link } from '../..'
import { collectNow, turn } from '../support/collecting'
import { thrownBy, wat } from '../support'

const CATCHING = `(module
  (import "env" "f" (func $f))
  (func (export "caught") (result i32) try (result i32) (call $f) (i32.const 0) catch_all (i32.const -1) end))`

const PLUGIN = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (table (export "values") 1 externref)
  (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2)))
  (func (export "run") (param i32) (result i32) (call $f (local.get 0))))`

/** A module that throws and catches, with its own tag and an imported one. */
const THROWING = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (import "env" "tag" (tag $given (param i32)))
  (tag $own (export "own") (param i32 externref funcref))
  (func $id (export "id") (result i32) (i32.const 17))
  (elem declare func $id)
  (global $held (mut exnref) (ref.null exn))
  (func (export "throw") (param i32 externref) (result i32)
    (throw $own (local.get 0) (local.get 1) (ref.func $id)))
  (func (export "pass") (param i32) (result i32) (call $f (local.get 0)))
  (func (export "given") (param i32) (result i32)
    (block $all (return (block $h (result i32)
      (try_table (result i32) (catch $given $h) (catch_all $all) (call $f (local.get 0))))))
    (i32.const -1))
  (func (export "mine") (param i32) (result i32)
    (block $all
      (block $h (result i32 externref funcref)
        (return (try_table (result i32) (catch $own $h) (catch_all $all) (call $f (local.get 0)))))
      drop drop return)
    (i32.const -1))
  (func (export "hold") (param i32)
    (block $h (result exnref)
      (drop (try_table (result i32) (catch_all_ref $h) (call $f (local.get 0)))) return)
    (global.set $held))
  (func (export "again") (throw_ref (global.get $held))))`

/** A module that throws in its start function. */
const STARTING = `(module
  (import "env" "f" (func $f))
  (tag $own (export "own") (param i32))
  (func $start (call $f) (throw $own (i32.const 5)))
  (start $start))`

/** A module with a tag only. */
const TAG = '(module (tag (export "tag") (param i32)))'

const texts = { CATCHING, PLUGIN, THROWING, STARTING, TAG }
type ModuleName = keyof typeof texts
const modules = {} as Record<ModuleName, Module>
const empty = new Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))

beforeAll(async () => {
  for (const [name, text] of Object.entries(texts)) {
    modules[name as ModuleName] = new Module(await wat(text, { exceptions: true }))
  }
})

let store: Store

beforeEach(() => {
  store = new Store()
})

const make = (name: ModuleName, f: (...values: any[]) => unknown, tag = new Tag({ parameters: ['i32'] }, { store })) =>
  new Instance(modules[name], { env: { f, tag } } as any, { store })

const fail = (value: unknown) => () => {
  throw value
}

/** The value that a call throws, of any type. */
function caughtFrom(run: () => unknown): any {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('expected a throw, and there was none')
}

/** The ways to start a collection: on request, due by growth, or deferred by a running call. */
const collections: Record<string, () => void> = {
  'store.collect()': () => {
    expect(store.collect()).not.toBeNull()
  },
  'a hundred instances': () => {
    const { collections: before } = store.stats()
    for (let index = 0; index < 100; index++) new Instance(empty, {}, { store })
    expect(store.stats().collections).toBeGreaterThan(before)
  },
  'a call that has ended': () => {
    const { collections: before } = store.stats()
    make('PLUGIN', () => (store.collect(), 0)).exports.run(1)
    expect(store.stats().collections).toBe(before + 1)
  },
  'a call that has thrown': () => {
    const { collections: before } = store.stats()
    const { exports } = make('PLUGIN', () => {
      store.collect()
      throw new Error('thrown')
    })
    expect(() => exports.run(1)).toThrow('thrown')
    expect(store.stats().collections).toBe(before + 1)
  },
}

/** Lets V8 collect, then the store, twice: the second may free objects that the first has released. */
async function collectBy(how: () => void) {
  for (let round = 0; round < 2; round++) {
    await turn()
    collectNow()
    how()
  }
}

/** For each holder: makes it, and returns the check to run afterwards. */
const holders: Record<string, () => () => void> = {
  'the tag of thrown JavaScript values': () => {
    const { exports } = make('CATCHING', fail(new Error('js')))
    expect(exports.caught()).toBe(-1)
    return () => {
      expect(exports.caught()).toBe(-1)
      expect(make('CATCHING', fail('text')).exports.caught()).toBe(-1)
    }
  },
  'the same, without an instance': () => {
    expect(make('CATCHING', fail(null)).exports.caught()).toBe(-1)
    return () => expect(make('CATCHING', fail(null)).exports.caught()).toBe(-1)
  },
  'the global in which adapters look for an exception': () => {
    const { exports } = make('PLUGIN', (number) => number + 1)
    const slot = make('PLUGIN', () => 0).slot('double')
    link((number: number) => number + 5, slot)
    return () => {
      expect(exports.run(1)).toBe(2)
      expect(slot.current!(1)).toBe(6)
      const change = link((number: number) => number + 6, slot)
      expect(slot.current!(1)).toBe(7)
      change.undo()
    }
  },
  'the function that a `map` calls': () => {
    const { exports } = make('PLUGIN', (number) => number + 1)
    const ask = () => {
      expect(exports.double.map(Int32Array.of(1, 2))).toEqual(Int32Array.of(2, 4))
      expect(exports.run.map(Int32Array.of(1, 2))).toEqual(Int32Array.of(2, 3))
      expect(exports.half.map(Float64Array.of(1, 2))).toEqual(Float64Array.of(0.5, 1))
    }
    ask()
    return ask
  },
  'an Exception, its tag': () => {
    const exception = new Exception(new Tag({ parameters: ['i32'] }, { store }), [7])
    return () => {
      const { exports } = make('THROWING', fail(exception))
      expect([exports.given(0), exports.mine(0)]).toEqual([-1, -1])
      expect(caughtFrom(() => exports.pass(0))).toBe(exception)
    }
  },
  'an instance, the tag that it imports': () => {
    const tag = new Tag({ parameters: ['i32'] }, { store })
    const { exports } = make('THROWING', fail(new Exception(tag, [8])), tag)
    return () => expect(exports.given(0)).toBe(8)
  },
  'an Exception, the tag of a dropped instance': () => {
    const value = {}
    const exception = caughtFrom(() => make('THROWING', () => 0).exports.throw(9, value)) as Exception
    return () => {
      const { exports } = make('THROWING', fail(exception))
      expect([exports.given(0), exports.mine(0)]).toEqual([-1, -1])
      expect(caughtFrom(() => exports.pass(0))).toBe(exception)
    }
  },
  'an Exception, the tag of an instance that is closed': () => {
    const value = {}
    const instance = make('THROWING', () => 0)
    const { own, throw: thrower, id } = instance.exports
    const exception = caughtFrom(() => thrower(9, value)) as Exception
    const later = new Exception(own, [1, value, id])
    instance.close()
    return () => {
      expect([exception.is(own), exception.getArg(own, 0), exception.getArg(own, 1)]).toEqual([true, 9, value])
      expect(exception.getArg(own, 2)).toBe(id)
      expect(thrownBy(() => new Exception(own, [1, value, null])).code).toBe('ERR_RELINK_CLOSED')
      for (const each of [exception, later]) {
        const { exports } = make('THROWING', fail(each))
        expect([exports.given(0), exports.mine(0)]).toEqual([-1, -1])
        expect(caughtFrom(() => exports.pass(0))).toBe(each)
      }
    }
  },
  'an importer, the tag of an instance that is closed': () => {
    const instance = new Instance(modules.TAG, {}, { store })
    const { tag } = instance.exports
    const thrown = new Exception(tag, [12])
    const { exports } = make('THROWING', fail(thrown), tag)
    instance.close()
    return () => {
      expect(exports.given(0)).toBe(12)
      expect([thrown.is(tag), thrown.getArg(tag, 0)]).toEqual([true, 12])
      expect(make('THROWING', fail(new Exception(tag, [13])), tag).exports.given(0)).toBe(13)
    }
  },
  'a link, code of an instance that is closed, which throws': () => {
    const instance = make('THROWING', () => 0)
    const { own } = instance.exports
    const table = new Table({ element: 'anyfunc', initial: 1 }, null, { store })
    const { exports } = make('THROWING', (number) => table.length + number)
    const slots = make('THROWING', () => 0)
    link(instance.slot('throw').original, slots.slot('throw'))
    instance.close()
    return () => {
      const value = {}
      const exception = caughtFrom(() => slots.exports.throw(14, value)) as Exception
      expect(exception).toBeInstanceOf(Exception)
      expect([exception.is(own), exception.getArg(own, 0), exception.getArg(own, 1)]).toEqual([true, 14, value])
      expect(exports.pass(1)).toBe(2)
    }
  },
  'a global, an exception with its values': () => {
    const [value, held] = [{}, make('THROWING', () => inner.exports.throw(15, value))]
    const inner = make('THROWING', () => 0)
    const { own } = inner.exports
    held.exports.hold(0)
    return () => {
      const exception = caughtFrom(() => held.exports.again()) as Exception
      expect([exception.is(own), exception.getArg(own, 0), exception.getArg(own, 1)]).toEqual([true, 15, value])
      expect(exception.getArg(own, 2)()).toBe(17)
      expect(caughtFrom(() => held.exports.again())).toBe(exception)
    }
  },
  'a global, a thrown JavaScript value': () => {
    const thrown = {}
    const { exports } = make('THROWING', fail(thrown))
    exports.hold(0)
    return () => expect(caughtFrom(() => exports.again())).toBe(thrown)
  },
  'a global, an exception of an instance that is closed': () => {
    const held = make('THROWING', () => inner.exports.throw(16, null))
    const inner = make('THROWING', () => 0)
    const { own } = inner.exports
    held.exports.hold(0)
    inner.close()
    return () => expect((caughtFrom(() => held.exports.again()) as Exception).is(own)).toBe(true)
  },
  'a table, values': () => {
    const { exports } = make('PLUGIN', () => 0)
    exports.values.set(0, { number: 18 })
    return () => expect(exports.values.get(0)).toEqual({ number: 18 })
  },
  'a slot, its current and previous functions': () => {
    const slot: Slot = make('PLUGIN', () => 0).slot('double')
    let change: Link = link(make('PLUGIN', (number) => number + 19).slot('env.f').original, slot)
    return () => {
      const functions = [slot.current, slot.original, change.previous, change.implementation]
      expect(functions.map((fn) => fn!(1))).toEqual([20, 2, 2, 20])
      change.undo()
      expect(slot.current!(1)).toBe(2)
      change = link(change.implementation, slot)
    }
  },
  'a slot of a table, its table': () => {
    const slot: Slot = new Table({ element: 'anyfunc', initial: 1 }, make('PLUGIN', () => 0).exports.double, {
      store,
    }).slot(0)
    return () => {
      expect(slot.current!(3)).toBe(6)
      const change = link((number: number) => number + 20, slot)
      expect(slot.current!(3)).toBe(23)
      change.undo()
      expect(slot.original(3)).toBe(6)
    }
  },
}

describe.each(Object.keys(holders))('%s', (holder) => {
  test.each(Object.keys(collections))('survives %s', async (how) => {
    const ask = holders[holder]!()
    for (let round = 0; round < 2; round++) {
      await collectBy(collections[how]!)
      expect(ask).not.toThrow()
    }
  })
})

describe('an exception that leaves a call with a deferred collection', () => {
  test('of a start function', () => {
    const start = () => make('STARTING', () => void store.collect())
    expect(caughtFrom(start)).toBeInstanceOf(Exception)
    const { collections: before } = store.stats()
    expect(caughtFrom(start)).toBeInstanceOf(Exception)
    expect(store.stats().collections).toBe(before + 1)
  })

  test('of a start function, of JavaScript', () => {
    const thrown = {}
    const start = () => {
      store.collect()
      throw thrown
    }
    expect(caughtFrom(() => make('STARTING', start))).toBe(thrown)
  })

  test('of many calls at once', () => {
    const inner = make('THROWING', () => 0)
    const { exports } = make('THROWING', (number) => {
      store.collect()
      return inner.exports.throw(number, null)
    })
    const exception = caughtFrom(() => exports.pass.map(Int32Array.of(21, 22))) as Exception
    expect(exception.getArg(inner.exports.own, 0)).toBe(21)
    expect(inner.exports.id()).toBe(17)
  })
})

test('an exception whose values can no longer enter WebAssembly still passes through it', () => {
  const tag = new Tag({ parameters: ['anyfunc'] }, { store })
  const instance = make('PLUGIN', () => 0)
  const exception = new Exception(tag, [instance.exports.double])
  instance.close()
  const { exports } = make('THROWING', fail(exception))
  expect(exports.given(0)).toBe(-1)
  expect(caughtFrom(() => exports.pass(0))).toBe(exception)
})

test('a thrown value is not inspected', () => {
  const asked: string[] = []
  const trap = (name: string) => () => {
    asked.push(name)
    throw name
  }
  const hostile = new Proxy({}, { getPrototypeOf: trap('getPrototypeOf'), get: trap('get'), has: trap('has') })
  const { exports } = make('THROWING', fail(hostile))
  // jest must not see the object itself.
  const answer = (run: () => unknown): unknown => {
    try {
      return run()
    } catch (error) {
      return error === hostile ? 'the same' : 'another'
    }
  }
  expect([answer(() => exports.given(0)), answer(() => exports.pass(0))]).toEqual([-1, 'the same'])
  expect(asked).toEqual([])
})

test('a closed store keeps only the objects that its last call needs', () => {
  const { exports } = make('PLUGIN', () => {
    store.close()
    return 1
  })
  expect(exports.run.map(Int32Array.of(1))).toEqual(Int32Array.of(1))
  store.collect()
  expect(store.stats()).toMatchObject({ instances: 0, memories: 0 })
})

test('V8 catches and passes on the same values, before and after', async () => {
  const bytes = await wat(CATCHING, { exceptions: true })
  const answers = [WebAssembly, ours].map((W: any) => {
    const tag = new W.Tag({ parameters: ['i32'] })
    const thrown: unknown[] = [new Error('js'), 'text', null, new W.Exception(tag, [1])]
    let next = 0
    const compiled = new W.Module(bytes)
    const { exports } = new W.Instance(compiled, { env: { f: () => fail(thrown[next++ % thrown.length])() } })
    const ask = () => thrown.map(() => exports.caught())
    const before = ask()
    for (let index = 0; index < 200; index++) new W.Instance(compiled, { env: { f() {} } })
    return [before, ask()]
  })
  expect(answers[1]).toEqual(answers[0])
  expect(answers[0]).toEqual([Array(4).fill(-1), Array(4).fill(-1)])
})

test('values in tables, if V8 ends the JavaScript in which a deferred collection would run', () => {
  const { runInNewContext } = require('node:vm') as typeof import('node:vm')
  let collected: unknown
  const plugin = make('PLUGIN', (number: number) => {
    if (number === 0) return 0
    collected = store.collect()
    runInNewContext('for (;;);')
  })
  const { run, values } = plugin.exports as { run: (value: number) => number; values: Table<'externref'> }
  const value = { number: 1 }
  values.set(0, value)
  store.collect()
  const ended = thrownBy(() => runInNewContext('run(1)', { run }, { timeout: 20 }))
  expect(ended).toMatchObject({ code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' })
  expect(values.get(0)).toBe(value)
  // The collection was put off, to the end of the next call.
  const { collections } = store.stats()
  expect([collected, run(0), store.stats().collections, values.get(0)]).toEqual([null, 0, collections + 1, value])
})
