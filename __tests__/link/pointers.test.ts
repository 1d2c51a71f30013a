// Declared slots with pointers: an address of one memory means something else in another.
import { Instance, Module, link, relink } from '../..'
import { compilers, guest, instanceOf, thrownBy } from '../support'

describe.each(compilers)('a declared slot with pointers (%s)', (compiler) => {
  const make = () => new Instance(new Module(guest('scalars'), { compiler }), { env: { host_hook: () => {} } })
  const NAME = 'scalars/first-byte'
  const refusal = {
    name: 'LinkError',
    code: 'ERR_RELINK_ABI',
    slot: NAME,
    expected: 'fn(*const u8) -> u8',
    message: expect.stringContaining('the implementation has another memory'),
  }

  test('takes no function of another memory, unless that is allowed', () => {
    const [one, other] = [make(), make()]
    const [slot, implementation] = [one.slot(NAME), other.slot(NAME).original]
    expect(thrownBy(() => link(implementation, slot))).toMatchObject(refusal)
    expect(thrownBy(() => relink([[implementation, slot]]))).toMatchObject({
      code: 'ERR_RELINK_REFUSED',
      refusals: [{ index: 0, code: 'ERR_RELINK_ABI', slot: NAME }],
    })
    expect([slot.linked, one.exports.call_first_byte()]).toEqual([false, 77])
    link(implementation, slot, { pointers: true })
    expect(slot.linked).toBe(true)
  })

  test('takes functions of its own memory, JavaScript functions, and functions without a memory', async () => {
    const one = make()
    const slot = one.slot(NAME)
    link(slot.original, slot).undo()
    const memory = new Uint8Array((one.exports.memory as any).buffer)
    const change = link((byte: number) => memory[byte]! + 1, slot)
    expect(one.exports.call_first_byte()).toBe(78)
    change.undo()
    const { constant } = (
      await instanceOf('(module (func (export "constant") (param i32) (result i32) i32.const 5))', {}, { compiler })
    ).exports
    link(constant, slot)
    expect(one.exports.call_first_byte()).toBe(5)
  })

  test('is refused as the implementation of an undeclared slot too', async () => {
    const implementation = make().slot(NAME).original
    const text = `(module (import "env" "f" (func $f (param i32) (result i32))) (memory 1)
      (func (export "call") (result i32) (call $f (i32.const 0))))`
    const other = await instanceOf(text, { env: { f: (x: number) => x } }, { compiler })
    expect(thrownBy(() => link(implementation, other.slot('env.f')))).toMatchObject({ ...refusal, slot: 'env.f' })
    expect(other.exports.call()).toBe(0)
    link(implementation, other.slot('env.f'), { pointers: true })
  })
})
