// JavaScript functions that return a promise where WebAssembly takes a number.
import { link } from '../..'
import { compilers, instanceOf, thrownBy } from '../support'

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

  test('where a reference or nothing is due is a value like any other', async () => {
    const text = `(module (import "env" "f" (func $f (result externref))) (import "env" "v" (func $v))
      (func (export "g") (result externref) call $v call $f))`
    const promise = Promise.resolve(1)
    const { g } = (await instanceOf(text, { env: { f: () => promise, v: async () => 1 } }, { compiler })).exports
    expect(g()).toBe(promise)
  })
})
