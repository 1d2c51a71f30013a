// Typed functions against a guest of wit-bindgen, another implementation of the canonical ABI.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Instance, link, Module } from '../..'
import { compilers, guest, root, thrownBy } from '../support'
import { seeded } from '../support/typed-values'

const bytes = guest('everything_bindgen')
const wit = readFileSync(join(root, 'fixtures/everything_bindgen/wit/world.wit'), 'utf8')

type Functions = Record<string, (...values: any[]) => any>
const instanceOf = (imports: Functions = {}, compiler: (typeof compilers)[number] = 'cranelift') => {
  const $root = { ask: (all: unknown) => all, askShape: (shape: unknown) => shape, ...imports }
  return new Instance(new Module(bytes, { compiler }), { $root }, { wit })
}

/** Random values of the types in `world.wit`. */
function valuesOf(seed: number) {
  const random = seeded(seed)
  const below = (count: number) => Math.floor(random() * count)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  const many = <T>(make: () => T, most = 4): T[] => Array.from({ length: below(most + 1) }, make)
  const text = () => pick(['', 'a', 'grüße', '\0', '日本語', '𝄞', 'x'.repeat(below(200)), 'é'.repeat(13)])
  const maybe = <T>(make: () => T): T | undefined => (random() < 0.5 ? undefined : make())
  const colour = () => pick(['light-red', 'green', 'blue'])
  const float = () => pick([0, -0, NaN, Infinity, 1.5, -0.25])
  const long = () => pick([-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n])
  const item = () => ({ name: text(), price: pick([0n, 2n ** 64n - 1n]), tags: many(text), at: maybe(float) })
  const shape = () =>
    pick<() => { tag: string; val?: unknown }>([
      () => ({ tag: 'a-dot' }),
      () => ({ tag: 'line', val: float() }),
      () => ({ tag: 'label', val: text() }),
      () => ({ tag: 'items', val: many(item) }),
      () => ({ tag: 'pair', val: [pick([-128, 127]), long()] }),
    ])()
  const flags = ['canRead', 'write', 'run', 'a4', 'a5', 'a6', 'a7', 'a8', 'a9']
  const rights = () => Object.fromEntries(flags.map((name) => [name, random() < 0.5]))
  const char = () => pick(['a', '\0', 'é', '𝄞'])
  const scalars = () => ({
    a: random() < 0.5,
    b: pick([-128, 127]),
    c: pick([0, 255]),
    d: pick([-32_768, 32_767]),
    e: pick([0, 65_535]),
    f: pick([-(2 ** 31), 2 ** 31 - 1]),
    g: pick([0, 2 ** 32 - 1]),
    h: long(),
    i: pick([0n, 2n ** 64n - 1n]),
    j: float(),
    k: pick([0.1, -0, NaN]),
    l: char(),
  })
  const everything = () => ({
    scalars: scalars(),
    bytes: Uint8Array.from(many(() => below(256), 40)),
    words: Uint16Array.from(many(() => below(65_536))),
    longs: BigInt64Array.from(many(long)),
    floats: Float32Array.from(many(float)),
    text: text(),
    colour: colour(),
    rights: rights(),
    item: item(),
    items: many(item),
    shape: shape(),
    shapes: many(shape),
    note: maybe(text),
    deep: maybe(() => many(() => maybe(() => [text(), many(() => Uint32Array.from(many(() => below(9))))]))),
    both: pick([{ tag: 'ok', val: 7 }, { tag: 'err', val: text() }]), // prettier-ignore
    done: { tag: pick(['ok', 'err']) },
    failed: pick([{ tag: 'ok' }, { tag: 'err', val: shape() }]), // prettier-ignore
    nested: pick([{ tag: 'ok', val: maybe(() => 5n) }, { tag: 'err', val: colour() }]), // prettier-ignore
    chars: many(char),
    bools: many(() => random() < 0.5),
  })
  return { everything, shape, maybe, text }
}

