import { Instance, Module, RuntimeError, Store, link } from '../..'
import { compilers, guest, instanceOf, thrownBy } from '../support'

/** The panics of `fixtures/panics`: the arguments of the call, and the message with the hook and without. */
const PANICS: Record<string, [args: number[], message: string, ...found: (string | undefined)[]]> = {
  literal: [[], 'the plugin gave up'],
  number: [[-5], 'bad number -5 here'],
  hexadecimal: [[255], 'bad number 0xff here', 'bad number … here'],
  bounds: [[7], 'index out of bounds: the len is 3 but the index is 7'],
  expect: [[1], 'a number above 1000'],
  divide: [[1, 0], 'attempt to divide by zero'],
  any: [[], 'a text of its own', undefined],
}

const FILE = /panics\/src\/lib\.rs$/

describe.each([...compilers, 'auto'] as const)('Rust panics (%s)', (compiler) => {
  const make = async (name: string, store = new Store()) => {
    const instance = new Instance(new Module(guest(name), { compiler }), {}, { store })
    await instance.optimized
    return instance
  }

  test.each(['panics_reported', 'panics.O3', 'panics.O0'])('are in the error (%s)', async (name) => {
    const { exports } = await make(name)
    for (const [kind, [args, whole, ...others]] of Object.entries(PANICS)) {
      const message = name === 'panics_reported' || others.length === 0 ? whole : others[0]
      const error = thrownBy(() => exports[kind](...args))
      expect(error).toBeInstanceOf(RuntimeError)
      expect([kind, error.code, error.trap, error.panic.message]).toEqual([
        kind,
        'ERR_RELINK_TRAP',
        'unreachable',
        message,
      ])
      expect(error.panic.file).toMatch(FILE)
      expect(error.panic).toMatchObject({ line: expect.any(Number), column: expect.any(Number) })
      const place = `${error.panic.file}:${error.panic.line}:${error.panic.column}`
      expect(error.message).toBe(`unreachable: panic at ${place}${message === undefined ? '' : `: ${message}`}`)
      // The same trap, while the memory still has the panic.
      const abort = thrownBy(() => exports.abort())
      expect([abort.message, abort.panic]).toEqual(['unreachable', undefined])
    }
  })

  test('have their place without names', async () => {
    const { exports } = await make('panics.stripped')
    expect(thrownBy(() => exports.literal()).panic).toMatchObject({ message: 'the plugin gave up', line: 8, column: 5 })
    expect(thrownBy(() => exports.number(1)).panic).toMatchObject({ message: 'bad number … here', line: 14 })
    expect(thrownBy(() => exports.bounds(7)).panic.line).toBe(26)
  })

  test('leave the plugin as good as it was', async () => {
    const { exports } = await make('panics.O3')
    for (let time = 0; time < 5000; time++) expect(thrownBy(() => exports.deep(1)).panic.message).toBe('at the end')
    expect(exports.sum(200)).toBe(20100)
  })

  test('are found on the other side of a bridge between compilers', async () => {
    const store = new Store()
    const { exports } = await make('panics.O3', store)
    const other = compiler === 'singlepass' ? 'cranelift' : 'singlepass'
    const text = '(module (import "a" "f" (func (param i32))) (func (export "run") (call 0 (i32.const 3))))'
    const caller = await instanceOf(text, { a: { f: exports.number } }, { compiler: other, store })
    for (let time = 0; time < 100; time++) {
      expect(thrownBy(() => caller.exports.run()).panic.message).toBe('bad number 3 here')
    }
    expect(exports.sum(200)).toBe(20100)
  })

  test('say under which link they happened', async () => {
    const store = new Store()
    const { exports } = await make('panics.O3', store)
    const text = `(module (import "shop" "discount" (func $discount (param i32)))
      (func $outer (param i32) (call $discount (local.get 0)))
      (func (export "run") (param i32) (call $outer (local.get 0)))
      (func (export "trap") unreachable))`
    const plugin = await instanceOf(text, { shop: { discount: () => undefined } }, { compiler, store, slots: 'all' })
    await plugin.optimized
    const active = link(exports.number, plugin.slot('discount'))
    const error = thrownBy(() => plugin.exports.run(9))
    expect(error).toMatchObject({
      slot: 'shop.discount',
      implementation: 'number',
      panic: { message: 'bad number 9 here' },
    })
    for (const other of [thrownBy(() => plugin.exports.trap()), thrownBy(() => exports.number(1))]) {
      expect([other.code, other.slot]).toEqual(['ERR_RELINK_TRAP', undefined])
    }
    active.undo()
    expect(plugin.exports.run(9)).toBeUndefined()
  })
})
