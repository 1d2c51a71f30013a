// Calls of `fn.map` that are refused before the function is called.
import { instanceOf, thrownBy } from '../support'

describe('refused, before any call', () => {
  let calls = 0
  let exports: Record<string, any>
  beforeAll(async () => {
    const imports = { env: { note: () => void calls++ } }
    ;({ exports } = await instanceOf(
      `(module (import "env" "note" (func $note))
        (func (export "add") (param i32 i32) (result i32) (call $note) (i32.add (local.get 0) (local.get 1)))
        (func (export "pair") (param i32) (result i32 f64) (call $note) (local.get 0) (f64.const 1))
        (func (export "ref") (param externref) (call $note))
        (func (export "give") (result funcref) (call $note) (ref.null func))
        (func (export "vector") (param v128) (call $note)))`,
      imports,
    ))
  })

  const one = Int32Array.of(1)
  test.each<[string, () => unknown, string, string]>([
    [
      'too few columns',
      () => exports.add.map(one),
      'ERR_INVALID_ARG_VALUE',
      'expected 2 typed arrays, one for each parameter, got 1',
    ],
    [
      'too many',
      () => exports.add.map(one, one, {}, one),
      'ERR_INVALID_ARG_VALUE',
      'expected 2 typed arrays, one for each parameter, got 4',
    ],
    [
      'another type',
      () => exports.add.map(one, Float64Array.of(1)),
      'ERR_INVALID_ARG_TYPE',
      'expected Int32Array or Uint32Array as `columns[1]` (i32), got ',
    ],
    ['narrower ones', () => exports.add.map(Int16Array.of(1), one), 'ERR_INVALID_ARG_TYPE', '`columns[0]` (i32)'],
    ['an array', () => exports.add.map([1], one), 'ERR_INVALID_ARG_TYPE', '`columns[0]` (i32)'],
    ['a DataView', () => exports.add.map(new DataView(one.buffer), one), 'ERR_INVALID_ARG_TYPE', '`columns[0]` (i32)'],
    [
      'other lengths',
      () => exports.add.map(one, Int32Array.of(1, 2)),
      'ERR_OUT_OF_RANGE',
      'got 1 values in the first and 2 in [1]',
    ],
    [
      'no room',
      () => exports.add.map(Int32Array.of(1, 2), Int32Array.of(1, 2), { into: one }),
      'ERR_OUT_OF_RANGE',
      'expected room for 2 values in `options.into`, got 1',
    ],
    [
      'another `into`',
      () => exports.add.map(one, one, { into: new Float32Array(1) }),
      'ERR_INVALID_ARG_TYPE',
      '`options.into` (i32)',
    ],
    [
      'one `into` for two results',
      () => exports.pair.map(one, { into: one }),
      'ERR_INVALID_ARG_TYPE',
      'an array of 2 typed arrays as `options.into`',
    ],
    [
      'no room in one of two',
      () => exports.pair.map(one, { into: [one, new Float64Array(0)] }),
      'ERR_OUT_OF_RANGE',
      '`options.into[1]`',
    ],
    [
      'an unknown option',
      () => exports.add.map(one, one, { inot: one }),
      'ERR_INVALID_ARG_VALUE',
      'did you mean `into`?',
    ],
    [
      'references',
      () => exports.ref.map([{}]),
      'ERR_RELINK_UNSUPPORTED',
      'no typed array holds values of type externref',
    ],
    [
      'references that it gives',
      () => exports.give.map({ into: one }),
      'ERR_RELINK_UNSUPPORTED',
      'values of type funcref',
    ],
    ['vectors', () => exports.vector.map(one), 'ERR_RELINK_UNSUPPORTED', 'values of type v128'],
    [
      'a function of no module',
      () => exports.add.map.call(() => 1, one, one),
      'ERR_INVALID_ARG_TYPE',
      'expected an exported WebAssembly function as `this`',
    ],
    ['one of Node’s own', () => exports.add.map.call(parseInt, one, one), 'ERR_INVALID_ARG_TYPE', 'as `this`'],
    ['nothing at all', () => exports.add.map.call(undefined, one, one), 'ERR_INVALID_ARG_TYPE', 'as `this`'],
  ])('%s', (_, run, code, message) => {
    const error = thrownBy(run)
    const { code: actual, message: words } = error
    expect({ actual, words, calls }).toEqual({ actual: code, words: expect.stringContaining(message), calls: 0 })
  })

  test('an array that is detached already has no rows', () => {
    const column = Int32Array.of(1, 2)
    structuredClone(column.buffer, { transfer: [column.buffer] })
    expect(exports.add.map(column, column)).toEqual(new Int32Array(0))
  })
})
