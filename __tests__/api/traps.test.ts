import { spawnSync } from 'node:child_process'
import { Instance, Module, RuntimeError } from '../..'
import { compilers, instanceOf, rejectionOf, root, thrownBy, wat } from '../support'

const TRAPS: Record<string, [body: string, message: string]> = {
  unreachable: ['unreachable', 'unreachable'],
  'divide-by-zero': ['(drop (i32.div_s (i32.const 1) (global.get $zero)))', 'divide by zero'],
  'integer-overflow': [
    '(drop (i32.div_s (i32.const 0x80000000) (i32.sub (global.get $zero) (i32.const 1))))',
    'integer overflow',
  ],
  'float-unrepresentable': ['(drop (i32.trunc_f32_s (f32.const nan)))', 'float unrepresentable in integer range'],
  'memory-out-of-bounds': ['(drop (i32.load (i32.const 65536)))', 'memory access out of bounds'],
  'table-out-of-bounds': ['(call_indirect (type $none) (i32.const 9))', 'table index is out of bounds'],
  'null-function': ['(call_indirect (type $none) (i32.const 1))', 'null function in an indirect call'],
  'signature-mismatch': [
    '(call_indirect (type $number) (i32.const 7) (i32.const 0))',
    'function signature mismatch in an indirect call',
  ],
  'stack-overflow': ['(call $endless)', 'call stack exhausted'],
}

/** Operations that trap: the body of a function for each. */
const OPERATIONS = {
  unreachable: '(unreachable)',
  'i32.div_s': '(drop (i32.div_s (i32.const 1) (global.get $zero)))',
  'i32.rem_u': '(drop (i32.rem_u (i32.const 1) (global.get $zero)))',
  'i64.div_u': '(drop (i64.div_u (i64.const 1) (i64.extend_i32_u (global.get $zero))))',
  'overflow of i32.div_s': '(drop (i32.div_s (i32.const 0x80000000) (i32.sub (global.get $zero) (i32.const 1))))',
  'i32.trunc_f64_s': '(drop (i32.trunc_f64_s (f64.const inf)))',
  'i32.load': '(drop (i32.add (i32.load (i32.const 4)) (i32.load (i32.const 65536))))',
  'f64.load': '(drop (f64.add (f64.const 1) (f64.load offset=65532 (i32.const 4))))',
  'i64.store': '(i64.store (i32.const 65533) (i64.const 1))',
  'memory.copy': '(memory.copy (i32.const 65530) (i32.const 1) (i32.const 7))',
  'memory.fill': '(memory.fill (i32.const 65530) (i32.const 1) (i32.const 7))',
  'memory.init': '(memory.init $bytes (i32.const 0) (i32.const 1) (i32.const 9))',
  'table.get': '(drop (table.get (i32.const 3)))',
  'table.set': '(table.set (i32.const 3) (ref.null func))',
  'table.copy': '(table.copy (i32.const 2) (i32.const 0) (i32.const 2))',
  'call_indirect, out of bounds': '(call_indirect (type $none) (i32.const 9))',
  'call_indirect, null': '(call_indirect (type $none) (i32.const 1))',
  'call_indirect, signature': '(call_indirect (type $number) (i32.const 7) (i32.const 0))',
}

/** A module with a function for each, called through a table by a function that is called directly. */
const deep = (bodies: string[]) => `(module
  (type $none (func)) (type $number (func (param i32)))
  (global $zero (mut i32) (i32.const 0))
  (memory 1) (data $bytes "12345678")
  (table 2 2 funcref) (elem (i32.const 0) $nothing)
  (table $operations ${bodies.length} funcref) (elem (table $operations) (i32.const 0) func ${bodies.map((_, index) => `$${index}`).join(' ')})
  (func $nothing)
  ${bodies.map((body, index) => `(func $${index} (drop (i32.add (i32.const 1) (i32.load (i32.const 8)))) ${body} (call $nothing))`).join('\n  ')}
  (func $by_table (param i32) (local i64)
    (i64.store (i32.const 0) (i64.mul (local.get 1) (i64.const 3)))
    (call_indirect $operations (type $none) (local.get 0)) (call $nothing))
  (func $middle (param i32) (result i32) (local f64)
    (local.set 1 (f64.add (local.get 1) (f64.load (i32.const 0))))
    (call $by_table (local.get 0)) (i32.trunc_sat_f64_s (local.get 1)))
  (func (export "run") (param i32) (result i32)
    (if (result i32) (i32.eqz (i32.const 0)) (then (i32.mul (i32.const 3) (call $middle (local.get 0)))) (else (i32.const 1)))))`

