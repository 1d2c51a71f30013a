// Functions that are called often: their calls cross to wasm once, and nothing else changes.
import { execFileSync } from 'node:child_process'
import { Instance, link, Module, Store } from '../..'
import { compilers, root, thrownBy, wat } from '../support'
import { collect } from '../support/collecting'
import { bump, callOften, forwarder } from '../support/typed'

const ECHO = 'interface i { run: func(text: string) -> string; }'

type Options = Record<string, unknown>

async function echo(wit = ECHO, options: Options = {}, more: Parameters<typeof forwarder>[1] = {}) {
  const module = new Module(await forwarder(wit, more))
  const instance: Instance = new Instance(module, undefined, { store: new Store(), ...options })
  const slot = instance.slot('t::run')
  link((value: unknown) => value, slot)
  return { instance, slot, run: instance.exports.run as (...values: unknown[]) => unknown }
}

/** An export `f` of a guest, which returns what the words of its memory from address 0 on say; and that memory as words. */
async function guest(wit: string, parameters = '', realloc = bump, body = '(i32.const 0)') {
  const text = `(module (memory (export "memory") 1) (global $lie (export "lie") (mut i32) (i32.const 0)) ${realloc}
    (func (export "f") ${parameters} (result i32) ${body}))`
  const { exports } = new Instance(new Module(await wat(text)), {}, { wit: `world w { ${wit} }` })
  return { f: exports.f, words: new Uint32Array(exports.memory.buffer), lie: exports.lie }
}

test('one module for a type, one instance for a function', async () => {
  const store = new Store()
  const [first, second] = [await echo(ECHO, { store }), await echo(ECHO, { store })]
  const before = store.stats()
  callOften(() => first.run('a'))
  const { instances, memories, codeBytes } = store.stats()
  expect([instances - before.instances, memories - before.memories]).toEqual([1, 1])
  callOften(() => second.run('a'))
  const after = store.stats()
  expect([after.instances - instances, after.memories - memories, after.codeBytes - codeBytes]).toEqual([1, 0, 0])
  expect([first.run('b'), second.run('c')]).toEqual(['b', 'c'])
})

const LENGTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 20, 21, 31, 32, 33, 95, 97, 2047, 2048, 2049, 70_000]

describe.each(compilers)('strings of all lengths, %s', (compiler) => {
  test.each(['x', 'é', '€', '𝄞'])('of %s', async (character) => {
    const instance = new Instance(new Module(await forwarder(ECHO), { compiler }))
    link((text: string) => text, instance.slot('t::run'))
    callOften(() => instance.exports.run('warm'))
    for (const length of LENGTHS) {
      for (const text of [character.repeat(length), `${'a'.repeat(length)}${character}`, `${character}a\0`]) {
        expect(instance.exports.run(text)).toBe(text)
      }
    }
    expect(instance.exports.run('a\ud800b')).toBe('a\ufffdb')
    expect(instance.exports.run('\ufeffa')).toBe('\ufeffa')
  })
})

test.each(['u8', 'u16', 'f32', 's64'])('lists of %s of all lengths', async (type) => {
  const { run } = await echo(`interface i { run: func(all: list<${type}>) -> list<${type}>; }`)
  const big = type === 's64'
  const list = (length: number) => Array.from({ length }, (_, index) => (big ? BigInt(index) : index % 200))
  callOften(() => run(list(1)))
  for (const length of LENGTHS) expect([...(run(list(length)) as Iterable<unknown>)]).toEqual(list(length))
})

test('objects that only look like lists are refused without being read', async () => {
  const { run } = await echo('interface i { run: func(all: list<u8>) -> list<u8>; }')
  callOften(() => run(Uint8Array.of(1)))
  const object = {
    get length() {
      throw new Error('read')
    },
  }
  expect(thrownBy(() => run(object)).message).toBe('all: expected Uint8Array, got object')
  const lying = Object.defineProperty(Uint8Array.of(1, 2), 'length', { value: 1e9 })
  expect(run(lying)).toEqual(Uint8Array.of(1, 2))
})

test('values that do not fit the transfer memory', async () => {
  const { run } = await echo(
    'interface i { record r { a: string, b: list<string> } run: func(all: list<r>) -> list<r>; }',
  )
  const all = (length: number) =>
    Array.from({ length }, (_, index) => ({ a: `a${index}`, b: ['x'.repeat(index % 50), 'é'] }))
  callOften(() => run(all(1)))
  for (const length of [0, 10, 100, 1000, 5000]) expect(run(all(length))).toEqual(all(length))
  expect(run([{ a: 'x'.repeat(3000), b: [] }])).toEqual([{ a: 'x'.repeat(3000), b: [] }])
})

