// Table entries and slots: entries that follow a slot, entries that do not, and other writers of entries.
import { Instance, Module, Table, link, relink } from '../..'
import { compilers, instanceOf, thrownBy, wat } from '../support'

const number = '(type $t (func (result i32)))'
const call = '(func (export "call") (param i32) (result i32) (call_indirect (type $t) (local.get 0)))'

describe.each(compilers)('a function that is only pointed at (%s)', (compiler) => {
  const answers = (exports: Record<string, any>, count: number) =>
    Array.from({ length: count }, (_, index) => exports['call'](index))

  test('is linked in the entries that code has not overwritten', async () => {
    const instance = await instanceOf(
      `(module ${number} (table 4 4 funcref)
        (func $f (result i32) i32.const 1) (func $g (export "g") (result i32) i32.const 2)
        (elem (i32.const 0) func $f $f $g) (elem $passive func $g) ${call}
        (func (export "set") (table.set 0 (i32.const 0) (ref.func $g)))
        (func (export "init") (table.init $passive (i32.const 1) (i32.const 0) (i32.const 1))))`,
      {},
      { compiler },
    )
    const { exports } = instance
    const slot = instance.slot('f')
    exports.set()
    expect(slot.current!()).toBe(1)
    const change = link(() => 9, slot)
    expect(answers(exports, 3)).toEqual([2, 9, 2])
    change.undo()
    expect(answers(exports, 3)).toEqual([2, 1, 2])
    exports.init()
    link(() => 9, slot)
    slot.reset()
    expect(answers(exports, 3)).toEqual([2, 2, 2])
  })

  test('is linked in the entries that no later segment has overwritten', async () => {
    const instance = await instanceOf(
      `(module ${number} (import "env" "o" (global $o i32)) (table 4 4 funcref)
        (func $f (result i32) i32.const 1) (func $g (result i32) i32.const 2)
        (elem (i32.const 0) func $f $f) (elem (global.get $o) func $g) ${call})`,
      { env: { o: 0 } },
      { compiler },
    )
    const slot = instance.slot('f')
    expect(slot.current!()).toBe(1)
    link(() => 9, slot)
    expect(answers(instance.exports, 2)).toEqual([2, 9])
    slot.reset()
    expect(answers(instance.exports, 2)).toEqual([2, 1])
  })
})

const TEXT = `(module ${number} (table $table (export "table") 3 3 funcref)
  (func $f (export "f") (result i32) i32.const 1)
  (func $g (export "g") (result i32) i32.const 2)
  (func (export "wide") (param i32) (result i32) local.get 0 i32.const 1 i32.add)
  (elem (i32.const 0) $f $g) ${call}
  (func (export "direct") (result i32) (call $f)) READ)`

describe.each(compilers)('an entry that its module filled is the slot of the function (%s)', (compiler) => {
  const make = async (read = '') => {
    const instance = await instanceOf(TEXT.replace('READ', read), {}, { compiler })
    return { ...instance.exports, f: instance.exports.f, slot: instance.slot('f') } as Record<string, any>
  }
  const reader = (table: unknown, name = 'table') =>
    instanceOf(
      `(module (import "a" "${name}" (table $t 1 funcref)) (func (export "read") (result funcref) (table.get $t (i32.const 0))))`,
      { a: { table: table as Table } },
      { compiler },
    )
  /** Tells if the entry is the function's slot, and returns the results of every way to call it, linked and undone. */
  const follow = ({ table, slot, direct, call: pointer }: Record<string, any>) => {
    const change = link(() => 7, table.slot(0))
    const linked = [direct(), pointer(0)]
    change.undo()
    return [table.slot(0) === slot, ...linked, direct(), pointer(0)]
  }
  const followed = [true, 7, 7, 1, 1]

  test('as it was filled', async () => {
    expect(follow(await make())).toEqual(followed)
  })

  test('if the module itself reads its table', async () => {
    const made = await make('(func (export "get") (result funcref) (table.get $table (i32.const 0)))')
    expect(follow(made)).toEqual(followed)
  })

  test('if another module reads it, instantiated before or after', async () => {
    const made = await make()
    expect(made['table'].slot(0)).toBe(made['slot'])
    const { exports } = await reader(made['table'])
    expect(follow(made)).toEqual(followed)
    expect(exports.read()).toBe(made['f'])
  })

  test('after another module that reads it was refused: nothing has changed', async () => {
    const made = await make()
    const { slot } = made
    const text =
      '(module (import "a" "table" (table $t 1 externref)) (func (export "r") (result externref) (table.get $t (i32.const 0))))'
    expect((await thrownByAsync(() => instanceOf(text, { a: { table: made['table'] } }, { compiler }))).code).toBe(
      'ERR_RELINK_IMPORT',
    )
    expect(made['table'].slot(0)).toBe(slot)
    expect(follow(made)).toEqual(followed)
  })

  test('if JavaScript wrote back what it had read', async () => {
    const made = await make()
    made['table'].set(0, made['table'].get(0))
    expect(follow(made)).toEqual(followed)
  })
})

async function thrownByAsync(run: () => Promise<unknown>): Promise<Record<string, any>> {
  return run().then(
    () => {
      throw new Error('expected a rejection, and there was none')
    },
    (error) => error,
  )
}