const text = (body: string) => `(module
  (type $none (func)) (type $number (func (param i32)))
  (global $zero (mut i32) (i32.const 0))
  (memory 1) (table 2 funcref) (elem (i32.const 0) $nothing)
  (func $nothing) (func $endless (param) (call $endless) (call $nothing))
  (func $innermost ${body})
  (func $outer (export "run") (call $innermost))
  (func (export "one") (result i32) i32.const 1))`

describe.each(compilers)('traps (%s)', (compiler) => {
  test.each(Object.entries(TRAPS))('%s', async (trap, [body, message]) => {
    const { exports } = await instanceOf(text(body), {}, { compiler })
    const error = thrownBy(() => exports.run())
    expect(error).toBeInstanceOf(RuntimeError)
    expect(error).toBeInstanceOf(WebAssembly.RuntimeError)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'RuntimeError', code: 'ERR_RELINK_TRAP', trap, message })
    expect(exports.one()).toBe(1)
  })

  test('the stack has the wasm functions by name, innermost first, over the JavaScript ones', async () => {
    const { exports } = await instanceOf(text('unreachable'), {}, { compiler })
    const lines = String(thrownBy(() => exports.run()).stack).split('\n')
    expect(lines[0]).toBe('RuntimeError: unreachable')
    expect(lines[1]).toMatch(/^ {4}at innermost \(wasm-function\[2\]:0x[0-9a-f]+\)$/)
    expect(lines[2]).toMatch(/^ {4}at outer \(wasm-function\[3\]:0x[0-9a-f]+\)$/)
    expect(lines.slice(3).join('\n')).toMatch(/traps\.test/)
  })

  test('modules that differ only in function names keep their own names', async () => {
    const named = (name: string) =>
      `(module (func ${name} (unreachable)) (func (export "run") (call 0)) (table (export "t") 1 funcref) (elem (i32.const 0) 0))`
    const make = (name: string, slots: 'all' | 'none') => instanceOf(named(name), {}, { compiler, slots })
    for (const slots of ['all', 'none'] as const) {
      const all = await Promise.all(['$first', '$second', ''].map((name) => make(name, slots)))
      const innermost = all.map(({ exports }) => String(thrownBy(() => exports.run()).stack).split('\n')[1])
      expect(innermost[0]).toMatch(/^ {4}at first \(wasm-function\[0\]:0x[0-9a-f]+\)$/)
      expect(innermost[1]).toMatch(/^ {4}at second \(wasm-function\[0\]:0x[0-9a-f]+\)$/)
      expect(innermost[2]).toMatch(/^ {4}at wasm-function\[0\]:0x[0-9a-f]+$/)
    }
  })

  test('functions have names even if the name section comes before the code', () => {
    // The name section (the module, and functions 0 and 1) comes first.
    const names = [0, 28, 4, ...Buffer.from('name'), 0, 5, 4, ...Buffer.from('mine'), 1, 14, 2, 0, 5]
    const sections = [
      [...names, ...Buffer.from('inner'), 1, 4, ...Buffer.from('main')],
      [1, 4, 1, 0x60, 0, 0],
      [3, 3, 2, 0, 0],
      [7, 7, 1, 3, ...Buffer.from('run'), 0, 1],
      [10, 10, 2, 3, 0, 0, 11, 4, 0, 0x10, 0, 11],
    ]
    const bytes = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, ...sections.flat()])
    for (const slots of ['all', 'none'] as const) {
      const { exports } = new Instance(new Module(bytes, { compiler, slots }))
      const lines = String(thrownBy(() => (exports as { run(): void }).run()).stack).split('\n')
      expect(lines[1]).toMatch(/^ {4}at inner \(wasm-function\[0\]:0x[0-9a-f]+\)$/)
      expect(lines[2]).toMatch(/^ {4}at main \(wasm-function\[1\]:0x[0-9a-f]+\)$/)
    }
  })

  /** Offsets of the WebAssembly frames in V8's stack, and in ours. */
  async function frames(bytes: Uint8Array<ArrayBuffer>, slots: 'all' | 'none', operation: number) {
    const stackOf = (exports: WebAssembly.Exports) =>
      String(thrownBy(() => (exports.run as (operation: number) => unknown)(operation)).stack)
    const module = new WebAssembly.Module(bytes)
    const v8 = stackOf(new WebAssembly.Instance(module).exports)
    const ours = stackOf(new Instance(new Module(bytes, { compiler, slots })).exports)
    return {
      // Under jest, V8 writes offsets as columns, which count from 1.
      expected: [...v8.matchAll(/wasm:\/+wasm\/\w+:1:(\d+)/g)].map(([, column]) => Number(column) - 1),
      found: [...ours.matchAll(/wasm-function\[\d+\]:(0x[0-9a-f]+)/g)].map(([, offset]) => Number(offset)),
    }
  }

  test.each(['all', 'none'] as const)('offsets are those of the file, as V8 has them (slots: %s)', async (slots) => {
    const bytes = await wat(deep(Object.values(OPERATIONS)))
    for (const [index, operation] of Object.keys(OPERATIONS).entries()) {
      const { expected, found } = await frames(bytes, slots, index)
      expect(expected).toHaveLength(4)
      // In Singlepass's code, all traps of one kind in a function share one instruction.
      if (compiler === 'singlepass') [expected, found].forEach((offsets) => offsets.shift())
      expect({ operation, found }).toEqual({ operation, found: expected })
    }
  })

  /** Modules that the load-time pass changes in other ways. */
  const CHANGED = {
    'branch tables': `(func $f (param i32)
      (block (block (block (br_table 0 1 2 (local.get 0))) (br 1)) (drop (i32.add (local.get 0) (i32.const 1)))) unreachable)
      (func (export "run") (param i32) (local i64)
        (block (block (br_table 0 1 (local.get 0)))) (call $f (i32.const 2)) (call $f (local.get 0)))`,
    'legacy exceptions': `(tag $t (param i32)) (func $f unreachable)
      (func (export "run") (param i32) (try (do (throw $t (i32.const 1))) (catch $t (drop) (call $f))) (call $f))`,
    'copies of segments': `(table 4 externref) (table $f 4 funcref) (elem $e externref (ref.null extern)) (elem $g func 0)
      (func $nothing) (func $f (table.init 0 $e (i32.const 9) (i32.const 0) (i32.const 1)) (elem.drop $g))
      (func (export "run") (param i32) (elem.drop $e) (table.init $f $g (i32.const 0) (i32.const 0) (i32.const 1)) (call $f))`,
    atomics: `(memory 1 1 shared) (func $f unreachable)
      (func (export "run") (param i32) (drop (i32.atomic.rmw8.xchg_u (i32.const 0) (i32.const 1))) (call $f) (call $f))`,
  }

  test.each(Object.entries(CHANGED))('offsets are those of the file: %s', async (name, body) => {
    const bytes = await wat(`(module ${body})`, { exceptions: true, threads: true })
    if (compiler === 'singlepass' && name === 'legacy exceptions') return
    const { expected, found } = await frames(bytes, 'all', 0)
    expect(expected.length).toBeGreaterThan(1)
    expect(found).toEqual(expected)
  })

  test('so are indices, where the pass removes imports', async () => {
    const bytes = await wat(`(module
      (import "relink" "a::f" (func $f (result i32))) (import "relink" "a::g" (func $g (result i32)))
      (func (export "relink:a::g") (result i32) unreachable)
      (func (export "relink:a::f") (result i32) (i32.add (i32.const 1000) (call $g)))
      (func $more (result i32) (i32.mul (call $f) (i32.const 3)))
      (func (export "run") (result i32) (call $more)))`)
    const { exports } = new Instance(new Module(bytes, { compiler, slots: 'all' }))
    const stack = String(thrownBy(() => exports.run()).stack)
    const found = [...stack.matchAll(/wasm-function\[(\d+)\]:(0x[0-9a-f]+)/g)]
    const code = Buffer.from(bytes)
    const add = code.indexOf(Buffer.from([0x41, 0xe8, 0x07, 0x10, 0x01, 0x6a]))
    expect(found.map(([, index]) => Number(index))).toEqual([2, 3, 4, 5])
    expect(found.map(([, , offset]) => Number(offset))).toEqual([
      code.indexOf(Buffer.from([0x00, 0x0b]), add - 8),
      add + 3,
      code.indexOf(Buffer.from([0x10, 0x00, 0x41, 0x03])),
      code.indexOf(Buffer.from([0x10, 0x04, 0x0b])),
    ])
  })

  test('in the start function, and in a segment that does not fit', async () => {
    const start = await instanceOf('(module (func $start unreachable) (start $start))', {}, { compiler }).catch(
      (error) => error,
    )
    expect(start).toBeInstanceOf(RuntimeError)
    expect(start).toMatchObject({ code: 'ERR_RELINK_TRAP', trap: 'unreachable' })
    const segment = await instanceOf('(module (memory 1) (data (i32.const 65536) "a"))', {}, { compiler }).catch(
      (error) => error,
    )
    expect(segment).toBeInstanceOf(RuntimeError)
    expect(segment).toMatchObject({ code: 'ERR_RELINK_TRAP', trap: 'memory-out-of-bounds' })
  })
})

