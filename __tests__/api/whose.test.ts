// Objects with the right class name but of another maker: Node's WebAssembly, another copy of this package, another realm.
// Messages name the maker.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Context, compileFunction, createContext, runInContext } from 'node:vm'
import * as relink from '../..'
import { root, thrownBy, wat } from '../support'

type Package = typeof relink
const { Exception, Instance, Module, Table, Tag, link } = relink

/** A second copy of the package. */
function again(): Package {
  let copy: Package
  jest.isolateModules(() => {
    copy = require('../..')
  })
  return copy!
}

/** The package, loaded in a realm of its own. */
function load(context: Context): Package {
  const loaded = new Map<string, { exports: any }>()
  const requireFrom = (from: string) => (id: string) => {
    const path = id.startsWith('.') ? require.resolve(join(dirname(from), id)) : id
    if (!path.startsWith(root) || path.endsWith('.cjs')) return require(path)
    const known = loaded.get(path)
    if (known !== undefined) return known.exports
    const module = { exports: {} }
    loaded.set(path, module)
    const source = readFileSync(path, 'utf8')
    const run = compileFunction(source, ['require', 'module'], { parsingContext: context })
    run(requireFrom(path), module)
    return module.exports
  }
  return requireFrom(join(root, 'test.js'))('./index.js')
}

const realm = createContext({ process, Buffer })
const makers: [maker: string, namespace: any, words: string][] = [
  ['Node', WebAssembly, "made by Node's WebAssembly, not by wasm-relink"],
  [
    'Node in another realm',
    runInContext('WebAssembly', realm),
    "made by Node's WebAssembly in another realm, not by wasm-relink",
  ],
  ['another copy of the package', again(), 'made by another copy of wasm-relink'],
  ['the package in another realm', load(realm), 'made by wasm-relink in another realm'],
]

describe.each(makers)('of %s', (_, made, words) => {
  test('a Module', async () => {
    const module = new made.Module(await wat('(module)'))
    const message = `expected a Module as \`module\`, got a Module ${words}`
    expect(thrownBy(() => new Instance(module))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', message })
    expect(thrownBy(() => Module.exports(new made.Instance(module))).message).toBe(
      `expected a Module as \`module\`, got an Instance ${words}`,
    )
    const bytes = thrownBy(() => new Module(module))
    expect(bytes.message).toBe(`expected an ArrayBuffer or a view of one as \`bytes\`, got a Module ${words}`)
  })

  test.each([
    ['Memory', '(memory 1)', (W: any) => new W.Memory({ initial: 1 })],
    ['Table', '(table 1 funcref)', (W: any) => new W.Table({ element: 'anyfunc', initial: 1 })],
    ['Global', '(global i32)', (W: any) => new W.Global({ value: 'i32' })],
    ['Tag', '(tag)', (W: any) => new W.Tag({ parameters: [] })],
  ])('a %s', async (kind, wanted, make) => {
    const module = new Module(await wat(`(module (import "env" "it" ${wanted}))`, { exceptions: true }))
    const error = thrownBy(() => new Instance(module, { env: { it: make(made) } }))
    expect(error).toMatchObject({ code: 'ERR_RELINK_IMPORT', actual: `a ${kind} ${words}` })
  })

  test('a Tag and an Exception, to those of this package', () => {
    const tag = new made.Tag({ parameters: [] })
    expect(thrownBy(() => new Exception(tag, [])).message).toBe(
      `expected a Tag as \`exceptionTag\`, got a Tag ${words}`,
    )
    const exception = new made.Exception(tag, [])
    expect(thrownBy(() => Exception.prototype.is.call(exception, new Tag({ parameters: [] }))).message).toBe(
      `expected an Exception as \`this\`, got an Exception ${words}`,
    )
  })
})

test.each(makers.slice(2))('a Slot, a Store and a Link of %s', async (_, made: Package, words) => {
  const bytes = await wat('(module (func $f) (export "f" (func $f)))')
  const slot = new made.Instance(new made.Module(bytes)).slot('f')
  expect(thrownBy(() => link(() => {}, slot)).message).toContain(`expected a Slot as \`slot\`, got a Slot ${words}`)
  const store = new made.Store()
  expect(thrownBy(() => new Instance(new Module(bytes), {}, { store })).message).toBe(
    `expected a Store as \`options.store\`, got a Store ${words}`,
  )
  const foreign = made.link(() => {}, slot)
  expect(thrownBy(() => relink.Link.prototype.undo.call(foreign)).message).toBe(
    `expected a Link as \`this\`, got a Link ${words}`,
  )
})

test('objects of this package are described by their class', () => {
  const table = new Table({ element: 'anyfunc', initial: 1 })
  expect(thrownBy(() => new Instance(table as never)).message).toMatch(/got (Table \[)?WebAssembly\.Table/)
  for (const value of [table, Module.prototype, Object.create(Module.prototype)]) {
    expect(thrownBy(() => new Instance(value)).message).not.toContain('made by')
  }
})
