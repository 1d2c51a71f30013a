// The command `types`: what it writes, what TypeScript makes of it, and what `load` makes of a module that has changed.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Module, load } from '../..'
import { rejectionOf, root, wat } from '../support'

const typed = join(root, 'fixtures', 'wasm', 'typed.wasm')
const command = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'bin', 'wasm-relink.js'), ...args], { encoding: 'utf8' })

/** Has a node_modules/wasm-relink, so that the generated files find the package. */
let folder: string

beforeAll(() => {
  mkdirSync(join(root, 'target'), { recursive: true })
  folder = mkdtempSync(join(root, 'target', 'types-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Functions for all imports of the guest. */
const imports = {
  env: Object.fromEntries(
    Module.imports(new Module(readFileSync(typed))).map(({ name }) => [name, (value: unknown) => value]),
  ),
}

/** A copy of the typed guest, in which texts of the records are replaced by others of the same length. */
function changed(name: string, ...changes: [string, string][]): string {
  let text = readFileSync(typed, 'latin1')
  for (const [from, to] of changes) {
    expect(to).toHaveLength(from.length)
    expect(text).toContain(from)
    text = text.replaceAll(from, to)
  }
  const path = join(folder, name)
  writeFileSync(path, text, 'latin1')
  return path
}

test('it writes interfaces with the documentation of the guest', () => {
  const { stdout, status } = command('types', typed)
  expect(status).toBe(0)
  for (const part of [
    'export interface Item {\n  /** The number of the article */\n  sku: string\n  quantity: number\n',
    '  price: bigint\n}',
    "export type Problem =\n  | { tag: 'empty' }\n  /** No such article */\n  | { tag: 'unknown'; val: string }\n",
    '  customer?: string | undefined\n',
    'export interface Rights {\n  payLater?: boolean\n',
    '     * @throws {Error} with `payload: Problem`\n     */\n    callDiscount(order: Order): bigint\n',
    "    /** Says hello. */\n    'typed::greet'(name: string): string\n",
    '    callReverse(bytes: Uint8Array): Uint8Array\n',
    '    memory: Memory\n',
    'export type TypedImports = {\n  env: {\n',
  ]) {
    expect(stdout).toContain(part)
  }
  expect(stdout).not.toMatch(/cabi_|relink:(typed|lifted)/)
})

test('scalar slots and plain exports have types too', () => {
  const { stdout } = command('types', join(root, 'fixtures', 'wasm', 'pricing.wasm'))
  expect(stdout).toContain("'pricing::discount'(cents: bigint, quantity: number): bigint\n")
  expect(stdout).toContain('    total(arg0: number, arg1: number): bigint\n')
})

test('every type of WebAssembly and any name makes a file that TypeScript takes', async () => {
  const bytes = await wat(`(module
    (func (export "a b'c") (param externref funcref i64 f32) (result i32 f64) (unreachable))
    (func (export "__proto__")) (func (export "class")) (func (export "*/"))
    (global (export "g") i32 (i32.const 0)) (table (export "t") 1 funcref) (memory (export "constructor") 1))`)
  writeFileSync(join(folder, 'odd-names.wasm'), bytes)
  expect(command('types', join(folder, 'odd-names.wasm'), '--beside').status).toBe(0)
  writeFileSync(
    join(folder, 'odd.ts'),
    `import type { OddNames } from './odd-names.wasm'
     declare const plugin: OddNames['exports']
     const results: [number, number] = plugin["a b'c"]('anything', null, 1n, 2)
     plugin.class()
     export { results }`,
  )
  expect(compiled('odd.ts')).toBe('')
  await load(join(folder, 'odd-names.wasm'))
})

/** The errors of TypeScript in a file of the folder. */
function compiled(file: string): string {
  const config = {
    compilerOptions: {
      strict: true,
      noEmit: true,
      target: 'es2022',
      lib: ['es2023', 'dom'],
      module: 'preserve',
      moduleResolution: 'bundler',
      types: ['node'],
      typeRoots: [join(root, 'node_modules', '@types')],
      paths: { 'wasm-relink': [join(root, 'index.d.ts')] },
    },
    files: [file],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  try {
    execFileSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder], {
      stdio: 'pipe',
    })
    return ''
  } catch (error) {
    return String((error as { stdout: Buffer }).stdout)
  }
}

test('right uses compile, and wrong ones do not', () => {
  copyFileSync(typed, join(folder, 'typed.wasm'))
  expect(command('types', join(folder, 'typed.wasm'), '-o', join(folder, 'typed.d.ts')).status).toBe(0)
  const head = `
    import { link, load } from 'wasm-relink'
    import type { Order, Problem, Typed, TypedImports } from './typed'
    const translate: TypedImports['env']['translate'] = (text, language) => (language === 'de' ? text : undefined)
    const imports = { env: { translate } } as TypedImports
    const plugin = await load<Typed>('typed.wasm', imports)
    const order: Order = { items: [{ sku: 'a', quantity: 1, price: 2n }], rights: { cancel: true }, channel: 'web' }
    const problem: Problem = { tag: 'too-many', val: { sku: 'a', most: 1 } }
    const slot = plugin.slots['typed::discount']\n`
  const good = `
    const cents: bigint = plugin.exports.callDiscount(order)
    const bytes: Uint8Array = plugin.exports.callReverse(Uint8Array.of(1))
    const text: string | undefined = plugin.exports.callTranslate('a', 'de')
    link((given: Order) => given.items[0]!.price, slot)
    export { bytes, cents, problem, text }`
  writeFileSync(join(folder, 'good.ts'), head + good)
  expect(compiled('good.ts')).toBe('')
  const wrong = [
    'plugin.exports.callDiscount({ ...order, channel: "letter" })',
    'const cents: number = plugin.exports.callDiscount(order)',
    'plugin.exports.callReverse([1, 2])',
    'plugin.exports.callGreet(1)',
    'plugin.exports.missing()',
    'link((given: Order) => 1, slot)',
    'link((given: string) => 1n, slot)',
    'const other: Problem = { tag: "unknown", val: 1 }',
    'const none: TypedImports = { env: {} }',
  ]
  writeFileSync(join(folder, 'wrong.ts'), `${head}${wrong.map((line) => `${line}\n`).join('')}export {}`)
  const lines = compiled('wrong.ts').matchAll(/wrong\.ts\((\d+),/g)
  const first = head.split('\n').length
  expect([...new Set([...lines].map(([, line]) => Number(line) - first))]).toEqual(wrong.map((_, index) => index))
})

test('load checks the file that lies beside, and the one that it is given', async () => {
  const plugin = changed('plugin.wasm')
  expect(command('types', plugin, '--beside')).toMatchObject({ status: 0, stderr: '' })
  const first = await load(plugin, imports)
  expect(first.exports['callGreet']('you')).toContain('you')

  changed('plugin.wasm', ['price: u64', 'price: s64'], ['too-many', 'to-many0'])
  const error = await rejectionOf(load(plugin, imports))
  expect(error).toMatchObject({ name: 'LinkError', code: 'ERR_RELINK_ABI', file: plugin, types: `${plugin}.d.ts` })
  expect(error.message).toContain('order.items[].price: expected u64, got s64')
  expect(error['differences']).toEqual(
    expect.arrayContaining([
      'slot "typed::discount": order.items[].price: expected u64, got s64',
      'slot "typed::discount".result.err: the case "too-many" is missing',
    ]),
  )
  await load(plugin, imports, { types: false })

  const other = changed('other.wasm', ['price: u64', 'price: s64'])
  await load(other, imports)
  for (const types of [`${plugin}.d.ts`, pathToFileURL(`${plugin}.d.ts`)]) {
    expect((await rejectionOf(load(other, imports, { types }))).code).toBe('ERR_RELINK_ABI')
  }
})

test('names of types, docs and further exports are no difference; a further import is one', async () => {
  const write = async (name: string, text: string) => {
    writeFileSync(join(folder, name), await wat(text))
    return join(folder, name)
  }
  const plugin = await write('grows.wasm', '(module (func (export "f") (param i32) (result i32) local.get 0))')
  command('types', plugin, '--beside')
  await write('grows.wasm', '(module (func (export "g")) (func (export "f") (param i32) (result i32) local.get 0))')
  expect((await load(plugin)).exports['f'](1)).toBe(1)
  await write('grows.wasm', '(module (func (export "f") (param i64) (result i32) i32.const 1))')
  const changed = await rejectionOf(load(plugin))
  expect(changed['differences'][0]).toBe('export "f": expected func (i32) -> i32, got func (i64) -> i32')
  await write(
    'grows.wasm',
    '(module (import "env" "h" (func)) (func (export "f") (param i32) (result i32) local.get 0))',
  )
  const imported = await rejectionOf(load(plugin, { env: { h() {} } }))
  expect(imported['differences']).toEqual(['import "env"."h" is new'])
})

test('what is no generated file is refused by name', async () => {
  const path = join(folder, 'mine.d.ts')
  writeFileSync(path, 'export interface Mine {}\n')
  expect(await rejectionOf(load(typed, imports, { types: path }))).toMatchObject({
    name: 'TypeError',
    code: 'ERR_INVALID_ARG_VALUE',
    message: expect.stringContaining('wasm-relink types'),
  })
  const missing = { types: join(folder, 'missing.d.ts') }
  expect(await rejectionOf(load(typed, imports, missing))).toMatchObject({ code: 'ENOENT' })
  expect(await rejectionOf(load(typed, imports, { types: 1 as never }))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  expect(command('types', path)).toMatchObject({ status: 1, stdout: '' })
  expect(command('types', '-', '--beside').status).toBe(2)
})

test('slots and imports that may suspend take functions that return promises', () => {
  const waiting = join(folder, 'waiting.wasm')
  copyFileSync(join(root, 'fixtures', 'wasm', 'waiting.wasm'), waiting)
  expect(command('types', waiting, '-o', join(folder, 'waiting.d.ts')).status).toBe(0)
  const text = readFileSync(join(folder, 'waiting.d.ts'), 'utf8')
  for (const part of [
    "'waiting::digest'(seed: number, rounds: number): number | Promise<number>\n",
    "'waiting::describe'(texts: string[]): string[] | Promise<string[]>\n",
    '    translate(text: string): string | Promise<string>\n',
    '    fetch(arg0: number): number\n',
  ]) {
    expect(text).toContain(part)
  }
  const head = `
    import { link, load, promising, type SuspendingImports } from 'wasm-relink'
    import type { Waiting, WaitingImports } from './waiting'
    const imports: SuspendingImports<WaitingImports> = {
      env: { translate: async (text) => text, fetch: async (key) => key },
    }
    const plugin = await load<Waiting>('waiting.wasm', imports, { suspending: ['env.fetch'] })\n`
  writeFileSync(
    join(folder, 'waits.ts'),
    `${head}
    const sum: number = await plugin.exports.run(1, 2)
    link(async (seed) => seed, plugin.slots['waiting::digest'])
    link(plugin.slots['waiting::digest'].original, plugin.slots['waiting::digest'])
    export { sum }`,
  )
  expect(compiled('waits.ts')).toBe('')
  for (const line of [
    'const sum: number = plugin.exports.run(1, 2)',
    "link(async (seed) => String(seed), plugin.slots['waiting::digest'])",
    "link(async (seed: number) => seed, plugin.slots['fetch_rounds'])",
  ]) {
    writeFileSync(join(folder, 'waits-wrong.ts'), `${head}${line}\nexport {}`)
    expect(compiled('waits-wrong.ts')).toContain('error TS')
  }
})

test('a slot whose function may no longer return a promise is a difference', async () => {
  const path = join(folder, 'waiting-2.wasm')
  const bytes = readFileSync(join(root, 'fixtures', 'wasm', 'waiting.wasm'), 'latin1')
  copyFileSync(join(root, 'fixtures', 'wasm', 'waiting.wasm'), path)
  expect(command('types', path, '--beside').status).toBe(0)
  const record = '"suspend":true'
  expect(bytes).toContain(record)
  // A property that nothing knows, of the same length.
  writeFileSync(path, bytes.replaceAll(record, '"suspenX":true'), 'latin1')
  const env = { translate: () => '', fetch: () => 0 }
  await expect(rejectionOf(load(path, { env }))).resolves.toMatchObject({
    code: 'ERR_RELINK_ABI',
    differences: expect.arrayContaining(['slot "waiting::digest": its function may no longer return a promise']),
  })
})
