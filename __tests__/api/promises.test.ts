// JavaScript functions that return a promise where WebAssembly takes a number.
import { link } from '../..'
import { compilers, instanceOf, thrownBy } from '../support'

/** A promise of another library. */
// oxlint-disable-next-line unicorn/no-thenable -- it stands for a promise
const thenable = { then: (resolve: (value: unknown) => void) => resolve(1) }

describe.each(compilers)('a promise where a number is due (%s)', (compiler) => {
  const types = ['i32', 'i64', 'f32', 'f64']

  test.each(types)('of an import: %s', async (type) => {
    const text = `(module (import "env" "f" (func $f (result ${type}))) (func (export "g") (result ${type}) call $f))`
    const { g } = (await instanceOf(text, { env: { f: async () => 1 } }, { compiler })).exports
    // The first calls and the later ones go different ways.
    for (let count = 0; count < 5; count++) {
      expect(thrownBy(() => g())).toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(/^import "env"\."f" returned a promise where WebAssembly takes a number: /),
      })
    }
  })

  test.each(types)('of a slot: %s', async (type) => {
    const text = `(module (func $f (export "f") (result ${type}) ${type}.const 3) (func (export "g") (result ${type}) call $f))`
    const instance = await instanceOf(text, {}, { compiler })
    const change = link(() => Promise.reject(new Error('not awaited')), instance.slot('f'))
    for (let count = 0; count < 5; count++) {
      expect(thrownBy(() => instance.exports.g())).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(/^the function of slot "f" returned a promise/),
      })
    }
    change.undo()
    expect(Number(instance.exports.g())).toBe(3)
  })

  test('of a function that was given twice', async () => {
    const text = `(module (import "env" "f" (func $f (result i32))) (func (export "g") (result i32) call $f))`
    const f = async () => 1
    const instance = await instanceOf(text, { env: { f } }, { compiler })
    for (let count = 0; count < 2; count++) link(f as never, instance.slot('g'))
    const message = 'import "env"."f" or the function of slot "g" returned a promise'
    expect(thrownBy(() => instance.exports.g()).message).toContain(message)
  })

  test('of another library', async () => {
    const text = `(module (import "env" "f" (func $f (result i32))) (func (export "g") (result i32) call $f))`
    const { g } = (await instanceOf(text, { env: { f: () => thenable } }, { compiler })).exports
    for (let count = 0; count < 5; count++)
      expect(thrownBy(() => g()).message).toContain('import "env"."f" returned a promise')
  })

  test('where a reference or nothing is due is a value like any other', async () => {
    const text = `(module (import "env" "f" (func $f (result externref))) (import "env" "v" (func $v))
      (func (export "g") (result externref) call $v call $f))`
    const promise = Promise.resolve(1)
    const { g } = (await instanceOf(text, { env: { f: () => promise, v: async () => 1 } }, { compiler })).exports
    expect(g()).toBe(promise)
  })
})

// Singlepass takes no imported functions with several results.
describe('a promise among several results', () => {
  const several: [string, () => unknown, string][] = [
    ['the list', async () => [1, 2n], 'several values'],
    ['an item', () => [Promise.resolve(1), 2n], 'a number'],
    ['an item that is a BigInt', () => [1, Promise.reject(new Error('not awaited'))], 'a number'],
    [
      'what a generator yields',
      function* () {
        yield 1
        yield (async () => 2n)()
      },
      'a number',
    ],
    ['a promise of another library', () => thenable, 'several'],
  ]
  test.each(several)('%s', async (_, f, due) => {
    const text = `(module (import "env" "f" (func $f (result i32 i64)))
      (func $h (export "h") (result i32 i64) i32.const 1 i64.const 2)
      (func (export "g") (result i32 i64) call $f) (func (export "k") (result i32 i64) call $h))`
    const instance = await instanceOf(text, { env: { f } })
    const change = link((() => f()) as never, instance.slot('h'))
    for (let count = 0; count < 3; count++) {
      for (const [name, place] of Object.entries({ g: 'import "env"."f"', k: 'the function of slot "h"' })) {
        const { code, message } = thrownBy(() => instance.exports[name]())
        expect([code, message.startsWith(`${place} returned a promise where WebAssembly takes ${due}`)]).toEqual([
          'ERR_INVALID_ARG_TYPE',
          true,
        ])
      }
    }
    change.undo()
    expect(instance.exports.k()).toEqual([1, 2n])
  })
})