describe.each(compilers)('an entry that no module filled (%s)', (compiler) => {
  const make = async () => {
    const { exports } = await instanceOf(TEXT.replace('READ', ''), {}, { compiler })
    return { table: new Table({ element: 'anyfunc', initial: 2 }), ...exports, own: exports.table } as Record<
      string,
      any
    >
  }

  test('is a slot of its current function', async () => {
    const { f, g, wide } = await make()
    const table = new Table({ element: 'anyfunc', initial: 1 })
    table.set(0, f)
    const first = table.slot(0)
    expect(first.original).toBe(f)
    table.set(0, wide)
    expect(table.slot(0).type).toEqual({ parameters: ['i32'], results: ['i32'] })
    expect(table.slot(0).original).toBe(wide)
    expect(thrownBy(() => link(g, table.slot(0))).code).toBe('ERR_RELINK_SIGNATURE')
    expect(thrownBy(() => link(g, first)).code).toBe('ERR_RELINK_SIGNATURE')
    link(wide, table.slot(0))
    expect(table.slot(0).linked).toBe(true)
  })

  test('keeps a function that a user wrote, even if a link holds the same', async () => {
    const made = await instanceOf(TEXT.replace('READ', ''), {}, { compiler })
    const { table, g, call: pointer, direct } = made.exports
    table.set(0, g)
    link(g, made.slot('f'))
    expect([direct(), pointer(0)]).toEqual([2, 2])
    made.slot('f').reset()
    expect([direct(), pointer(0)]).toEqual([1, 2])
  })
})

test('a link that an import of a starting instance makes is kept', async () => {
  const table = new Table({ element: 'anyfunc', initial: 4 })
  const other = await instanceOf('(module (func (export "f") (result i32) i32.const 5))')
  const codes: string[] = []
  const imports = {
    e: {
      t: table,
      cb() {
        link(table.get(0)!, other.slot('f'))
        relink([[table.get(0)!, other.slot('f')]])
        codes.push(String(other.exports.f()))
      },
    },
  }
  await instanceOf(
    `(module (import "e" "t" (table 4 funcref)) (import "e" "cb" (func $cb))
      (func $x (export "x") (result i32) i32.const 1) (elem (i32.const 0) func $x) (func $s call $cb) (start $s))`,
    imports,
  )
  expect(codes).toEqual(['1'])
  expect(other.exports.f()).toBe(1)
})

describe('many changes at once', () => {
  /** A module with this many functions, each of them a slot. */
  const many = async (count: number) => {
    const functions = Array.from({ length: count }, (_, i) => `(func (export "e${i}") (result i32) i32.const ${i})`)
    const instance = await instanceOf(`(module ${functions.join('\n')})`, {}, { compiler: 'singlepass' })
    return { exports: instance.exports, slots: functions.map((_, i) => instance.slot(`e${i}`)) }
  }

  test('one that would call itself is refused, and no other', async () => {
    const { exports, slots } = await many(20)
    const error = thrownBy(() => relink(slots.map((slot) => [exports.e0, slot])))
    expect(error).toMatchObject({ code: 'ERR_RELINK_REFUSED', refusals: [{ index: 0, code: 'ERR_RELINK_CYCLE' }] })
    expect(error.refusals).toHaveLength(1)
    expect(exports.e5()).toBe(5)
  })

  // Cubic work would take minutes.
  test('a ring of thousands of links is refused at its last link', async () => {
    const { exports, slots } = await many(3000)
    const changes = slots.map((slot, i) => [exports[`e${(i + 1) % 3000}`], slot] as const)
    const error = thrownBy(() => relink(changes))
    expect(error.refusals).toMatchObject([{ index: 2999, code: 'ERR_RELINK_CYCLE' }])
    const all = relink(changes.slice(0, -1))
    expect(exports.e0()).toBe(2999)
    all.undo()
    expect(exports.e0()).toBe(0)
  })
})

describe('functions of JavaScript that a slot cannot call', () => {
  test('of a type that does not cross', async () => {
    const bytes = '(module (func (export "f") (result v128) (v128.const i64x2 0 0)))'
    const instance = new Instance(new Module(await wat(bytes, { simd: true })))
    const error = thrownBy(() => link(() => 0, instance.slot('f')))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_RELINK_UNSUPPORTED' })
    expect(error.message).toContain('slot "f"')
    const refused = thrownBy(() => relink([[() => 0, instance.slot('f')]]))
    expect(refused.refusals).toMatchObject([{ index: 0, slot: 'f', code: 'ERR_RELINK_UNSUPPORTED' }])
  })

  test('with several results, from code of Singlepass', async () => {
    const text = '(module (func (export "f") (result i32 i32) i32.const 1 i32.const 2))'
    const instance = await instanceOf(text, {}, { compiler: 'singlepass' })
    const other = await instanceOf(text)
    for (const implementation of [() => [3, 4], other.exports.f]) {
      expect(thrownBy(() => link(implementation, instance.slot('f')))).toMatchObject({
        name: 'LinkError',
        code: 'ERR_RELINK_COMPILER',
      })
      const error = thrownBy(() => relink([[implementation, instance.slot('f')]]))
      expect(error.refusals).toMatchObject([{ index: 0, slot: 'f', code: 'ERR_RELINK_COMPILER' }])
    }
    expect(instance.exports.f()).toEqual([1, 2])
  })
})
