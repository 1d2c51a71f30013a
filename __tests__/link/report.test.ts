// Reports on a module's functions without an instance: which are slots, their names, and why others are not slots.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  Instance,
  LinkError,
  Module,
  type SlotDescriptor,
  type SlotSelection,
  Table,
  compile as compileElsewhere,
  inspect,
  link,
} from '../..'
import { declaring, guest, guestPath, root, thrownBy, wat } from '../support'

const named = ['ordinary', 'ordinary.v0'] as const

const compile = (name: string, slots?: SlotSelection) => new Module(guest(name), { compiler: 'singlepass', slots })

/** All functions of a guest, by name. */
function report(name: string, slots?: SlotSelection): Record<string, SlotDescriptor> {
  const functions = Module.slots(compile(name, slots), { all: true })
  return Object.fromEntries(functions.map((each) => [each.name, each]))
}

const reasons = (functions: SlotDescriptor[]) => new Set(functions.map(({ whyNot }) => whyNot?.reason))

describe.each(named)('the report on %s', (name) => {
  test('an import, an export, an address-taken function, and a selected one', () => {
    const all = report(name, ['discount'])
    expect(all['env.price']).toEqual({
      name: 'env.price',
      kind: 'import',
      type: { parameters: ['i32'], results: ['i64'] },
      path: 'ordinary::host::price',
      functionIndex: 0,
      aliases: ['ordinary::host::price', 'func[0]'],
    })
    const { total, 'ordinary::ways::scale': scale, 'ordinary::pricing::discount': discount } = all
    expect(total).toEqual({
      name: 'total',
      kind: 'function',
      type: { parameters: ['i64', 'i32'], results: ['i64'] },
      path: 'total',
      functionIndex: expect.any(Number),
      aliases: [`func[${total!.functionIndex}]`],
    })
    expect(scale).toEqual({
      name: 'ordinary::ways::scale',
      kind: 'function',
      type: { parameters: ['i32'], results: ['i32'] },
      path: 'ordinary::ways::scale',
      functionIndex: expect.any(Number),
      tableIndex: expect.any(Number),
      aliases: [`func[${scale!.functionIndex}]`],
    })
    expect(discount).toEqual({
      name: 'ordinary::pricing::discount',
      kind: 'function',
      type: { parameters: ['i64', 'i32'], results: ['i64'] },
      path: 'ordinary::pricing::discount',
      functionIndex: expect.any(Number),
      aliases: [`func[${discount!.functionIndex}]`],
    })
  })

  test('the table index is the address of the function in Rust', () => {
    const module = compile(name)
    const instance = new Instance(module, { env: { price: () => 0n } })
    const scale = Module.slots(module, { all: true }).find(
      ({ tableIndex }) => tableIndex === instance.exports.scale_index(),
    )
    expect(scale!.name).toBe('ordinary::ways::scale')
  })

  test('the function index is that of the file', () => {
    const all = Object.values(report(name, 'all'))
    expect(all.map(({ functionIndex }) => functionIndex).toSorted((a, b) => a! - b!)).toEqual(
      all.map((_, index) => index),
    )
    const exports = WebAssembly.Module.exports(new WebAssembly.Module(guest(name)))
    const untouched = new WebAssembly.Instance(new WebAssembly.Module(guest(name)), { env: { price: () => 0n } })
    for (const { name: exported } of exports.filter(({ kind }) => kind === 'function')) {
      // The name of an exported function in JavaScript is its index.
      const index = Number((untouched.exports[exported] as Function).name)
      const found = all.find((each) => each.functionIndex === index)!
      expect([found.name, ...found.aliases]).toContain(exported)
    }
  })

  test('the slots of an instance are those of its module', () => {
    for (const selection of [undefined, 'all', 'none', ['mix', 'nowhere']] as const) {
      const module = compile(name, selection)
      const instance = new Instance(module, { env: { price: () => 0n } })
      const slots = Module.slots(module)
      const there = slots.filter(({ whyNot }) => whyNot?.reason !== 'not-found')
      expect(Object.keys(instance.slots)).toEqual(there.map((slot) => slot.name))
      for (const { name: each, kind, type, aliases } of there) {
        expect(instance.slots[each]).toMatchObject({ name: each, kind, type })
        // An alias that is another slot's name finds that slot.
        for (const alias of aliases.filter((other) => /^func|::/.test(other) && !slots.some((s) => s.path === other))) {
          expect(instance.slot(alias)).toBe(instance.slots[each])
        }
      }
    }
  })

  test('`all` adds the slots that are not listed, and every other function with the reason why it is no slot', () => {
    const some = Module.slots(compile(name))
    const all = Module.slots(compile(name), { all: true })
    expect(all).toEqual(expect.arrayContaining(some))
    expect(reasons(some)).toEqual(new Set([undefined, 'merged']))
    const rest = all.filter(({ functionIndex }) => !some.some((each) => each.functionIndex === functionIndex))
    expect(reasons(rest)).toEqual(new Set([undefined, 'not-selected', 'identity']))
    const slots = rest.filter(({ whyNot }) => whyNot === undefined)
    expect(slots.filter(({ tableIndex, kind }) => tableIndex === undefined || kind !== 'function')).toEqual([])
    const { imported, defined } = inspect(guest(name)).functions
    expect(all).toHaveLength(imported + defined)
    expect(Module.slots(compile(name), { all: false })).toEqual(some)
    expect(Module.slots(compile(name), {})).toEqual(some)
    const none = Module.slots(compile(name, 'none'), { all: true })
    expect([none.length, reasons(none)]).toEqual([all.length, new Set(['not-selected'])])
  })

  test('`inspect` reports the same without compiling', () => {
    for (const selection of [undefined, 'all', 'none', ['ordinary::*', 'nowhere']] as const) {
      const { slots } = inspect(guest(name), { slots: selection })
      expect(slots).toEqual(Module.slots(compile(name, selection), { all: true }))
    }
  })

  test('the caller may change a report', () => {
    const module = compile(name)
    const [first] = Module.slots(module)
    const before = structuredClone(first!)
    Object.assign(first!, { name: 'mine', kind: 'declared' })
    first!.aliases.push('mine')
    expect(Module.slots(module)[0]).toEqual(before)
    expect(new Instance(module, { env: { price: () => 0n } }).slot(before.name).kind).toBe(before.kind)
  })
})

