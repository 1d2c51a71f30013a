// Cycles: links by which a slot would call itself for ever are refused.
import { Instance, Module, Store, link } from '../..'
import { compilers, declaring, thrownBy, wat } from '../support'

describe.each(compilers)('a cycle of slots (%s)', (compiler) => {
  test('is refused if undo would create it', async () => {
    const slots = [
      { name: 'a::f', call: 'f', step: 1 },
      { name: 'a::g', call: 'g', step: 100 },
    ] as const
    const instance = new Instance(new Module(await declaring(...slots), { compiler }))
    const [f, g] = [instance.slot('a::f'), instance.slot('a::g')]
    const first = link(instance.exports['slot:g'], f)
    const second = link(f.original, f)
    link(instance.exports['slot:f'], g)
    const error = thrownBy(() => second.undo())
    expect(error).toMatchObject({ name: 'LinkError', code: 'ERR_RELINK_CYCLE' })
    expect([instance.exports.f(0), instance.exports.g(0), f.current]).toEqual([1, 1, f.original])
    g.reset()
    second.undo()
    expect(instance.exports.f(0)).toBe(100)
    first.undo()
    expect(instance.exports.f(0)).toBe(1)
  })
})

describe.each(compilers)('the Rust types of a slot (%s)', (compiler) => {
  test('are those of its thunk too', async () => {
    const signed = new Instance(new Module(await declaring({ name: 'a::f', call: 'f', step: 1 }), { compiler }))
    const unsigned = new Instance(
      new Module(await declaring({ name: 'b::g', call: 'g', step: 100, type: 'u32' }), { compiler }),
    )
    const error = thrownBy(() => link(unsigned.exports['slot:g'], signed.slot('a::f')))
    expect(error).toMatchObject({ code: 'ERR_RELINK_ABI', slot: 'a::f' })
    expect(signed.exports.f(0)).toBe(1)
  })

  test('functions of a closed instance are refused as imports, and its slots for links', async () => {
    const instance = new Instance(new Module(await declaring({ name: 'a::f', call: 'f', step: 1 }), { compiler }))
    const other = new Instance(new Module(await declaring({ name: 'b::g', call: 'g', step: 100 }), { compiler }))
    const slot = instance.slot('a::f')
    link(other.slot('b::g').original, slot)
    const { f } = instance.exports
    instance.close()
    expect(thrownBy(() => slot.reset())).toMatchObject({ code: 'ERR_RELINK_CLOSED', slot: 'a::f' })
    const bytes = new Uint8Array([
      0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 2, 7, 1, 1, 101, 1, 102, 0, 0,
    ])
    const error = thrownBy(() => new Instance(new Module(bytes, { compiler }), { e: { f } }))
    expect(error).toMatchObject({ name: 'LinkError', code: 'ERR_RELINK_CLOSED', module: 'e', field: 'f' })
  })
})

test('a long chain of slots without handles is not a cycle', async () => {
  const first = new Module(await wat('(module (func (export "f") (result i32) i32.const 7))'))
  const next = new Module(await wat('(module (import "m" "f" (func $f (result i32))) (export "f" (func $f)))'))
  const caller = await wat(`(module (func $g (export "g") (result i32) i32.const 1)
    (func (export "call") (result i32) call $g))`)
  for (const length of [1, 3, 20]) {
    const store = new Store()
    let last = new Instance(first, {}, { store }) as Instance
    for (let index = 0; index < length; index++)
      last = new Instance(next, { m: { f: last.exports.f as any } }, { store })
    const target = new Instance(new Module(caller), {}, { store }) as Instance
    link(last.exports.f as any, target.slot('g'))
    expect((target.exports as any).call()).toBe(7)
  }
})
