// Slots whose function the compiler merged from several: linking one needs the option `merged`.
import { Instance, LinkError, Module, link, relink } from '../..'
import { compilers, guest, thrownBy } from '../support'

describe.each(compilers)('a slot that stands for several functions (%s)', (compiler) => {
  const v2 = new Instance(new Module(guest('ordinary_v2'), { compiler })).exports
  const start = () => {
    const module = new Module(guest('ordinary'), { compiler, slots: ['discount'] })
    return new Instance(module, { env: { price: () => 0n } })
  }
  const seen = ({ exports }: Instance) => [exports.days(2), exports.notes(2)]
  const merged = { code: 'ERR_RELINK_MERGED', slot: 'days', candidates: ['days', 'notes'] }

  test('is refused by link, unless `merged` allows it', () => {
    const a = start()
    const slot = a.slots.days!
    for (const options of [undefined, {}, { merged: false }, { merged: undefined }]) {
      const error = thrownBy(() => link(v2.workdays, slot, options))
      expect(error).toBeInstanceOf(LinkError)
      expect(error).toMatchObject(merged)
      expect(error.message).toMatch(/"days" and "notes".*\{ merged: true \}/)
      expect([seen(a), slot.linked]).toEqual([[15, 15], false])
    }
    const change = link(v2.workdays, slot, { merged: true })
    expect([seen(a), slot.linked]).toEqual([[10, 10], true])
    change.undo()
    expect(seen(a)).toEqual([15, 15])
    link(() => 1, a.slot('notes'), { merged: true })
    expect(seen(a)).toEqual([1, 1])
    slot.reset()
    expect(seen(a)).toEqual([15, 15])
  })

  test('is refused by relink, among others', () => {
    const a = start()
    const changes = [
      [v2.discount, a.slot('discount')],
      [v2.workdays, a.slot('days')],
    ] as const
    const error = thrownBy(() => relink(changes))
    expect(error).toMatchObject({ code: 'ERR_RELINK_REFUSED', refusals: [{ index: 1, ...merged }] })
    expect([a.exports.savings(1000n, 10), ...seen(a)]).toEqual([100n, 15, 15])
    const change = relink(changes, { merged: true })
    expect([a.exports.savings(1000n, 10), ...seen(a)]).toEqual([500n, 10, 10])
    change.undo()
    expect([a.exports.savings(1000n, 10), ...seen(a)]).toEqual([100n, 15, 15])
  })

  test('may be the implementation of another', () => {
    const a = start()
    link(a.exports.notes, a.slot('percent_twice'))
    expect(a.exports.percent_twice(2)).toBe(15)
    link(v2.workdays, a.slot('days'), { merged: true })
    expect(a.exports.percent_twice(2)).toBe(10)
  })

  test('a wrong option is refused', () => {
    const a = start()
    expect(thrownBy(() => link(v2.workdays, a.slots.days!, { merge: true } as never))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('merged'),
    })
    expect(thrownBy(() => link(v2.workdays, a.slots.days!, true as never))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
    expect(seen(a)).toEqual([15, 15])
  })
})
