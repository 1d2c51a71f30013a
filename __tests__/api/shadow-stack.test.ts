import { Exception, Global, Instance, Module, Store, Tag, link, type Imports } from '../..'
import { compilers, instanceOf, thrownBy, wat } from '../support'

/** Calls that fail; each takes 64 bytes of a stack of 1,024. */
const TIMES = 100

const BEGIN = '(global.set $sp (local.tee $frame (i32.sub (global.get $sp) (i32.const 64))))'
const END = '(global.set $sp (i32.add (local.get $frame) (i32.const 64)))'
const WRITE = '(i32.store (local.get $frame) (i32.const 7))'

/** A guest as LLVM compiles one. `call` may throw, trap or call the guest again. */
const guest = (stack = '(global $sp (export "sp") (mut i32) (i32.const 1024))') => `(module
  (import "env" "call" (func $call))
  (import "env" "other" (func $other))
  ${stack.startsWith('(import') ? stack : ''}
  (memory 1)
  (table 2 funcref) (elem (i32.const 0) $other)
  ${stack.startsWith('(import') ? '' : stack}
  (func (export "panic") (local $frame i32) ${BEGIN} ${WRITE} unreachable)
  (func (export "good") (result i32) (local $frame i32) ${BEGIN} ${WRITE} (i32.load (local.get $frame)) ${END})
  (func (export "calls") (result i32) (local $frame i32)
    ${BEGIN} ${WRITE} (call $call) (i32.load (local.get $frame)) ${END})
  (func (export "calls other") (result i32) (local $frame i32)
    ${BEGIN} ${WRITE} (call $other) (i32.load (local.get $frame)) ${END})
  (func (export "passes") (local $frame i32) ${BEGIN} (call $call) ${END})
  (func (export "passes other") (local $frame i32) ${BEGIN} (call $other) ${END})
  (func (export "allocate") (param i32) (global.set $sp (i32.sub (global.get $sp) (local.get 0))))
  (func (export "pointer") (result i32) (global.get $sp))
  (func (export "reference") (param externref) (local $frame i32) ${BEGIN} ${WRITE} unreachable)
  (func (export "each") (param i32) (result i32) (local $frame i32) ${BEGIN} ${WRITE} unreachable))`

const nothing = () => undefined

function times(run: () => unknown, code: string | undefined = 'ERR_RELINK_TRAP') {
  for (let time = 0; time < TIMES; time++) expect(thrownBy(run).code).toBe(code)
}

