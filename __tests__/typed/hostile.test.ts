// Guests that lie: each harms itself alone, with an error that names the function, and the process goes on.
import { Instance, link, Module } from '../..'
import { compilers, thrownBy, wat } from '../support'
import { bump, forwarder } from '../support/typed'
import { seeded } from '../support/typed-values'

/** A guest with an export `f`, whose body gives the address of its result; words of memory from address 0 on. */
async function guestInstance(
  wit: string,
  words: number[],
  body = '(i32.const 0)',
  parameters = '',
  realloc = bump,
  hook = () => {},
): Promise<Instance> {
  const data = Buffer.from(Uint32Array.from(words).buffer).toString('hex').replace(/../g, '\\$&')
  const text = `(module (import "env" "hook" (func $hook)) (memory (export "memory") 1)
    (data (i32.const 0) "${data}") ${realloc} (func (export "f") ${parameters} (result i32) ${body}))`
  return new Instance(new Module(await wat(text)), { env: { hook } }, { wit: `world w { ${wit} }` })
}

const guest = async (...parameters: Parameters<typeof guestInstance>) => (await guestInstance(...parameters)).exports.f

const invalid = (path: string, words: string) => ({
  name: 'RuntimeError',
  code: 'ERR_RELINK_VALUE',
  path,
  message: expect.stringMatching(new RegExp(`^export "f": ${path.replace(/[[\].]/g, '\\$&')} is not valid: ${words}`)),
})
const TEXT = 'export f: func() -> string;'

test.each<[string, string, number[], string, string]>([
  ['a string beyond the memory', TEXT, [65_530, 7], 'result', 'expected bytes in the memory of 65536, got 7 at 65530'],
  ['a length of 4 GiB', TEXT, [8, 0xffffffff], 'result', 'expected bytes in the memory of 65536'],
  ['an address at the end of 32 bits', TEXT, [0xffffffff, 2], 'result', 'expected bytes in the memory'],
  ['bytes that are not UTF-8', TEXT, [8, 1, 0xff], 'result', 'expected UTF-8, got other bytes'],
  ['half a character', TEXT, [8, 2, 0x82e2], 'result', 'expected UTF-8'],
  ['a surrogate in UTF-8', TEXT, [8, 3, 0x80a0ed], 'result', 'expected UTF-8'],
  [
    'a list of 4 billion records',
    'record r { a: u64 } export f: func() -> list<r>;',
    [8, 0xffffffff],
    'result',
    'expected',
  ],
  [
    'an address that is not aligned',
    'export f: func() -> list<u32>;',
    [9, 1],
    'result',
    'expected an address that 4 divides',
  ],
  [
    'an unknown case',
    'variant v { a, b(string) } export f: func() -> v;',
    [2],
    'result',
    'expected a case below 2, got 2',
  ],
  ['an unknown case of an option', 'export f: func() -> option<u64>;', [7], 'result', 'expected a case below 2, got 7'],
  [
    'an unknown enum',
    'enum e { a, b } export f: func() -> list<e>;',
    [8, 1, 5],
    'result[0]',
    'expected a case below 2, got 5',
  ],
  [
    'a surrogate as a char',
    'export f: func() -> list<char>;',
    [8, 1, 0xd800],
    'result[0]',
    'expected a Unicode scalar value',
  ],
  ['text that is no JSON', 'type json = string; export f: func() -> json;', [8, 1, 0x7b], 'result', 'expected JSON'],
])('%s', async (_, wit, words, path, message) => {
  const f = await guest(wit, words)
  expect(thrownBy(() => f())).toMatchObject(invalid(path, message))
})

test('a place deep in a value is named', async () => {
  const f = await guest('record r { a: u8, b: option<tuple<string, string>> } export f: func() -> list<r>;', [
    8, 2, 0, 0, 0, 0, 0, 0, 0, 1, 8, 0, 8, 99_999,
  ]) // prettier-ignore
  expect(thrownBy(() => f())).toMatchObject(invalid('result[1].b[1]', 'expected bytes in the memory'))
})

