// Functions of JavaScript, and typed functions of others, in the place of typed exports: they take and return values.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Instance, Module, Store, Suspending, link, promising, relink, split, wrap } from '../..'
import { compilers, guest, root, thrownBy } from '../support'

type Run = (...values: any[]) => any
type Plugin = Instance<Record<string, Run>>

const wit = readFileSync(join(root, 'fixtures/everything_bindgen/wit/world.wit'), 'utf8')

/** The plugin `typed`, made by `relinkable`. */
function typed(compiler?: string, options: object = {}): Plugin {
  const module = new Module(guest('typed'), { compiler } as object)
  const env = Object.fromEntries(Module.imports(module).map(({ name }) => [name, (value: unknown) => value]))
  return new Instance(module, { env } as never, options)
}

/** A guest of wit-bindgen. */
function bindgen(compiler?: string): Plugin {
  const $root = { ask: (all: unknown) => all, askShape: (shape: unknown) => shape }
  const module = new Module(guest('everything_bindgen'), { compiler } as object)
  return new Instance(module, { $root } as never, { wit })
}

const item = (name: string) => ({ name, price: 2n ** 64n - 1n, tags: ['a', name], at: undefined })
const pages = ({ exports }: Plugin) => (exports.memory as unknown as { buffer: ArrayBuffer }).buffer.byteLength

describe.each(compilers)('%s', (compiler) => {
  test('strings, records and errors, and put back', () => {
    const { exports, slot } = ((plugin) => ({ exports: plugin.exports, slot: plugin.slot.bind(plugin) }))(
      typed(compiler),
    )
    const seen: unknown[] = []
    const greet = link((name: string) => (seen.push(name), `Moin, ${name}`), slot('call-greet'))
    expect(exports.callGreet!('größe\0')).toBe('Moin, größe\0')
    const half = link((number?: number) => {
      if (number === undefined) throw Object.assign(new Error('none'), { payload: 'nothing' })
      if (number > 9) throw new RangeError('too large')
      return number * 2
    }, slot('call-half'))
    expect(exports.callHalf!(4)).toBe(8)
    expect(thrownBy(() => exports.callHalf!(undefined))).toMatchObject({ payload: 'nothing' })
    expect(thrownBy(() => exports.callHalf!(10))).toBeInstanceOf(RangeError)
    expect(seen).toEqual(['größe\0'])
    greet.undo()
    slot('call-half').reset()
    expect(half.slot.linked).toBe(false)
    expect([exports.callGreet!('Ada'), exports.callHalf!(4)]).toEqual(['Hello, Ada!', 2])
    expect(seen).toHaveLength(1)
  })

  test('many parameters, lists and large values in a guest of wit-bindgen', () => {
    const plugin = bindgen(compiler)
    const all = relink([
      [(...values: unknown[]) => values.join('-'), plugin.slot('many')],
      [(items: unknown[]) => items.toReversed(), plugin.slot('echo-items')],
      [(values: BigUint64Array) => values.at(-1), plugin.slot('sum')],
      [() => {}, plugin.slot('nothing')],
    ])
    const { exports } = plugin
    const values = Array.from({ length: 16 }, (_, index) => (index % 2 ? index : `text${index}`))
    expect(exports.many!(...values, 0.5)).toBe([...values, 0.5].join('-'))
    expect(exports.echoItems!([item('x'), item('ü')])).toEqual([item('ü'), item('x')])
    expect(exports.sum!(new BigUint64Array(1 << 17).fill(2n ** 64n - 1n))).toBe(2n ** 64n - 1n)
    expect(exports.nothing!()).toBeUndefined()
    all.undo()
    expect(exports.echoItems!([item('x')])).toEqual([item('x')])
  })
})

test('arguments and results do not leak', () => {
  const text = 'x'.repeat(1000)
  const [plugin, other] = [typed(), typed()]
  link((name: string) => name, plugin.slot('call-greet'))
  link(plugin.exports.callGreet!, other.slot('typed::greet'))
  const [replaced, through] = [bindgen(), bindgen()]
  link((shape: unknown) => shape, replaced.slot('echo-shape'))
  link(replaced.exports.echoShape!, through.slot('$root.ask-shape'))
  const label = { tag: 'label', val: text }
  // From JavaScript; and from another plugin, whose adapter allocates by itself.
  const calls = (count: number) => {
    for (let call = 0; call < count; call++) {
      expect([plugin.exports.callGreet!(text), other.exports.callGreet!(text)]).toEqual([text, text])
      expect(replaced.exports.echoShape!(label, undefined)).toEqual(label)
      expect(through.exports.throughShape!(label, undefined)).toEqual(label)
    }
  }
  calls(50)
  const before = [plugin, other, replaced, through].map(pages)
  calls(3000)
  expect([plugin, other, replaced, through].map(pages)).toEqual(before)
})

