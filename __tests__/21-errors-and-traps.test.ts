import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CompileError, LinkError, RuntimeError } from '..'
import { compilers, instanceOf, root, thrownBy } from './support'

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
    expect(lines.slice(3).join('\n')).toMatch(/21-errors-and-traps/)
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

describe('the classes of errors', () => {
  test.each([
    ['CompileError', CompileError, WebAssembly.CompileError],
    ['LinkError', LinkError, WebAssembly.LinkError],
    ['RuntimeError', RuntimeError, WebAssembly.RuntimeError],
  ] as const)('%s extends that of WebAssembly', (name, Class, Base) => {
    const cause = new Error('why')
    const error = new Class('what', { cause, code: 'ERR_MINE', details: { slot: 'a::b' } })
    expect(error).toBeInstanceOf(Base)
    expect(error).toMatchObject({ name, message: 'what', cause, code: 'ERR_MINE', slot: 'a::b' })
    expect(String(error)).toBe(`${name}: what`)
    expect(Object.keys(new Class('bare'))).toEqual([])
  })
})

test('an uncaught trap ends Node with its stack, and nothing worse', () => {
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

test('docs/errors.md lists every code, and no other', () => {
  const sources = ['lib', 'src'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(js|rs)$/.test(name))
      .map((name) => readFileSync(join(root, folder, name), 'utf8')),
  )
  const used = new Set(sources.flatMap((source) => source.match(/\bERR_[A-Z_]+/g) ?? []))
  // Never seen by users: it marks the errors that lib/ translates.
  used.delete('ERR_RELINK_NATIVE')
  const listed = readFileSync(join(root, 'docs', 'errors.md'), 'utf8').match(/(?<=^### )ERR_[A-Z_]+/gm)
  expect([...new Set(listed)].toSorted()).toEqual([...used].toSorted())
})