test('values that share their bytes do not fill the host', async () => {
  const f = await guest('export f: func() -> list<string>;', [8, 8000], '(call $fill) (i32.const 0)', '', `${bump}
    (func $fill (local $at i32) (loop $next
      (i32.store offset=8 (local.get $at) (i32.const 0)) (i32.store offset=12 (local.get $at) (i32.const 65536))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 64000)))))`) // prettier-ignore
  expect(thrownBy(() => f()).message).toMatch(/expected values of at most as many bytes as the memory has, got more$/)
})

const realloc = (body: string) => `(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) ${body})`

test.each([
  ['nonsense', '(i32.const -8)', 'expected bytes in the memory of 65536, got 5 at 4294967288'],
  ['the end of the memory', '(i32.const 65534)', 'expected bytes in the memory of 65536, got 5 at 65534'],
])('an allocation at %s', async (_, body, words) => {
  const f = await guest('export f: func(text: string) -> string;', [], undefined, '(param i32 i32)', realloc(body))
  expect(thrownBy(() => f('hello')).message).toContain(words)
})

test('an allocation that traps, grows, or is not aligned', async () => {
  const wit = 'export f: func(all: list<u64>) -> string;'
  const traps = await guest(wit, [0, 0], undefined, '(param i32 i32)', realloc('unreachable'))
  expect(thrownBy(() => traps(BigUint64Array.of(1n)))).toMatchObject({ code: 'ERR_RELINK_TRAP' })
  const odd = await guest(wit, [0, 0], undefined, '(param i32 i32)', realloc('(i32.const 1001)'))
  expect(thrownBy(() => odd(BigUint64Array.of(1n))).message).toContain('an address from cabi_realloc that 8 divides')
  const grows = await guest(
    wit,
    [0, 0],
    undefined,
    '(param i32 i32)',
    realloc('(drop (memory.grow (i32.const 9))) (i32.const 65528)'),
  )
  expect(grows(BigUint64Array.of(1n))).toBe('')
})

test('fields and flags named like methods that every object has, and values that JSON does not have', async () => {
  const wit = `record r { %constructor: option<u32>, to-string: u32 } flags g { %constructor, b }
    export f: func(r: r, g: g) -> bool;`
  const f = await guest(wit, [], '(i32.add (local.get 0) (local.get 3))', '(param i32 i32 i32 i32)')
  expect(f({ toString: 1 }, {})).toBe(false)
  expect(f({ constructor: 1, toString: 1 }, {})).toBe(true)
  expect(f({ toString: 1 }, { constructor: true })).toBe(true)
  expect(thrownBy(() => f({}, {})).message).toBe('r.toString: expected number, got undefined')

  const json = await guest(
    'type json = string; export f: func(value: json) -> string;',
    [],
    undefined,
    '(param i32 i32)',
  )
  const circle: any = {}
  circle.itself = [circle]
  for (const value of [circle, { a: 1n }]) {
    expect(thrownBy(() => json(value))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', path: 'value' })
  }
  const own = new Error('mine')
  const failing = {
    toJSON() {
      throw own
    },
  }
  expect(thrownBy(() => json(failing))).toBe(own)
})

test('bytes of the guest itself, when its allocation grows the memory', async () => {
  const grows = '(drop (memory.grow (i32.const 1))) (i32.const 64)'
  const echo = ' (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8)'
  const wit = 'export f: func(all: list<u8>) -> list<u8>;'
  const instance = await guestInstance(wit, [1, 2, 3, 4], echo, '(param i32 i32)', realloc(grows))
  const { f, memory } = instance.exports
  expect(f(new Uint8Array(memory.buffer, 0, 8))).toEqual(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0))
})