test('a typed function of the same instance, of another one, and of another type', () => {
  const [plugin, other] = [typed(), bindgen()]
  const change = link(plugin.exports.callReverse!, plugin.slot('call-echo-bytes'))
  expect(plugin.exports.callEchoBytes!(Uint8Array.of(1, 2))).toEqual(Uint8Array.of(2, 1))
  change.undo()
  const second = typed('singlepass')
  link((text: string) => `${text}, and back`, second.slot('call-greet'))
  link(second.exports.callGreet!, plugin.slot('call-greet'))
  expect(plugin.exports.callGreet!('there')).toBe('there, and back')
  const error = thrownBy(() => link(other.exports.echoBytes!, plugin.slot('call-greet')))
  expect(error).toMatchObject({ code: 'ERR_RELINK_ABI' })
  expect(plugin.exports.callGreet!('as before')).toBe('as before, and back')
})

test('a value that does not fit is refused with its place, and the next call works', () => {
  const plugin = bindgen()
  let wrong: unknown = [{ ...item('x'), price: 5 }]
  link(() => wrong, plugin.slot('echo-items'))
  const error = thrownBy(() => plugin.exports.echoItems!([]))
  expect(error).toBeInstanceOf(TypeError)
  expect(error.message).toContain('result[0].price: expected bigint, got number')
  wrong = [item('x')]
  expect(plugin.exports.echoItems!([])).toEqual(wrong)
})

test('`wrap` gives the typed function, and `split` takes functions of values', () => {
  const { exports, ...rest } = ((plugin) => ({ exports: plugin.exports, slot: plugin.slot('call-greet') }))(typed())
  const change = wrap(rest.slot, (previous) => (name: string) => `<${previous(name)}>`)
  const again = wrap(rest.slot, (previous) => (name: string) => `${previous(`${name} II`)}!`)
  expect(exports.callGreet!('Ada')).toBe('<Hello, Ada II!>!')
  again.undo()
  change.undo()
  const variants = { one: (name: string) => `1 ${name}`, two: (name: string) => `2 ${name}` }
  const all = split(rest.slot, variants, { weights: { one: 0, two: 1 } })
  expect(exports.callGreet!('Ada')).toBe('2 Ada')
  all.undo()
  expect(exports.callGreet!('Ada')).toBe('Hello, Ada!')
})

test('it may wait, and several calls at once', async () => {
  const plugin = typed()
  const later = async (name: string) => {
    await new Promise(setImmediate)
    return name.repeat(2)
  }
  link(new Suspending(later), plugin.slot('call-greet'))
  const call = promising(plugin.exports.callGreet!)
  const names = Array.from({ length: 9 }, (_, index) => `${index}`.repeat(index * 50))
  await expect(Promise.all(names.map((name) => call(name)))).resolves.toEqual(names.map((name) => name.repeat(2)))
})

test('an instance that begins again has none of the memory that it had', () => {
  const plugin = typed(undefined, { onTrap: 'recycle', store: new Store() })
  link((text: string) => text, plugin.slot('call-echo-string'))
  link(() => ({ depth: 1, names: ['x'.repeat(100)] }), plugin.slot('call-deeper'))
  const text = 'é'.repeat(500)
  const round = () => {
    expect(plugin.exports.callEchoString!(text)).toBe(text)
    expect(plugin.exports.callDeeper!({})).toEqual({ depth: 1, names: ['x'.repeat(100)] })
    expect(plugin.exports.callEchoStrings!([text, text])).toEqual([text, text])
  }
  for (let turn = 0; turn < 5; turn++) {
    round()
    // An order whose address lies beyond the memory.
    expect(thrownBy(() => plugin.exports['call-discount']!(-4))).toMatchObject({ code: 'ERR_RELINK_TRAP' })
    round()
  }
})