test('what JavaScript refuses has its place, and nothing was allocated', async () => {
  const wit = 'interface i { record r { a: string, b: u8 } run: func(all: list<r>, text: string) -> tuple<string>; }'
  const more = '(func (export "top") (result i32) (global.get $top))'
  const { run, slot, instance } = await echo(wit, {}, { more })
  link((_: unknown, text: string) => [text], slot)
  callOften(() => run([{ a: 'x', b: 1 }], 'y'))
  const top = instance.exports.top()
  const message = (...values: unknown[]) => thrownBy(() => run(...values)).message
  expect(message([{ a: 'x', b: 256 }], 'y')).toBe('all[0].b: expected an integer from 0 to 255, got 256')
  expect(message([{ a: 'x', b: 1 }], 5)).toBe('text: expected string, got number')
  expect(instance.exports.top()).toBe(top)
  expect(run([], 'after')).toEqual(['after'])
})

test('the err of a result is thrown', async () => {
  const { run, slot } = await echo('interface i { run: func(text: string) -> result<string, string>; }')
  callOften(() => run('a'))
  link((text: string) => {
    throw Object.assign(new Error(), { payload: `no ${text}` })
  }, slot)
  expect(thrownBy(() => run('b'))).toMatchObject({ message: 'no b', payload: 'no b' })
  slot.reset()
  link((text: string) => text, slot)
  expect(run('c')).toBe('c')
})

describe('calls within calls', () => {
  test('of the same function, from the function that it calls', async () => {
    const { run, slot } = await echo()
    callOften(() => run('a'))
    slot.reset()
    link((text: string): string => (text.length === 0 ? '.' : `${text[0]}${String(run(text.slice(1)))}${text}`), slot)
    expect(run('abc')).toBe('abc.cbcabc')
  })

  test('from a getter', async () => {
    const { run } = await echo(
      'interface i { record r { a: string, b: string, c: list<string> } run: func(r: r) -> r; }',
    )
    const r = { a: 'first', b: 'second', c: ['third'] }
    callOften(() => run(r))
    let calls = 0
    const getting = {
      a: 'first',
      get b() {
        calls++
        return (run({ ...r, b: 'x'.repeat(40) }) as typeof r).b
      },
      c: ['third'],
    }
    expect(run(getting)).toEqual({ ...r, b: 'x'.repeat(40) })
    expect(calls).toBe(1)
  })

  test('from the function that allocates, and from the one that frees', async () => {
    const text = `(module (import "env" "more" (func $more)) (memory (export "memory") 1) (global $top (mut i32) (i32.const 1024))
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (call $more)
        (global.get $top) (global.set $top (i32.add (global.get $top) (local.get 3))))
      (func (export "f") (param i32 i32) (result i32)
        (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0))
      (func (export "cabi_post_f") (param i32) (call $more)))`
    const wit = 'world w { export f: func(text: string) -> string; }'
    let depth = 0
    const inner: string[] = []
    const more = () => {
      if (depth === 0) return
      depth--
      inner.push(instance.exports.f(`inner tëxt number ${depth}`))
    }
    const instance: Instance = new Instance(new Module(await wat(text)), { env: { more } }, { wit })
    for (const often of [false, true]) {
      if (often) callOften(() => instance.exports.f('warm'))
      for (const outer of ['outer', 'é'.repeat(30), 'x'.repeat(500)]) {
        depth = 3
        expect(instance.exports.f(outer)).toBe(outer)
      }
    }
    expect(inner).toHaveLength(18)
    expect(new Set(inner)).toEqual(new Set(['inner tëxt number 0', 'inner tëxt number 1', 'inner tëxt number 2']))
  })
})