describe.each(compilers)('the stack of a trap (%s)', (compiler) => {
  const limit = Error.stackTraceLimit
  afterEach(() => void Object.defineProperty(Error, 'stackTraceLimit', { value: limit, writable: true }))

  const deep = `(module (func $down (export "down") (param i32)
    local.get 0 if local.get 0 i32.const 1 i32.sub call $down else unreachable end))`

  test.each([0, 1, 3, 10, 40])('has as many frames as Error.stackTraceLimit says (%d)', async (most) => {
    const { down } = (await instanceOf(deep, {}, { compiler })).exports
    Error.stackTraceLimit = most
    const lines = thrownBy(() => down(3000)).stack!.split('\n')
    expect(lines).toEqual(['RuntimeError: unreachable', ...Array(most).fill(expect.stringMatching(/^ {4}at down \(/))])
  })

  test('has WebAssembly on top, and what is left for JavaScript', async () => {
    const { down } = (await instanceOf(deep, {}, { compiler })).exports
    Error.stackTraceLimit = 6
    const lines = thrownBy(() => down(2)).stack!.split('\n')
    expect(lines.map((line) => /at down \(wasm-function/.test(line))).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
      false,
    ])
  })

  test('is complete without a limit, and empty if the limit is not a number', async () => {
    const { down } = (await instanceOf(deep, {}, { compiler })).exports
    Error.stackTraceLimit = Infinity
    expect(thrownBy(() => down(3000)).stack!.match(/at down \(wasm/g)).toHaveLength(3001)
    const get = jest.fn(() => 10)
    Object.defineProperty(Error, 'stackTraceLimit', { get, configurable: true })
    expect(String(thrownBy(() => down(30)).stack)).not.toMatch(/at down/)
    expect(get).not.toHaveBeenCalled()
  })

  test('of a start function has as many frames', async () => {
    const text = '(module (func $down call $more) (func $more unreachable) (start $down))'
    Error.stackTraceLimit = 1
    const thrown = await rejectionOf(instanceOf(text, {}, { compiler }))
    expect(thrown.stack!.split('\n')).toEqual(['RuntimeError: unreachable', expect.stringContaining('at more (')])
  })
})

test.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw new Error('mine')
    },
  ],
  ['returns no text', () => Symbol('stack')],
])('a trap stays a trap if Error.prepareStackTrace %s', async (_, prepare) => {
  // In the realm of Node: that of jest formats no stacks.
  const program = `
    const { Instance, Module } = require(${JSON.stringify(root)})
    const bytes = Buffer.from('${Buffer.from(await wat('(module (func (export "f") unreachable))')).toString('hex')}', 'hex')
    const { f } = new Instance(new Module(bytes), {}, { onTrap: 'recycle' }).exports
    Error.prepareStackTrace = ${prepare}
    try { f() } catch (error) { console.log(error.code, error.trap, error.recycled) }`
  expect(spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' }).stdout).toBe(
    'ERR_RELINK_TRAP unreachable true\n',
  )
})

test('an uncaught trap ends Node with its stack, without a crash', () => {
  const script = `
    const { Instance, Module } = require('.')
    // (module (func (export "f") unreachable))
    const bytes = [0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,5,1,3,0,0,11]
    new Instance(new Module(Uint8Array.from(bytes))).exports.f()`
  const { status, signal, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' })
  expect({ status, signal }).toEqual({ status: 1, signal: null })
  expect(stderr).toMatch(/RuntimeError: unreachable\n {4}at wasm-function\[0\]:0x/)
  expect(stderr).toMatch(/code: 'ERR_RELINK_TRAP'/)
})