describe.each(compilers)('%s', (compiler) => {
  test('everything in and out', () => {
    const { exports } = instanceOf({}, compiler)
    const { everything } = valuesOf(1)
    for (let round = 0; round < 200; round++) {
      const value = everything()
      expect(exports.echo(value)).toEqual(value)
      expect(exports.through(value)).toEqual(value)
    }
  })

  test('from one guest to another and back', () => {
    let seen: unknown
    const ask = (value: unknown) => (seen = value)
    const [a, b] = [
      instanceOf({}, compiler),
      instanceOf({ ask }, compiler === 'cranelift' ? 'singlepass' : 'cranelift'),
    ]
    const { everything } = valuesOf(2)
    for (const implementation of [b.exports.echo, b.exports.through]) {
      const change = link(implementation, a.slot('$root.ask'))
      for (let round = 0; round < 100; round++) {
        const value = everything()
        expect(a.exports.through(value)).toEqual(value)
        expect(implementation === b.exports.through ? seen : value).toEqual(value)
      }
      change.undo()
    }
  })
})

test('results and options as flat values', () => {
  const fail = (shape: unknown, by: string | undefined) => {
    if (by !== undefined) throw Object.assign(new Error('no'), { payload: by })
    return shape
  }
  const [a, b] = [instanceOf({ askShape: fail }), instanceOf({ askShape: fail })]
  const { shape, maybe, text } = valuesOf(3)
  const check = (run: Functions[string]) => {
    for (let round = 0; round < 100; round++) {
      const [value, by] = [shape(), maybe(text)]
      const outcome = by === undefined ? { ok: run(value, by) } : { err: thrownBy(() => run(value, by)).payload }
      expect(outcome).toEqual(by === undefined ? { ok: value } : { err: by })
    }
  }
  check(a.exports.echoShape)
  check(a.exports.throughShape)
  link(b.exports.throughShape, a.slot('$root.ask-shape'))
  check(a.exports.throughShape)
})

test('flat scalars, 17 parameters, a list of numbers', () => {
  const { exports } = instanceOf()
  const rights = { canRead: true }
  const given = [true, -128, 255, -32_768, 65_535, -(2 ** 31), 7, -(2n ** 63n), 2n ** 64n - 1n, -0, NaN, '𝄞']
  const [a, b, c, d, e, f, g, h, i, j, k, l] = given
  expect(exports.scalar(...given, 'blue', rights)).toEqual({ a, b, c, d, e, f, g: (g as number) + 3, h, i, j, k, l })
  const values = Array.from({ length: 16 }, (_, index) => (index % 2 ? index : `text${index}`))
  expect(exports.many(...values, 0.5)).toBe([...values, 0.5].join(''))
  expect(exports.sum(BigUint64Array.of(1n, 2n, 2n ** 63n))).toBe(2n ** 63n + 3n)
  expect(exports.nothing()).toBeUndefined()
})

test('guests do not leak: what is passed is freed', () => {
  const [a, b] = [instanceOf(), instanceOf()]
  link(b.exports.echo, a.slot('$root.ask'))
  const { everything } = valuesOf(4)
  const value = everything()
  const pages = () => [a, b].map(({ exports }) => exports.memory.buffer.byteLength)
  for (let round = 0; round < 100; round++) a.exports.through(value)
  const before = pages()
  for (let round = 0; round < 3000; round++) {
    a.exports.through(value)
    a.exports.echoString('x'.repeat(1000))
  }
  expect(pages()).toEqual(before)
})

test('links hold when both plugins tier up', async () => {
  const make = () => {
    const $root = { ask: (all: unknown) => all, askShape: (shape: unknown) => shape }
    return new Instance(new Module(bytes, { compiler: 'auto' }), { $root }, { wit })
  }
  const [a, b] = [make(), make()]
  const slot = a.slot('$root.ask-shape')
  const change = link(b.exports.echoShape, slot)
  const label = { tag: 'label', val: 'grüße' }
  expect(a.exports.throughShape(label, undefined)).toEqual(label)
  await Promise.all([a.optimized, b.optimized])
  expect([a.compiler, b.compiler]).toEqual(['cranelift', 'cranelift'])
  expect(a.exports.throughShape(label, undefined)).toEqual(label)
  expect(slot.current).toBe(b.exports.echoShape)
  change.undo()
  link(a.exports.echoShape, b.slot('$root.ask-shape'))
  expect(b.exports.throughShape(label, undefined)).toEqual(label)
  expect(thrownBy(() => b.exports.throughShape(label, 'no'))).toMatchObject({ payload: 'no' })
})
