import { setFlagsFromString } from 'node:v8'
import { Instance, LinkError, Module, RuntimeError, Store, WebAssembly, instantiate, load } from '../..'
import { compilers, guest, guestPath, instanceOf, rejectionOf, thrownBy, wat } from '../support'

describe.each(compilers)('instances (%s)', (compiler) => {
  test('exports are frozen, without a prototype, and one function is one object', async () => {
    const { exports } = await instanceOf(
      `(module (func $f (export "f") (param i32 i64)) (export "g" (func $f)) (export "__proto__" (func $f)))`,
      {},
      { compiler },
    )
    expect(Object.getPrototypeOf(exports)).toBeNull()
    expect(Object.isFrozen(exports)).toBe(true)
    expect(Object.keys(exports)).toEqual(['f', 'g', '__proto__'])
    expect(exports.g).toBe(exports.f)
    expect(exports.f).toHaveLength(2)
    expect(exports.f.name).toBe('0')
    expect(() => new exports.f()).toThrow(TypeError)
  })

  const ECHO = `(module
    (func (export "i32") (param i32) (result i32) local.get 0)
    (func (export "i64") (param i64) (result i64) local.get 0)
    (func (export "f32") (param f32) (result f32) local.get 0)
    (func (export "f64") (param f64) (result f64) local.get 0))`

  test('values are converted as V8 does', async () => {
    const bytes = await wat(ECHO)
    const ours = new Instance(new Module(bytes, { compiler })).exports
    const theirs = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Record<string, any>
    const others = [undefined, null, true, false, '', '12', ' 0x10 ', 'twelve', [], [7], {}, NaN, Infinity, -Infinity]
    const numbers = [0, -0, 1, -1, 1.9, -1.9, 2 ** 31, 2 ** 32 + 5, -(2 ** 31) - 1, 2 ** 53, 1e300, 0.1, 1e-46]
    const more = [0n, 1n, -1n, 2n ** 63n, 2n ** 64n + 3n, Symbol('s'), { valueOf: () => 3.5 }, { valueOf: () => 4n }]
    const attempt = (call: (value: unknown) => unknown, value: unknown) => {
      try {
        return call(value)
      } catch (error) {
        return (error as Error).name
      }
    }
    for (const type of ['i32', 'i64', 'f32', 'f64']) {
      for (const value of [...others, ...numbers, ...more] as unknown[]) {
        const seen = attempt(ours[type], value)
        expect([type, value, seen]).toEqual([type, value, attempt(theirs[type], value)])
      }
    }
  })

  test('an error of a conversion comes out unchanged', async () => {
    const { exports } = await instanceOf(ECHO, {}, { compiler })
    const own = new Error('from valueOf')
    const value = {
      valueOf() {
        throw own
      },
    }
    expect(thrownBy(() => exports.i32(value))).toBe(own)
    expect(thrownBy(() => exports.i64(value))).toBe(own)
  })

  test('none, one and many results', async () => {
    const { exports } = await instanceOf(
      `(module
        (func (export "none"))
        (func (export "swap") (param i32 i64) (result i64 i32) local.get 1 local.get 0)
        (func (export "four") (result i32 i64 f32 f64) i32.const 1 i64.const 2 f32.const 0.5 f64.const 0.25))`,
      {},
      { compiler },
    )
    expect(exports.none()).toBeUndefined()
    expect(exports.none(1, 2, 3)).toBeUndefined()
    expect(exports.swap(1, 2n)).toEqual([2n, 1])
    expect(exports.four()).toEqual([1, 2n, 0.5, 0.25])
  })

  test('the start function runs once, before the constructor returns', async () => {
    const seen: number[] = []
    await instanceOf(
      `(module (import "env" "log" (func $log (param i32))) (func $start i32.const 5 call $log) (start $start))`,
      { env: { log: (value: number) => void seen.push(value) } },
      { compiler },
    )
    expect(seen).toEqual([5])
  })

  test('recursion', async () => {
    const { exports } = await instanceOf(
      `(module (func $fib (export "fib") (param i32) (result i32)
        (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
          (then (local.get 0))
          (else (i32.add
            (call $fib (i32.sub (local.get 0) (i32.const 1)))
            (call $fib (i32.sub (local.get 0) (i32.const 2))))))))`,
      {},
      { compiler },
    )
    expect(exports.fib(20)).toBe(6765)
  })

  test('close ends it', async () => {
    const module = new Module(guest('seed.O3'), { compiler })
    const instance = new Instance(module, { env: { host_hook: () => {} } })
    const { watch_me: run } = instance.exports
    const slot = instance.slot('replace_me')
    expect(run()).toBe(10)
    expect(instance.closed).toBe(false)
    instance.close()
    instance.close()
    expect(instance.closed).toBe(true)
    const call = thrownBy(() => run())
    expect(call).toBeInstanceOf(RuntimeError)
    expect(call).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
    const search = thrownBy(() => instance.slot('replace_me'))
    expect(search).toBeInstanceOf(LinkError)
    expect(search).toMatchObject({ code: 'ERR_RELINK_CLOSED', slot: 'replace_me' })
    expect(slot.name).toBe('seed::replace_me')
  })

  test('using closes it', async () => {
    const outer = await instanceOf('(module)', {}, { compiler })
    {
      using inner = outer
      expect(inner.closed).toBe(false)
    }
    expect(outer.closed).toBe(true)
  })
})

