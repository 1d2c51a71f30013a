// `register({ slots })` and `WASM_RELINK_SLOTS`: slots in the modules of packages that know nothing of them.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../support'

const register = JSON.stringify(join(root, 'register.cjs'))

function run(script: string, slots?: string) {
  const { WASM_RELINK_SLOTS: _, ...inherited } = process.env
  const env = slots === undefined ? inherited : { ...inherited, WASM_RELINK_SLOTS: slots }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--eval', script], {
    cwd: root,
    env,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

/** Loads the package, and prints whether some of its functions are slots. */
const load = (call: string) => `
  ${call}
  const { Greeter } = require('./fixtures/bindgen/pkg/bindgen.js')
  const { Instance, link } = require('.')
  const [instance] = Instance.all()
  const { slots } = instance
  console.log('greeter_greet' in slots, Object.keys(slots).length > 150, new Greeter('Hello').greet('you'))`

test.each([
  ['nothing', `require(${register})`, undefined, 'false false'],
  ['the variable', `require(${register})`, 'default', 'true false'],
  ['the variable, with patterns', `require(${register})`, 'politely, *::fmt', 'true false'],
  ['the variable "all"', `require(${register})`, 'all', 'true true'],
  ['a call', `require(${register}).register({ slots: 'default' })`, undefined, 'true false'],
  ['a call, over the variable', `require(${register}).register({ slots: 'none' })`, 'all', 'false false'],
  ['a call with names', `require(${register}).register({ slots: ['politely'] })`, undefined, 'true false'],
])('slots by %s', (_, call, variable, expected) => {
  const { status, stdout, stderr } = run(load(call), variable)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toBe(`${expected} Hello, you.\n`)
})

test('bad values are refused', () => {
  const script = (call: string) => `try { ${call} } catch (error) { console.log(error.code, error.message) }`
  expect(run(script(`require(${register}).register({ slots: 'some' })`)).stdout).toContain('ERR_INVALID_ARG_VALUE')
  expect(run(script(`require(${register}).register({ slot: [] })`)).stdout).toContain('did you mean `slots`?')
  expect(run(script(`require(${register})`), 'a,,b').stdout).toContain(
    'patterns that commas separate as WASM_RELINK_SLOTS',
  )
})

test('the example of wasm-bindgen packages prints what it says', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['examples/wasm-bindgen.mjs'], {
    cwd: root,
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(
    new RegExp(
      [
        "brotli-wasm: 42000 bytes become \\d+; with Node's compressor \\d+, calls: 1",
        '  brotli-wasm decompresses them to the same text: true',
        '  after undo\\(\\) the calls are still 1',
        'Greeter: Hello, Ferris\\.',
        '  with another function of the package: HELLO, FERRIS!',
        '  with a JavaScript function: Bonjour, Ferris !',
        '  after undo\\(\\): Hello, Ferris\\.\n$',
      ].join('\n'),
    ),
  )
})
