// Records of typed functions: what is read from them, and which are refused when the module is loaded.
import { Module } from '../..'
import { thrownBy, wat, withSection } from '../support'

const native = require('../../lib/native/typed-functions.js')

const record = (more: Record<string, unknown> = {}) =>
  `${JSON.stringify({
    kind: 'slot',
    name: 'a::shout',
    signature: '(text: &str) -> String',
    types: { parameters: ['&str'], results: ['String'] },
    wit: 'interface shout { /// Louder.\n shout: func(text: string) -> string; }',
    version: 2,
    ...more,
  })}\n`

const parts: Record<string, string> = {
  memory: '(memory (export "memory") 1)',
  realloc: '(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))',
  original: '(func (export "relink:a::shout") (param i32 i32 i32))',
  lifted: '(func (export "relink:lifted:a::shout") (param i32 i32) (result i32) (i32.const 8))',
}

const making = async (texts: Record<string, string>, more?: Record<string, unknown>) =>
  withSection(
    await wat(`(module (import "relink" "a::shout" (func (param i32 i32 i32))) ${Object.values(texts).join(' ')})`),
    'relink',
    record(more),
  )
const refused = async (texts: Record<string, string>, more?: Record<string, unknown>) => {
  const bytes = await making(texts, more)
  const error = thrownBy(() => new Module(bytes))
  expect(error).toMatchObject({ name: 'CompileError', code: 'ERR_RELINK_DECLARATION' })
  return error.message
}

test('a module says its typed functions', async () => {
  const bytes = await making(parts)
  void new Module(bytes)
  const [found] = JSON.parse(native.typedFunctions(bytes))
  expect(found).toMatchObject({
    kind: 'slot',
    name: 'a::shout',
    lifted: 'relink:lifted:a::shout',
    structure: 'func(string) -> string',
    function: {
      name: 'shout',
      docs: 'Louder.',
      parameters: [{ name: 'text', type: { kind: 'string', size: 8, align: 4, flat: ['i32', 'i32'] } }],
    },
  })
})

test.each(Object.keys(parts).filter((part) => part !== 'original'))(
  'a module without its %s is refused',
  async (part) => {
    const { [part]: _, ...others } = parts
    expect(await refused(others)).toMatch(
      /^invalid slot declaration: the record of "a::shout": the module does not export /,
    )
  },
)

test('a function of another shape is refused, and says both', async () => {
  const lifted = '(func (export "relink:lifted:a::shout") (param i32) (result i32) (i32.const 8))'
  expect(await refused({ ...parts, lifted })).toContain('must have the type (i32, i32) -> i32, got (i32) -> i32')
  const realloc = '(func (export "cabi_realloc") (param i32) (result i32) (i32.const 8))'
  expect(await refused({ ...parts, realloc })).toContain('must have the type (i32, i32, i32, i32) -> i32, got (i32)')
})

test('text that is no WIT, or has types without a place, is refused', async () => {
  expect(await refused(parts, { wit: 'interface {' })).toContain('its `wit` is not valid')
  expect(await refused(parts, { wit: undefined })).toContain('has no `wit`')
  expect(await refused(parts, { version: 3 })).toContain('has version 3')
  const deep = Array.from({ length: 70 }, (_, depth) => `record r${depth + 1} { a: r${depth} }`).join(' ')
  const wit = `interface a { record r0 { a: u8 } ${deep} shout: func(text: r70) -> string; }`
  expect(await refused(parts, { wit })).toContain('text: types are nested more than 64 deep')
})

test('two types that differ name the places', () => {
  const types = (text: string) =>
    JSON.stringify({ name: 'f', parameters: [{ name: 'text', type: text === '' ? undefined : JSON.parse(text) }] })
  const scalar = (kind: string) => types(`{"kind":"${kind}","size":4,"align":4,"flat":["i32"]}`)
  const error = thrownBy(() => native.checkTypes('a::f', scalar('u32'), scalar('s32')))
  expect(error).toMatchObject({
    name: 'LinkError',
    code: 'ERR_RELINK_ABI',
    slot: 'a::f',
    expected: 'func(u32)',
    actual: 'func(s32)',
    differences: ['text: expected u32, got s32'],
    message: 'slot "a::f" and the implementation have different types: text: expected u32, got s32',
  })
  expect(native.checkTypes('a::f', scalar('u32'), scalar('u32'))).toBeUndefined()
})