test('an array whose length is none, or that changes meanwhile', async () => {
  const echo = ' (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8)'
  const bytes = await guest('export f: func(all: list<u8>) -> list<u8>;', [], echo, '(param i32 i32)')
  const own = Object.defineProperty(Uint8Array.of(1, 2), 'length', { value: 1e9 })
  expect(bytes(own)).toEqual(Uint8Array.of(1, 2))
  const wit = 'export f: func(all: list<option<u32>>) -> list<option<u32>>;'
  const options = await guest(wit, [], echo, '(param i32 i32)')
  for (const length of [1.5, -1, NaN, '2', 1n, 2 ** 32, 2 ** 30, {}]) {
    const lying = new Proxy([1, 2], { get: (all, key) => (key === 'length' ? length : Reflect.get(all, key)) })
    expect(thrownBy(() => options(lying))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', path: 'all' })
  }
  // Before its elements are looked at, which would take half a minute.
  expect(thrownBy(() => options(Array(2 ** 30))).code).toBe('ERR_INVALID_ARG_TYPE')
  // Node 20 has resizable buffers; the types do not.
  const resizable: any = new (ArrayBuffer as any)(8, { maxByteLength: 16 })
  const shrink = realloc('(call $hook) (i32.const 64)')
  const shrinking = await guest('export f: func(all: list<u8>) -> list<u8>;', [], echo, '(param i32 i32)', shrink, () =>
    resizable.resize(0),
  )
  expect(thrownBy(() => shrinking(new Uint8Array(resizable)))).toMatchObject({
    code: 'ERR_INVALID_ARG_TYPE',
    message: 'all: expected 8 elements, got 0',
  })
})

test('an allocation that closes its instance', async () => {
  const text = `(module (import "env" "close" (func $close)) (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $close) (i32.const 8))
    (func (export "f") (param i32 i32) (result i32) (i32.const 0)))`
  const wit = 'world w { export f: func(text: string) -> string; }'
  const instance: Instance = new Instance(
    new Module(await wat(text)),
    { env: { close: () => instance.close() } },
    { wit },
  )
  expect(thrownBy(() => instance.exports.f('hello'))).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
})

test('arguments for a slot of JavaScript that are not valid', async () => {
  const wit = 'interface i { run: func(text: string) -> string; }'
  const more = `(func (export "lie") (param i32 i32 i32) (call $slot (local.get 0) (local.get 1) (local.get 2)))`
  const instance = new Instance(new Module(await forwarder(wit, { more })))
  let calls = 0
  link((text: string) => text + `${++calls}`, instance.slot('t::run'))
  const lie = (...values: number[]) => thrownBy(() => instance.exports.lie(...values)).message
  expect(lie(65_530, 9, 64)).toMatch(/^slot "t::run": text is not valid: expected bytes in the memory/)
  expect(calls).toBe(0)
  expect(lie(0, 0, 65_532)).toMatch(/^slot "t::run": the address for the result is not valid/)
  expect(lie(0, 0, 63)).toMatch(
    /^slot "t::run": the address for the result is not valid: expected an address that 4 divides/,
  )
  expect(instance.exports.run('x')).toMatch(/^x/)
})

describe.each(compilers)('between plugins, %s', (compiler) => {
  const wit = 'interface i { run: func(all: list<string>) -> list<string>; }'
  const lying = `(func (export "lie") (param i32 i32 i32) (call $slot (local.get 0) (local.get 1) (local.get 2)))`
  const make = async (options: Parameters<typeof forwarder>[1]) =>
    new Instance(new Module(await forwarder(wit, options), { compiler }))

  test('a caller that lies traps, and the callee allocates nothing', async () => {
    const [caller, callee] = [
      await make({ more: lying }),
      await make({ more: '(func (export "top") (result i32) (global.get $top))' }),
    ]
    link(callee.exports.run, caller.slot('t::run'))
    link((all: string[]) => all, callee.slot('t::run'))
    const top = callee.exports.top()
    for (const [address, length] of [
      [65_530, 9],
      [0, 0x20000000],
      [0, -1],
      [-1, 1],
      [2, 1],
    ] as const) {
      // prettier-ignore
      expect(thrownBy(() => caller.exports.lie(address, length, 64))).toMatchObject({ code: 'ERR_RELINK_TRAP', slot: 't::run' })
      expect(callee.exports.top()).toBe(top)
    }
    expect(caller.exports.run(['a', ''])).toEqual(['a', ''])
  })

  test.each(['(i32.const -8)', '(i32.const 1001)', 'unreachable'])('a callee that allocates %s', async (body) => {
    const [caller, callee] = [
      await make({}),
      await make({ realloc: `(global $top i32 (i32.const 0)) ${realloc(body)}` }),
    ]
    link(callee.exports.run, caller.slot('t::run'))
    expect(thrownBy(() => caller.exports.run(['hello']))).toMatchObject({ code: 'ERR_RELINK_TRAP' })
    link((all: string[]) => all, caller.slot('t::run'))
    expect(caller.exports.run(['hello'])).toEqual(['hello'])
  })
})

describe('towards a guest that checks nothing, the adapter checks', () => {
  const types =
    'enum e { a, b } record r { c: char, yes: bool, e: e, text: option<string>, all: list<e>, two: list<e, 2> }'
  /** A caller of `world`, whose export `lie` gives the bytes at address 0 to its slot, and a callee that would take them. */
  async function pair(type: string, size: number) {
    const wit = `world w { ${types} import f: func(all: list<${type}>); export f: func(all: list<${type}>); }`
    const text = `(module (import "$root" "f" (func $f (param i32 i32))) (memory (export "memory") 1) ${bump}
      (func (export "f") (param i32 i32))
      (func (export "lie") (call $f (i32.const 0) (i32.const 1))))`
    const module = new Module(await wat(text))
    const make = () => new Instance(module, { $root: { f: () => {} } }, { wit })
    const [caller, callee] = [make(), make()]
    link(callee.exports.f, caller.slot('$root.f'))
    return (...bytes: number[]) => {
      new Uint8Array(caller.exports.memory.buffer).fill(0, 0, size).set(bytes)
      caller.exports.lie()
    }
  }
  const isTaken = (run: () => void) => {
    try {
      run()
      return true
    } catch (error) {
      if ((error as { code?: string }).code === 'ERR_RELINK_TRAP') return false
      throw error
    }
  }
  const traps = (run: () => void) => thrownBy(run).code === 'ERR_RELINK_TRAP'

  test('characters, booleans and cases', async () => {
    const lie = await pair('r', 64)
    lie(0xff, 0xff, 0x10, 0, 1, 1)
    lie(0, 0xd7, 0, 0, 0, 0)
    expect(traps(() => lie(0, 0, 0x11))).toBe(true)
    expect(traps(() => lie(0, 0xd8))).toBe(true)
    expect(traps(() => lie(0xff, 0xdf))).toBe(true)
    expect(traps(() => lie(65, 0, 0, 0, 2))).toBe(true)
    expect(traps(() => lie(65, 0, 0, 0, 1, 2))).toBe(true)
    expect(traps(() => lie(65, 0, 0, 0, 1, 1, 0, 0, 2))).toBe(true)
    // The last place is the list of two.
    lie(...Array(28).fill(0), 1, 1)
    expect(traps(() => lie(...Array(28).fill(0), 1, 2))).toBe(true)
    // A list of one case at address 40.
    lie(...Array(20).fill(0), 40, 0, 0, 0, 1, 0, 0, 0, ...Array(12).fill(0), 1)
    expect(traps(() => lie(...Array(20).fill(0), 40, 0, 0, 0, 1, 0, 0, 0, ...Array(12).fill(0), 2))).toBe(true)
  })

  test('UTF-8, as Node takes it', async () => {
    const lie = await pair('string', 256)
    const decoder = new TextDecoder('utf-8', { fatal: true })
    const random = seeded(7)
    const good = 'aé€𝄞\u{10ffff}\ud7ff\ue000z'.repeat(2)
    const isValid = (bytes: Uint8Array) => {
      try {
        decoder.decode(bytes)
        return true
      } catch {
        return false
      }
    }
    const seen = new Set<boolean>()
    for (let round = 0; round < 3000; round++) {
      const all = Buffer.from(good).subarray(Math.floor(random() * 20), 20 + Math.floor(random() * 20))
      const bytes = Uint8Array.from(all)
      if (random() < 0.7) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      const given = [16, 0, 0, 0, bytes.length, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...bytes]
      seen.add(isValid(bytes))
      expect(isTaken(() => lie(...given))).toBe(isValid(bytes))
    }
    expect(seen.size).toBe(2)
  })
})