test.each(['fixed', 'growable', 'imported'])('the table index, with any selection: %s', (kind) => {
  const bytes = guest(`seed_raw.O0.${kind}`)
  const table = new Table({ element: 'anyfunc', initial: 2 })
  for (const slots of [undefined, 'all', 'none'] as const) {
    const module = new Module(bytes, { slots })
    const { exports } = new Instance(module, { env: { __indirect_function_table: table } })
    const found = Module.slots(module, { all: true }).find((each) => each.name === 'seed_raw::replace_me')!
    expect(found.tableIndex).toBe(exports.replace_me_index())
  }
})

describe.each(named)('why not, in %s', (name) => {
  const start = (slots?: SlotSelection) => new Instance(compile(name, slots), { env: { price: () => 0n } })

  /** The error of an instance for a name that is not a slot. */
  const refusal = (wanted: string, reason: string, slots?: SlotSelection) => {
    const error = thrownBy(() => start(slots).slot(wanted))
    expect(error).toBeInstanceOf(LinkError)
    expect(error).toMatchObject({ code: 'ERR_RELINK_UNKNOWN_SLOT', slot: wanted, reason })
    return error
  }

  test('not selected', () => {
    const { whyNot } = report(name)['ordinary::pricing::discount']!
    expect(whyNot).toEqual({ reason: 'not-selected', message: expect.stringContaining('`slots`') })
    expect(refusal('discount', 'not-selected').message).toBe(
      `"ordinary::pricing::discount" is not a slot: ${whyNot!.message}`,
    )
    expect(report(name, ['discount'])['ordinary::pricing::discount']).not.toHaveProperty('whyNot')
  })

  test('not found: inlined', () => {
    const wanted = ['ordinary::inlining::round_up', 'round_up', '*::inlining::*', /rounded?_up/]
    const slots = Module.slots(compile(name, wanted))
    const missing = slots.filter(({ whyNot }) => whyNot?.reason === 'not-found')
    expect(missing).toEqual(
      wanted.map((each) => ({
        name: String(each),
        kind: 'function',
        aliases: [],
        whyNot: { reason: 'not-found', message: expect.stringContaining('inlined') },
      })),
    )
    const { message } = missing[0]!.whyNot!
    expect(refusal('round_up', 'not-found', wanted).message).toBe(
      `"ordinary::inlining::round_up" is not a slot: ${message}`,
    )
    expect(start(wanted).exports.cash(101n)).toBe(110n)
  })

  test.each<[SlotSelection]>([[[/::largest(::<\w+>)?$/]], [['*::largest*']], [['largest']]])(
    'found: every function of a path, by %p',
    (wanted) => {
      const largest = Object.values(report(name, wanted)).filter(({ path }) => path?.includes('::largest'))
      expect(largest).toHaveLength(3)
      expect(reasons(largest)).toEqual(new Set([undefined]))
    },
  )

  test('identity', () => {
    const path = 'opaque::force_call_indirect_for_function_index'
    const { whyNot } = report(name, 'all')[path]!
    expect(whyNot).toEqual({ reason: 'identity', message: expect.stringContaining('returns its parameter') })
    expect(refusal('force_call_indirect_for_function_index', 'identity').message).toContain(whyNot!.message)
    expect(report(name, [path])[path]).not.toHaveProperty('whyNot')
    expect(start([path]).slot(path).kind).toBe('function')
  })

  test('merged: exported under two names', () => {
    const all = report(name)
    expect(all).not.toHaveProperty('notes')
    expect(all.days).toMatchObject({ name: 'days', aliases: ['notes', `func[${all.days!.functionIndex}]`] })
    expect(all.days!.whyNot).toEqual({
      reason: 'merged',
      message: expect.stringMatching(/"days" and "notes".*merged: true/),
    })
  })

  test('merged: not exported, so one of the names is lost', () => {
    const all = report(name, ['feet', 'teaspoons'])
    const lost = ['feet', 'teaspoons'].find((each) => all[each])!
    const kept = ['feet', 'teaspoons'].find((each) => each !== lost)!
    expect(all[lost]!.whyNot!.reason).toBe('not-found')
    expect(all[`ordinary::merging::${kept}`]).not.toHaveProperty('whyNot')
    const a = start([kept])
    expect(a.exports.measure(1, 2)).toBe(5008)
    link(() => 1, a.slot(kept))
    expect(a.exports.measure(1, 2)).toBe(1001)
  })
})