describe('guests that lie after a thousand calls are refused with the same words', () => {
  const TEXT = 'export f: func() -> string;'
  const DEEP = 'record r { a: u8, b: option<tuple<string, string>> } export f: func() -> list<r>;'

  test.each<[string, string, number[], number[]]>([
    ['a string beyond the memory', TEXT, [8, 1, 65], [65_530, 7]],
    ['a length of 4 GiB', TEXT, [8, 1, 65], [8, 0xffffffff]],
    ['an address at the end of 32 bits', TEXT, [8, 1, 65], [0xffffffff, 2]],
    ['bytes that are not UTF-8', TEXT, [8, 1, 65], [8, 1, 0xff]],
    ['half a character', TEXT, [8, 1, 65], [8, 2, 0x82e2]],
    ['a list of 4 billion records', 'record r { a: u64 } export f: func() -> list<r>;', [8, 0], [8, 0xffffffff]],
    ['a list that is not aligned', 'export f: func() -> list<u32>;', [8, 1], [9, 1]],
    ['an unknown case', 'variant v { a, b(string) } export f: func() -> v;', [0], [2]],
    ['an unknown case in a list', 'export f: func() -> list<option<string>>;', [8, 1, 0], [8, 1, 7]],
    ['an unknown enum', 'enum e { a, b } export f: func() -> list<e>;', [8, 1, 0], [8, 1, 5]],
    ['text that is no JSON', 'type json = string; export f: func() -> json;', [8, 1, 0x31], [8, 1, 0x7b]],
    ['a place deep in a value', DEEP, [8, 0], [8, 2, 0, 0, 0, 0, 0, 0, 0, 1, 8, 0, 8, 99_999]],
  ])('%s', async (_, wit, good, bad) => {
    const [first, often] = [await guest(wit), await guest(wit)]
    often.words.set(good)
    callOften(() => often.f())
    for (const { words } of [first, often]) words.set(bad)
    const [expected, actual] = [first, often].map(({ f }) => thrownBy(() => f()))
    expect(expected!.message).toContain('is not valid: expected')
    expect({ ...actual!, message: actual!.message }).toEqual({ ...expected!, message: expected!.message })
    often.words.set(good)
    often.f()
  })

  test.each([0xfffffff8, 65_534, 1001])('an area at %d', async (area) => {
    const wit = 'export f: func() -> tuple<u64, u32>;'
    const [first, often] = [0, 1].map(() => guest(wit, '', bump, '(global.get $lie)'))
    const guests = [await first!, await often!]
    callOften(() => guests[1]!.f())
    for (const { lie } of guests) lie.value = area
    const [expected, actual] = guests.map(({ f }) => thrownBy(() => f()).message)
    expect(expected).toContain('expected')
    expect(actual).toBe(expected)
  })

  test.each<[string, number, string, unknown]>([
    ['beyond the memory', 0xfffffff8, 'string', 'hello'],
    ['at its end', 65_534, 'string', 'hello'],
    ['that is not aligned', 1001, 'list<u64>', [1n]],
    ['inside a value', 65_534, 'list<string>', ['hello']],
  ])('an allocation %s', async (_, address, type, value) => {
    const realloc = `(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (if (result i32) (global.get $lie) (then (global.get $lie)) (else (i32.const 64))))`
    const make = () => guest(`export f: func(value: ${type}) -> string;`, '(param i32 i32)', realloc, '(i32.const 0)')
    const [first, often] = [await make(), await make()]
    callOften(() => often.f(value))
    for (const { lie } of [first, often]) lie.value = address | 0
    const [expected, actual] = [first, often].map(({ f }) => thrownBy(() => f(value)).message)
    expect(expected).toContain('expected')
    expect(actual).toBe(expected)
  })

  test('values that share their bytes', async () => {
    const { f, words } = await guest('export f: func() -> list<list<list<string>>>;')
    words.set([8, 0])
    callOften(() => f())
    // Each level is a list of 1000 places that lead to the same list.
    const level = (at: number, to: number, length: number) => {
      for (let index = 0; index < 1000; index++) words.set([to, length], (at + index * 8) / 4)
    }
    words.set([8, 1000])
    level(8, 8016, 1000)
    level(8016, 16_024, 1000)
    level(16_024, 30_000, 30_000)
    expect(thrownBy(() => f()).message).toMatch(/expected values of at most as many bytes as the memory has, got more$/)
  })
})

test('memory that grows within a call', async () => {
  const { run, slot, instance } = await echo(
    ECHO,
    {},
    { more: '(func (export "grow") (drop (memory.grow (i32.const 5))))' },
  )
  callOften(() => run('a'))
  link((text: string) => {
    instance.exports.grow()
    return text
  }, slot)
  for (const text of ['b', 'x'.repeat(100_000), 'é'.repeat(40)]) expect(run(text)).toBe(text)
})