test('options in the place of the imports are refused', async () => {
  const file = guestPath('pricing')
  for (const options of [{ compiler: 'singlepass' }, { slots: ['total'], cache: false }, { store: new Store() }]) {
    const error = await rejectionOf(load(file, options as never))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
    expect(error.message).toContain(Object.keys(options).join(', '))
  }
  // Options whose values are objects, as those of imports are, and constructors.
  const module = new Module(await wat('(module)'))
  const importing = new Module(await wat('(module (import "env" "f" (func)))'))
  const limits = { memory: 1 << 20 }
  for (const each of [
    { limits },
    { wasi: {} },
    { onTrap: { recycle: {} } },
    { timeout: 5 },
    { store: new Store() },
    { limits, compiler: 'auto' },
  ]) {
    for (const attempt of [
      () => load(file, each as never),
      () => instantiate(module, each as never),
      async () => instantiate(await wat('(module)'), each as never),
      async () => new Instance(module, each as never),
      async () => new Instance(importing, each as never),
    ]) {
      const error = await rejectionOf(attempt())
      expect([error.name, error.code]).toEqual(['TypeError', 'ERR_INVALID_ARG_VALUE'])
      expect(error.message).toContain(`got options (${Object.keys(each).join(', ')})`)
    }
  }
  const some = { store: { get: () => 7 } }
  expect(new Instance(module, some).exports).toEqual({}) // the value is no Store, so these are imports that others use
  expect(new WebAssembly.Instance(new WebAssembly.Module(await wat('(module)')), { limits } as never).exports).toEqual(
    {},
  )
  const named = new Module(await wat('(module (import "limits" "memory" (func)))'))
  expect(new Instance(named, { limits: { memory: () => {} } }).exports).toEqual({})
  // The name of an option may also be the module name of an import.
  const bytes = await wat('(module (import "store" "get" (func (result i32))) (export "get" (func 0)))')
  const { instance } = await instantiate(bytes, { store: { get: () => 7 } })
  expect((instance.exports as any).get()).toBe(7)
})

test('a function index that the module does not have is named in the error', async () => {
  const instance = await instanceOf('(module (func (export "a")) (func))')
  expect(thrownBy(() => instance.slot(2))).toMatchObject({
    name: 'LinkError',
    code: 'ERR_RELINK_UNKNOWN_SLOT',
    message: 'no function has the index 2: the module has functions 0 to 1',
  })
})

describe('the class', () => {
  test('looks as the specification says', async () => {
    const instance = await instanceOf('(module)')
    expect(String(instance)).toBe('[object WebAssembly.Instance]')
    expect(instance.slots).toEqual({})
    expect(Object.isFrozen(instance.slots)).toBe(true)
    expect(Object.getPrototypeOf(instance.slots)).toBeNull()
    expect(Instance).toHaveLength(1)
    expect(() => (Instance as unknown as () => void)()).toThrow(TypeError)
    const getter = Object.getOwnPropertyDescriptor(Instance.prototype, 'exports')?.get
    expect(thrownBy(() => getter?.call({}))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'expected an Instance as `this`, got {}',
    })
  })

  test.each([
    ['no module', [undefined], /expected a Module as `module`, got undefined/],
    ['bytes', [new Uint8Array()], /expected a Module as `module`/],
    ['imports that are no object', ['module', 5], /expected an object as `imports`, got 5/],
    ['options that are no object', ['module', {}, 5], /expected an object as `options`, got 5/],
    ['an unknown option', ['module', {}, { shop: 1 }], /unknown option `shop`, did you mean `store`\?/],
    ['a store that is none', ['module', {}, { store: {} }], /expected a Store as `options.store`, got {}/],
  ])('refuses %s', async (_, parameters, message) => {
    const module = new Module(await wat('(module)'))
    const given = parameters.map((value) => (value === 'module' ? module : value)) as [Module]
    const error = thrownBy(() => new Instance(...given))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(message)
  })
})

test.each([1, 5, 12, 13, 100, 1000])('V8 has no hash table for %i exports', async (count) => {
  setFlagsFromString('--allow-natives-syntax')
  const isFast = new Function('object', 'return %HasFastProperties(object)') as (object: object) => boolean
  const functions = Array.from(
    { length: count },
    (_, index) => `(func (export "f${index}") (result i32) (i32.const ${index}))`,
  )
  const module = new Module(await wat(`(module ${functions.join(' ')})`))
  for (let number = 0; number < 5; number++) {
    const { exports } = new Instance(module)
    expect([isFast(exports), Object.getPrototypeOf(exports), Object.isFrozen(exports)]).toEqual([true, null, true])
    expect(Object.keys(exports)).toHaveLength(count)
    expect((exports as Record<string, () => number>)[`f${count - 1}`]!()).toBe(count - 1)
  }
})