test('a pattern matches the path of functions with a number in their name', async () => {
  const { slots } = inspect(guest('ordinary'), { slots: 'all' })
  const numbered = slots.filter(({ path }) => path === 'ordinary::generic::largest').map((slot) => slot.name)
  expect(numbered).toEqual([1, 2, 3].map((number) => `ordinary::generic::largest#${number}`))
  for (const pattern of [/::largest$/, '*::largest', 'ordinary::generic::largest', /#2$/, '*#2']) {
    const asked = inspect(guest('ordinary'), { slots: [pattern] }).slots
    expect(asked.filter(({ whyNot }) => whyNot?.reason === 'not-found')).toEqual([])
    const selected = asked.filter((slot) => numbered.includes(slot.name) && !slot.whyNot).map((slot) => slot.name)
    expect(selected).toEqual(String(pattern).includes('#2') ? [numbered[1]] : numbered)
    const compiled = Module.slots(await compileElsewhere(guest('ordinary'), { slots: [pattern] }), { all: true })
    expect(compiled).toEqual(asked)
  }
})

test('a path that is also an export’s name selects and finds its function', async () => {
  // The export has the name, so the function of that path gets a number, and the path is not an alias.
  const text = '(module (func $guest::go (export "run")) (func $run))'
  const module = new Module(await wat(text), { slots: [/^run$/] })
  expect(Module.slots(module).map(({ name }) => name)).toEqual(['run', 'run#2'])
})

test('the original of a declared slot', async () => {
  const module = new Module(await declaring({ name: 'a::f', call: 'f', step: 1 }))
  const [declared, original] = ['a::f', 'relink:a::f'].map((wanted) =>
    Module.slots(module, { all: true }).find(({ name }) => name === wanted)!,
  )
  expect(declared).toMatchObject({ kind: 'declared', rust: '(x: i32) -> i32' })
  expect(declared).not.toHaveProperty('whyNot')
  expect(original!.whyNot).toEqual({ reason: 'original', message: expect.stringContaining('"a::f"') })
  expect(Module.slots(module).map(({ name }) => name)).not.toContain('relink:a::f')
  const error = thrownBy(() => new Instance(module).slot('relink:a::f'))
  expect(error).toMatchObject({ code: 'ERR_RELINK_UNKNOWN_SLOT' })
  expect(error.message).toContain(original!.whyNot!.message)
})

// The statements of `docs/what-can-be-relinked.md` on optimizers, for the compiler that built the guests.
describe.each(named)('knowledge that an optimizer uses in callers, in %s', (name) => {
  const start = (slots: SlotSelection) => new Instance(compile(name, slots), { env: { price: () => 0n } })

  test('a constant result', () => {
    const a = start(['rate'])
    const seen = () => [a.exports.rate_by_pointer(), a.exports.rate_folded()]
    expect(seen()).toEqual([20, 20])
    link(() => 7, a.slot('rate'))
    expect(seen()).toEqual([8, 20])
  })

  test('the range of a result, and the absence of effects', () => {
    const a = start(['percent'])
    expect([a.exports.percent_or_zero(107), a.exports.percent_twice(107)]).toEqual([7, 7007])
    let calls = 0
    link((x: number) => {
      calls++
      return x
    }, a.slot('percent'))
    // In the Rust source, a value above 100 gives zero.
    expect(a.exports.percent_or_zero(107)).toBe(107)
    calls = 0
    expect(a.exports.percent_twice(7)).toBe(7007)
    expect(calls).toBe(1)
  })

  test('unused parameters', () => {
    const { 'ordinary::folding::surcharge': surcharge } = report(name)
    expect(surcharge!.type).toEqual({ parameters: ['i32'], results: ['i32'] })
  })
})

test('two imports of one name are two slots', async () => {
  const text = `(module (import "a" "b" (func $x (result i32))) (import "a" "b" (func $y (result i32)))
    (func (export "both") (result i32 i32) (call $x) (call $y)))`
  let count = 0
  const module = new Module(await wat(text))
  const a = new Instance(module, { a: { b: () => ++count } })
  expect(Module.slots(module).map(({ name }) => name)).toEqual(['a.b', 'a.b#2', 'both'])
  link(() => 10, a.slot('a.b#2'))
  expect(a.exports.both()).toEqual([1, 10])
  link(() => 20, a.slot('a.b'))
  expect(a.exports.both()).toEqual([20, 10])
})

describe('docs/what-can-be-relinked.md', () => {
  const text = readFileSync(join(root, 'docs/what-can-be-relinked.md'), 'utf8')
  const blocks = (language: string) =>
    [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].filter(([, of]) => of === language).map(([, , code]) => code!)

  test('its Rust is that of the guest', () => {
    const folder = join(root, 'fixtures/ordinary/src')
    const sources = readdirSync(folder).map((name) =>
      readFileSync(join(folder, name), 'utf8').replace(/^\/\/\/.*\n/gm, ''),
    )
    const items = blocks('rust').flatMap((block) => block.trim().split('\n\n'))
    expect(items.length).toBeGreaterThan(10)
    for (const item of items) expect(sources.some((source) => source.includes(item)) || item).toBe(true)
  })

  test('its JavaScript prints what it says', async () => {
    const script = blocks('js').join('\n')
    const expected = [...script.matchAll(/^\s*console\.log\(.*\)(?:\n| )\/\/ (.*)$/gm)].map(([, line]) => line)
    const printed: string[] = []
    const code = script
      .replace(/^import (\{.*\}) from '(.*)'$/gm, "const $1 = require('$2')")
      .replace(/'([\w.]+\.wasm)'/g, (_, name: string) => JSON.stringify(guestPath(name.replace(/\.wasm$/, ''))))
    const run = new Function('require', 'console', `return (async () => {${code}})()`)
    await run((name: string) => require(name === 'wasm-relink' ? '../..' : name), {
      log: (...values: unknown[]) => void printed.push(values.map((value) => formatted(value)).join(' ')),
    })
    expect(printed).toEqual(expected)
    expect(printed).toHaveLength(script.split('console.log(').length - 1)
  })

  /** A value as `console.log` prints it. */
  const formatted = (value: unknown) => (typeof value === 'bigint' ? `${value}n` : String(value))
})