describe.each([...compilers, 'auto'] as const)('shadow stacks (%s)', (compiler) => {
  const make = async (env: Record<string, unknown> = {}, stack?: string) => {
    const store = (env.store as Store | undefined) ?? new Store()
    const imports = { env: { call: nothing, other: nothing, ...env } } as Imports
    const module = new Module(await wat(guest(stack)), { compiler })
    const instance = new Instance(module, imports, { store })
    await instance.optimized
    return instance
  }

  test('a trap leaves the stack pointer as it was', async () => {
    const { exports } = await make()
    times(exports.panic)
    times(() => exports.reference({}))
    times(() => exports.each.map(Int32Array.of(1, 2)))
    expect([exports.good(), exports.pointer()]).toEqual([7, 1024])
  })

  test('so does an exception that passes through wasm', async () => {
    const thrown = new RangeError('on purpose')
    const { exports } = await make({
      call() {
        throw thrown
      },
    })
    for (let time = 0; time < TIMES; time++) expect(thrownBy(exports.calls)).toBe(thrown)
    expect([exports.good(), exports.pointer()]).toEqual([7, 1024])
  })

  test('each call has its own: below an import that catches, the outer frames keep theirs', async () => {
    let inner = 0
    const { exports } = await make({
      call() {
        times(exports.panic)
        inner = exports.pointer()
        expect(exports.good()).toBe(7)
      },
    })
    expect([exports.calls(), inner, exports.pointer()]).toEqual([7, 960, 1024])
  })

  test('a pointer that JavaScript has moved stays where it is', async () => {
    const { exports } = await make()
    exports.allocate(16)
    times(exports.panic)
    expect(exports.pointer()).toBe(1008)
    exports.sp.value = 512
    times(exports.panic)
    expect(exports.pointer()).toBe(512)
    exports.allocate(-16)
    expect(exports.pointer()).toBe(528)
  })

  test('all instances on the way are put back', async () => {
    const store = new Store()
    const b = await make({ store })
    const a = await make({ store, other: b.exports.panic })
    const c = await make({ store, other: a.exports['passes other'] })
    b.exports.allocate(16)
    a.exports.sp.value = 512
    times(c.exports['calls other'])
    expect([a, b, c].map(({ exports }) => exports.pointer())).toEqual([512, 1008, 1024])
    expect([a, b, c].map(({ exports }) => exports.good())).toEqual([7, 7, 7])
  })

  test('so are instances that are reached through links', async () => {
    const store = new Store()
    const text = `(module (import "relink" "f" (func $f)) (memory 1) (global $sp (export "sp") (mut i32) (i32.const 1024))
      (func (export "run") (local $frame i32) ${BEGIN} ${WRITE} (call $f) ${END}))`
    const a = new Instance(
      new Module(await wat(text), { compiler, slots: 'all' }),
      { relink: { f: nothing } },
      { store },
    )
    const b = await make({ store })
    const active = link(b.exports.panic, a.slot('f'))
    times(a.exports.run)
    active.undo()
    expect(a.exports.run()).toBeUndefined()
    expect([a.exports.sp.value, b.exports.sp.value]).toEqual([1024, 1024])
  })

  test('also those that are neither called by JavaScript nor call it, below an import that catches', async () => {
    const store = new Store()
    const pointers: number[][] = []
    // outer.calls other → middle.passes other → last.passes → JavaScript → outer.again → middle.panic
    const last = await make({
      store,
      call() {
        times(again.exports['calls other'])
        pointers.push([outer, middle, last, again].map(({ exports }) => exports.pointer()))
        expect(middle.exports.good()).toBe(7)
      },
    })
    const middle = await make({ store, other: last.exports.passes })
    const outer = await make({ store, other: middle.exports['passes other'] })
    const again = await make({ store, other: middle.exports.panic })
    expect(outer.exports['calls other']()).toBe(7)
    // The first of these traps is the first in this store: until the outermost call ends, its 64 bytes stay lost.
    expect(outer.exports['calls other']()).toBe(7)
    expect(pointers).toEqual([
      [960, 896, 960, 1024],
      [960, 960, 960, 1024],
    ])
    expect([outer, middle, last, again].map(({ exports }) => exports.pointer())).toEqual([1024, 1024, 1024, 1024])
  })

  test('an imported stack pointer, which instances share', async () => {
    const store = new Store()
    const sp = new Global({ value: 'i32', mutable: true }, 1024, { store } as never)
    const stack = '(import "env" "__stack_pointer" (global $sp (mut i32)))'
    const a = await make({ store, __stack_pointer: sp }, stack)
    const b = await make({ store, __stack_pointer: sp, other: a.exports.panic }, stack)
    times(b.exports['calls other'])
    times(a.exports.panic)
    expect(sp.value).toBe(1024)
    b.close()
    sp.value = 512
    times(a.exports.panic)
    expect([sp.value, a.exports.good()]).toEqual([512, 7])
  })

  test('a start function that fails', async () => {
    const store = new Store()
    const b = await make({ store })
    const bytes = await wat('(module (import "env" "f" (func)) (start 0))')
    times(() => new Instance(new Module(bytes, { compiler }), { env: { f: b.exports.panic } }, { store }))
    expect([b.exports.good(), b.exports.pointer()]).toEqual([7, 1024])
  })

  test('without names, the prologues of functions tell which global it is', async () => {
    const bytes = await wat(guest('(global $sp (mut i32) (i32.const 1024))'))
    const end = Buffer.from(bytes).lastIndexOf('\u0004name', undefined, 'latin1')
    // The section's id and size come before its name.
    const stripped = bytes.slice(0, bytes.lastIndexOf(0, end - 1))
    expect(WebAssembly.Module.customSections(new WebAssembly.Module(stripped), 'name')).toEqual([])
    const { exports } = new Instance(new Module(stripped, { compiler }), { env: { call: nothing, other: nothing } })
    times(exports.panic)
    expect([exports.good(), exports.pointer()]).toEqual([7, 1024])
  })
})

test('an exception that wasm throws', async () => {
  const tag = new Tag({ parameters: [] })
  const { exports } = await instanceOf(
    `(module (import "env" "other" (func $throw)) (memory 1)
    (global $sp (export "sp") (mut i32) (i32.const 1024))
    (func (export "run") (local $frame i32) ${BEGIN} ${WRITE} (call $throw) ${END}))`,
    {
      env: {
        other() {
          throw new Exception(tag, [])
        },
      },
    },
  )
  for (let time = 0; time < TIMES; time++) expect(thrownBy(exports.run)).toBeInstanceOf(Exception)
  expect(exports.sp.value).toBe(1024)
})
