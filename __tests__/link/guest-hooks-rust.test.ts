// The hooks of the crate `relinkable` in real Rust: self-test, hand-over and take-over; and an implementation that calls what it
// replaces. By hand: guest-hooks.test.ts.
import { Instance, Module, Store, link, relink } from '../..'
import { compilers, guest, thrownBy } from '../support'

/** The hooks' `configure(format, broken)` sets the format of the state, and whether the self-test fails. */
interface Counter {
  exports: {
    next(): number
    tenfold(): number
    configure(format: number, broken: number): void
  }
}

describe.each(compilers)('%s', (compiler) => {
  function setUp() {
    const store = new Store({ historyLimit: 10 })
    const module = new Module(guest('hooks'), { compiler })
    const make = () => new Instance<Counter['exports']>(module, {}, { store })
    const [v1, v2, v3] = [make(), make(), make()]
    return { store, make, v1, v2, v3 }
  }

  test('state moves from one version to the next, and back by hand', () => {
    const { v1, v2, v3 } = setUp()
    for (let count = 1; count <= 3; count++) expect(v1.exports.next()).toBe(count)
    const change = relink({ next: v2.exports.next }, v1)
    expect(v1.exports.next()).toBe(4)
    // The next version takes the state of the one that runs.
    relink({ next: v3.exports.next }, v1)
    expect([v1.exports.next(), v2.exports.next()]).toEqual([5, 5])
    expect(change.undone).toBe(false)
  })

  test('hooks get the changes of the caller, without those of imports that stand for what is replaced', () => {
    const { v1, v2 } = setUp()
    const seen: unknown[] = []
    const change = relink({ next: v2.exports.tenfold }, v1, {
      check: ({ changes }) => void seen.push(changes.map(({ slot, after }) => [slot, after])),
      migrate: (previous, next) => void seen.push([previous, next]),
    })
    expect(seen).toEqual([[[v1.slot('next'), v2.exports.tenfold]], [v1, v2]])
    expect(v1.exports.next()).toBe(10)
    change.undo()
  })

  test('a failed self-test refuses the commit with its message, and nothing has changed', () => {
    const { store, v1, v2 } = setUp()
    expect(v1.exports.next()).toBe(1)
    v2.exports.configure(1, 1)
    const error = thrownBy(() => relink({ next: v2.exports.next }, v1))
    expect(error).toMatchObject({ code: 'ERR_RELINK_VETO', reason: 'the counter is broken: größer als erlaubt' })
    expect([v1.exports.next(), v2.exports.next(), store.links(), store.history]).toEqual([2, 1, [], []])
    relink({ next: v2.exports.next }, v1, { check: false })
    expect(v1.exports.next()).toBe(3)
  })

  test('a version that cannot take the state over refuses the commit', () => {
    const { store, v1, v2 } = setUp()
    v1.exports.next()
    v2.exports.configure(2, 0)
    const error = thrownBy(() => relink({ next: v2.exports.next }, v1))
    expect(error).toMatchObject({ code: 'ERR_RELINK_VETO', reason: 'the state has format 1, expected 2' })
    expect([v1.exports.next(), store.links()]).toEqual([2, []])
    relink({ next: v2.exports.next }, v1, { migrate: false })
    expect(v1.exports.next()).toBe(1)
  })

  test('an implementation calls what it replaces, from WebAssembly to WebAssembly', () => {
    const { v1, v2, v3 } = setUp()
    expect(thrownBy(() => v2.exports.tenfold()).code).toBe('ERR_RELINK_NO_PREVIOUS')
    const first = link(v2.exports.tenfold, v1.slot('next'))
    expect([v1.exports.next(), v1.exports.next()]).toEqual([10, 20])
    const second = relink([[v3.exports.tenfold, v1.slot('next')]])
    expect(v1.exports.next()).toBe(300)
    second.undo()
    expect(v1.exports.next()).toBe(40)
    first.undo()
    expect(v1.exports.next()).toBe(5)
    expect(thrownBy(() => v2.exports.tenfold()).code).toBe('ERR_RELINK_NO_PREVIOUS')
  })
})
