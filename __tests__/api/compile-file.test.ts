// compileFile: a Module from a file.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CompileError, Instance, Module, compileFile } from '../..'
import { guest, guestPath, rejectionOf, wat } from '../support'

const path = guestPath('scalars')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-file-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A file with this content. */
function file(name: string, content: Uint8Array | string): string {
  const written = join(folder, name)
  writeFileSync(written, content)
  return written
}

// With patterns, JavaScript reads the file; else the native side does.
describe.each([
  ['that the native side reads', {}],
  ['with patterns', { slots: ['next_*'] }],
] as const)('a file %s', (_, options) => {
  test('becomes a Module, for any number of instances', async () => {
    const module = await compileFile(path, options)
    expect(module).toBeInstanceOf(Module)
    const results = [1, 2].map((number) => new Instance(module).exports.call_i32(number))
    expect(results).toEqual([2, 3])
  })

  test('may be given by a URL, as object and as text', async () => {
    const strange = file('100% of #1.wasm', guest('scalars'))
    for (const source of [pathToFileURL(strange), pathToFileURL(strange).href]) {
      const module = await compileFile(source, options)
      expect(new Instance(module).exports.call_i32(1)).toBe(2)
    }
  })

  test('that is not there, or is a folder, is refused in the words of Node', async () => {
    const missing = join(folder, 'none.wasm')
    expect(await rejectionOf(compileFile(missing, options))).toMatchObject({
      code: 'ENOENT',
      syscall: 'open',
      path: missing,
    })
    expect(await rejectionOf(compileFile(folder, options))).toMatchObject({ code: 'EISDIR' })
  })

  test('that is no module is named by the error', async () => {
    const bad = file('bad.wasm', 'not WebAssembly')
    const error = await rejectionOf(compileFile(bad, options))
    expect(error).toBeInstanceOf(CompileError)
    expect(error).toMatchObject({ code: 'ERR_RELINK_INVALID_WASM', file: bad })
    expect(error.message).toMatch(/^\/.*bad\.wasm: expected magic word/)
  })

  test('takes the options of compile', async () => {
    const module = await compileFile(path, { ...options, compiler: 'singlepass', reserve: 'small', cache: false })
    expect(new Instance(module)).toMatchObject({ compiler: 'singlepass', reserve: 'small' })
    const none = await compileFile(path, { slots: 'none' })
    expect(Module.slots(none)).toEqual([])
  })
})

test('a slot that no function has is reported, as in compile', async () => {
  const module = await compileFile(path, { slots: ['no_such_function'] })
  expect(Module.slots(module).at(-1)).toMatchObject({ name: 'no_such_function', whyNot: { reason: 'not-found' } })
})

test.each([
  [5, undefined, 'ERR_INVALID_ARG_TYPE', /^expected a path or a file: URL as `file`, got 5; for bytes, use/],
  [guest('scalars'), undefined, 'ERR_INVALID_ARG_TYPE', /^expected a path or a file: URL as `file`/],
  [path, 5, 'ERR_INVALID_ARG_TYPE', /^expected an object as `options`, got 5$/],
  [path, { store: 5 }, 'ERR_INVALID_ARG_VALUE', /^unknown option `store`/],
  [path, { compiler: 'gcc' }, 'ERR_INVALID_ARG_VALUE', /as `options\.compiler`, got 'gcc'$/],
] as const)('wrong arguments reject: %p, %p', async (source, options, code, message) => {
  const error = await rejectionOf(compileFile(source as never, options as never))
  expect(error).toMatchObject({ name: 'TypeError', code })
  expect(error.message).toMatch(message)
})

test('the file is read once, and may change then', async () => {
  const changing = file('changing.wasm', await wat('(module (func (export "f") (result i32) i32.const 1))'))
  const module = await compileFile(changing, { cache: false })
  writeFileSync(changing, 'another content')
  expect(new Instance(module).exports.f()).toBe(1)
})