describe('an instance that is closed', () => {
  test('within a call, and between two', async () => {
    const { run, slot, instance } = await echo()
    callOften(() => run('a'))
    slot.reset()
    link((text: string) => {
      instance.close()
      return text
    }, slot)
    expect(thrownBy(() => run('b'))).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
    expect(thrownBy(() => run('b'))).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
  })

  test('by a getter', async () => {
    const { run, instance } = await echo('interface i { record r { a: string } run: func(r: r) -> string; }')
    link((r: { a: string }) => r.a, instance.slot('t::run'))
    callOften(() => run({ a: 'a' }))
    const closing = {
      get a() {
        instance.close()
        return 'a'
      },
    }
    expect(thrownBy(() => run(closing))).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
  })

  test('whose late calls are ignored', async () => {
    const { run, instance } = await echo()
    callOften(() => run('a'))
    instance.close({ lateCalls: 'ignore' })
    expect(run('b')).toBeUndefined()
  })

  test('leaves nothing but the transfer memory of its store', async () => {
    const store = new Store()
    const { run, instance } = await echo(ECHO, { store })
    callOften(() => run('a'))
    instance.close()
    for (let round = 0; round < 5; round++) await collect(store)
    expect(store.stats()).toMatchObject({ retainedBytes: 0, memories: 1, instances: 0 })
    expect(thrownBy(() => run('b'))).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
  })
})

test('instances that nothing uses are collected', async () => {
  const store = new Store()
  const make = async () => {
    const { run } = await echo(ECHO, { store })
    callOften(() => run('a'))
  }
  await make()
  for (let round = 0; round < 5; round++) await collect(store)
  const before = store.stats()
  for (let round = 0; round < 5; round++) await make()
  for (let round = 0; round < 10; round++) await collect(store)
  const after = store.stats()
  expect(after.freed.instances - before.freed.instances).toBeGreaterThanOrEqual(10)
  expect([after.instances, after.memories]).toEqual([before.instances, before.memories])
})

test('a store without room for more goes on', async () => {
  const store = new Store({ limits: { instances: 1 } })
  const { run } = await echo(ECHO, { store })
  callOften(() => run('a'))
  expect(run('b')).toBe('b')
  expect(store.stats().instances).toBe(1)
})

test('a deadline ends the call, and the function goes on', async () => {
  const { run, slot } = await echo(ECHO, { timeout: 50 })
  callOften(() => run('a'))
  const spin = new Instance(new Module(await wat('(module (func (export "spin") (loop (br 0))))'))).exports.spin
  link((text: string) => {
    if (text === 'spin') spin()
    return text
  }, slot)
  expect(thrownBy(() => run('spin'))).toMatchObject({ code: 'ERR_RELINK_TIMEOUT' })
  expect(run('b')).toBe('b')
})

test('an instance that is recycled after a trap', async () => {
  const text = `(module (memory (export "memory") 1) ${bump}
    (global $calls (mut i32) (i32.const 0))
    (func (export "f") (param i32 i32) (result i32)
      (if (i32.eq (local.get 1) (i32.const 4)) (then unreachable))
      (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0)))`
  const wit = 'world w { export f: func(text: string) -> string; }'
  const recycled: unknown[] = []
  const options = { wit, onTrap: 'recycle', onRecycle: (event: unknown) => recycled.push(event) } as const
  const { exports } = new Instance(new Module(await wat(text)), {}, options)
  callOften(() => exports.f('fine'.slice(1)))
  for (let round = 0; round < 3; round++) {
    expect(thrownBy(() => exports.f('trap'))).toMatchObject({ code: 'ERR_RELINK_TRAP' })
    expect(exports.f('after')).toBe('after')
  }
  expect(recycled).toHaveLength(3)
})

test('without code from strings, calls go on as before', () => {
  const program = `const { Instance, Module, Store, link } = require('.')
    const store = new Store()
    const bytes = require('node:fs').readFileSync('fixtures/wasm/typed.wasm')
    const imports = new Proxy({}, { get: () => () => {} })
    const { slots } = new Instance(new Module(bytes), { env: imports }, { store })
    const { original } = slots['typed::echo_string']
    const { instances } = store.stats()
    for (let call = 0; call < 1500; call++) if (original('hello') !== 'hello') throw new Error('other text')
    console.log(store.stats().instances - instances)`
  const run = (...flags: string[]) =>
    execFileSync(process.execPath, [...flags, '-e', program], { cwd: root, encoding: 'utf8' }).trim()
  expect(run()).toBe('1')
  expect(run('--disallow-code-generation-from-strings')).toBe('0')
})
