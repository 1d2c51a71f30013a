// Hostile modules: types that collide in the engine's hash, and modules that are large in one way, loaded as a whole.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Instance, Module, Store, Table, link } from '../..'
import { custom, leb, list, module, name, oneType, section } from '../support/binary'
import { large } from '../support/hostile'
import { PEAK, compilers, root, thrownBy, wat } from '../support'

/** Two function types with the same CRC-32 in the engine: i32 where there is a 0, i64 where there is a 1. */
const COLLISION = ['0'.repeat(33), '100000100110000010001110110110111'] as const

const parameters = (bits: string) => [...bits].map((bit) => (bit === '0' ? 'i32' : 'i64')).join(' ')
const [first, second] = COLLISION.map(parameters) as [string, string]

describe.each(compilers)('types that collide, on %s', (compiler) => {
  const of = (text: string, imports = {}, store = new Store()) =>
    wat(text).then((bytes) => new Instance(new Module(bytes, { compiler }), imports, { store }))

  test('are refused in one module', async () => {
    const bytes = await wat(`(module (type (func (param ${first}))) (type (func (param ${second}))))`)
    const error = thrownBy(() => new Instance(new Module(bytes, { compiler }), {}, { store: new Store() }))
    expect(['ERR_RELINK_COMPILE', 'ERR_RELINK_SIGNATURE_HASH']).toContain(error.code)
  })

  test('are refused in a second module of the store, whatever brings them', async () => {
    const store = new Store()
    const table = new Table({ element: 'anyfunc', initial: 1 }, null, { store })
    await of(
      `(module (import "env" "table" (table 1 funcref)) (elem (i32.const 0) $f) (func $f (param ${first})))`,
      { env: { table } },
      store,
    )
    const calling = await wat(`(module (type $t (func (param ${second}))) (import "env" "table" (table 1 funcref))
      (func (export "call") ${[...COLLISION[1]].map((bit) => (bit === '0' ? '(i32.const 0)' : '(i64.const 0)')).join('')}
        (call_indirect (type $t) (i32.const 0))))`)
    const make = () => new Instance(new Module(calling, { compiler }), { env: { table } }, { store })
    expect(thrownBy(make)).toMatchObject({ code: 'ERR_RELINK_SIGNATURE_HASH' })
    const importing = await wat(`(module (import "env" "f" (func (param ${second}))))`)
    const imported = () => new Instance(new Module(importing, { compiler }), { env: { f() {} } }, { store })
    expect(thrownBy(imported)).toMatchObject({ code: 'ERR_RELINK_SIGNATURE_HASH' })
    // Neither module has left anything, and another store takes the second one.
    expect(store.stats().instances).toBe(1)
    expect(new Instance(new Module(importing, { compiler }), { env: { f() {} } }, { store: new Store() })).toBeDefined()
  })

  test('do not pass the check of a link', async () => {
    const slotted = await of(`(module (func (export "f") (param ${first})))`)
    expect(thrownBy(() => link((() => {}) as never, slotted.slot('g')))).toMatchObject({
      code: 'ERR_RELINK_UNKNOWN_SLOT',
    })
    const other = await of(`(module (func (export "f") (param ${second})))`, {}, new Store())
    const { code } = thrownBy(() => link(other.exports.f as never, slotted.slot('f')))
    expect(['ERR_RELINK_STORE', 'ERR_RELINK_SIGNATURE_HASH', 'ERR_RELINK_SIGNATURE']).toContain(code)
  })
})

describe('large modules, loaded as a whole', () => {
  const directory = mkdtempSync(join(tmpdir(), 'wasm-relink-hostile-'))
  afterAll(() => rmSync(directory, { recursive: true }))

  const END = 0x0b
  const locals = (count: number) => {
    const code = [1, ...leb(count), 0x7e, END]
    return [...leb(code.length), ...code]
  }
  const more: Record<string, () => Uint8Array> = {
    ...Object.fromEntries(
      ['blocks in blocks', 'a jump with many targets', 'a name as long as the file', 'a tenth of that'].map((about) => [
        about,
        large[about]!,
      ]),
    ),
    'a function of 50,000 locals': () => module(oneType, list('function', 1, [0]), list('code', 1, locals(50_000))),
    'an export name of a megabyte': () =>
      module(
        oneType,
        list('function', 1, [0]),
        section('export', [1, ...name('x'.repeat(100_000)), 0, 0]),
        list('code', 1, [2, 0, END]),
      ),
    'a custom section of megabytes': () => module(custom('big', Buffer.alloc(8_000_000) as never)),
  }
  const program = `
    const { Instance, Module, Store } = require(${JSON.stringify(root)})
    const bytes = require('node:fs').readFileSync(process.argv[1])
    for (const compiler of ['cranelift', 'singlepass']) {
      try {
        const store = new Store({ limits: { memorySize: 2 ** 26 } })
        const module = new Module(bytes, { compiler, limits: { compileTime: 50_000 } })
        new Instance(module, {}, { store })
        console.log('taken')
      } catch (error) {
        console.log(error.code)
      }
    }
    console.log(${PEAK})`

  test.each(Object.keys(more))('%s', (about) => {
    const bytes = more[about]!()
    const path = join(directory, 'module.wasm')
    writeFileSync(path, bytes)
    const child = spawnSync(process.execPath, ['-e', program, path], { timeout: 60_000 })
    expect([child.signal, child.status, `${child.stderr}`]).toEqual([null, 0, ''])
    const [cranelift, singlepass, peak] = `${child.stdout}`.trim().split('\n')
    expect([cranelift, singlepass]).toEqual(['taken', 'taken'])
    expect(Number(peak) / 1024).toBeLessThan(400 + (700 * bytes.length) / 2 ** 20)
  })
})
