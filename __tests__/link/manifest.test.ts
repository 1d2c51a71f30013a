// Manifests: a store is brought to the state of a document, all or nothing, and each mistake has its JSON path.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Manifest, type Store as StoreType, Store, apply, link, load } from '../..'
import { rejectionOf, root, thrownBy, wat } from '../support'

let folder: string
beforeAll(() => {
  mkdirSync(join(root, 'target'), { recursive: true })
  folder = mkdtempSync(join(root, 'target', 'manifest-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Writes a module, and returns its entry of a manifest. */
async function moduleOf(name: string, text: string, imports?: Record<string, string>) {
  const bytes = await wat(text)
  writeFileSync(join(folder, name), bytes)
  return { file: name, sha256: createHash('sha256').update(bytes).digest('hex'), ...(imports && { imports }) }
}

const adding = (step: number) => `(module
  (func $f (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const ${step})))
  (func $g (export "g") (param i32) (result i32) (i32.sub (local.get 0) (i32.const ${step})))
  (func (export "wide") (param i64) (result i64) (local.get 0))
  (func (export "call") (param i32) (result i32) (i32.mul (call $f (local.get 0)) (call $g (local.get 0)))))`

const held = (slot: string, fn: string, from = 'next') => ({ module: 'main', slot, from, function: fn })

async function setUp() {
  const modules = { main: await moduleOf('main.wasm', adding(1)), next: await moduleOf('next.wasm', adding(10)) }
  const links = [held('f', 'f'), held('g', 'g')]
  const manifest = { version: 1, label: 'release', modules, links } satisfies Manifest
  const store = new Store({ historyLimit: 10 })
  return { store, manifest, modules, links, options: { base: folder } }
}

describe('apply', () => {
  test('loads and links in one commit, and a second time changes nothing', async () => {
    const { store, manifest, options } = await setUp()
    const first = await apply(store, manifest, options)
    expect(first).toMatchObject({ changed: true, loaded: ['main', 'next'], linked: manifest.links, unlinked: [] })
    expect(first.instances.main!.exports.call(100)).toBe(110 * 90)
    expect(store.history.map(({ label }) => label)).toEqual(['release'])
    const second = await apply(store, JSON.stringify(manifest), options)
    expect(second).toMatchObject({ changed: false, change: undefined, loaded: [], linked: [], removed: [] })
    expect(second.instances.main).toBe(first.instances.main)
    expect(store.history).toHaveLength(1)
  })

  test('ends the links that the manifest does not have, in the same commit as it makes others', async () => {
    const { store, manifest, options } = await setUp()
    const { instances } = await apply(store, manifest, options)
    const { main } = instances
    link((x: number) => x, main!.slot('call'))
    const next = await apply(store, { ...manifest, links: [held('f', 'g')] }, { ...options, label: 'other', by: 'me' })
    expect(next.unlinked).toEqual(['g', 'call'])
    expect(main!.exports.call(100)).toBe(90 * 99)
    expect(next.change).toMatchObject({ label: 'other', by: 'me' })
    next.change!.undo()
    expect([main!.slot('f').current!(100), main!.slot('call').current!(5)]).toEqual([110, 5])
  })

  test('an entry of a table that was empty is emptied, and undo fills it again', async () => {
    const { store, options } = await setUp()
    const table = await moduleOf(
      'table.wasm',
      `(module (table (export "table") 4 4 funcref) (type $t (func (result i32))) (memory (export "memory") 1)
        (func $f (export "f") (result i32) i32.const 1) (func (export "other") (result i32) i32.const 7)
        (func (export "call") (param i32) (result i32) (call_indirect (type $t) (local.get 0)))
        (func (export "f2") (result i32) (call $f)))`,
    )
    const manifest = { version: 1 as const, modules: { main: table }, links: [] as NonNullable<Manifest['links']> }
    const { main } = (await apply(store, manifest, options)).instances
    const { call, other, f2 } = main!.exports
    const slots = [1, 2].map((index) => main!.exports.table.slot(index))
    const fill = () => {
      link(other, slots[0], { label: 'filled' })
      link((() => 9) as never, slots[1])
    }
    fill()
    expect([call(1), call(2)]).toEqual([7, 9])
    // Table entries alone, and together with other links.
    for (const links of [[], [{ module: 'main', slot: 'f', from: 'main', function: 'other' }]]) {
      const { changed, change, unlinked } = await apply(store, { ...manifest, links }, options)
      expect([changed, unlinked, change!.undone]).toEqual([true, ['table[1]', 'table[2]'], false])
      expect([slots[0].current, slots[1].current, f2()]).toEqual([null, null, links.length > 0 ? 7 : 1])
      change!.undo()
      expect([call(1), call(2), f2(), change!.undone]).toEqual([7, 9, 1, true])
      expect(store.links().map(({ slot }) => slot)).toEqual(slots)
    }
    // Entries that were filled meanwhile stay.
    const { change } = await apply(store, manifest, options)
    link((() => 11) as never, slots[1], { type: { results: ['i32'] } })
    change!.undo()
    expect([call(1), call(2)]).toEqual([7, 11])
  })

  test('a module with other bytes is loaded anew, and those that import it are too', async () => {
    const { store, modules, options } = await setUp()
    const user = await moduleOf(
      'user.wasm',
      `(module (import "lib" "f" (func $f (param i32) (result i32))) (import "js" "h" (func $h (result i32)))
        (func (export "both") (result i32) (call $f (call $h))))`,
      { lib: 'next', js: 'host' },
    )
    const manifest = { version: 1 as const, modules: { user, next: modules.next, main: modules.main } }
    const more = { ...options, imports: { host: { h: () => 5 } } }
    const first = await apply(store, manifest, more)
    expect(first.instances.user!.exports.both()).toBe(15)
    const changed = { ...manifest.modules, next: await moduleOf('next2.wasm', adding(20)) }
    const second = await apply(store, { ...manifest, modules: changed }, more)
    expect(second.loaded).toEqual(['next', 'user'])
    expect(second.instances.main).toBe(first.instances.main)
    expect(second.instances.user!.exports.both()).toBe(25)
  })

  test('takes instances that were loaded otherwise', async () => {
    const { store, manifest, options } = await setUp()
    const main = await load(join(folder, 'main.wasm'), {}, { store })
    const { instances, loaded } = await apply(store, manifest, options)
    expect([instances.main, loaded]).toEqual([main, ['next']])
  })

  test('hooks refuse it, and manifests are applied one after the other', async () => {
    const { store, manifest, options } = await setUp()
    const refused = await rejectionOf(apply(store, manifest, { ...options, check: async () => 'no' }))
    expect(refused).toMatchObject({ code: 'ERR_RELINK_VETO', reason: 'no' })
    expect([store.links(), store.manifest()]).toEqual([[], { version: 1, modules: {}, links: [] }])
    const within = await rejectionOf(
      apply(store, manifest, { ...options, check: async () => void (await apply(store, manifest, options)) }),
    )
    expect(within).toMatchObject({ code: 'ERR_RELINK_REENTRANT' })
    expect(store.links()).toEqual([])
    const all = await Promise.all([1, 2, 3].map(() => apply(store, manifest, options)))
    expect(all.map(({ changed }) => changed)).toEqual([true, false, false])
  })
})

describe('mistakes', () => {
  const cases: [string, (good: Manifest & { links: any[]; modules: any }) => unknown, string[]][] = [
    ['an unknown field', (good) => ({ ...good, lnks: [] }), ['$.lnks']],
    ['no version', ({ modules }) => ({ modules }), ['$']],
    ['a label of a megabyte', (good) => ({ ...good, label: 'x'.repeat(1 << 20) }), ['$.label']],
    ['an unknown slot', (good) => ({ ...good, links: [held('nope', 'f')] }), ['$.links[0].slot']],
    [
      'two mistakes',
      (good) => ({ ...good, links: [held('f', 'a'), held('b', 'f')] }),
      ['$.links[0].function', '$.links[1].slot'],
    ],
    ['the same slot twice', (good) => ({ ...good, links: [held('f', 'f'), held('f', 'g')] }), ['$.links[1].slot']],
    [
      'the same slot by two names',
      (good) => ({ ...good, links: [held('f', 'f'), held('func[0]', 'g')] }),
      ['$.links[1].slot'],
    ],
    ['another type', (good) => ({ ...good, links: [held('f', 'f'), held('g', 'wide')] }), ['$.links[1]']],
    ['an unknown module', (good) => ({ ...good, links: [held('f', 'f', 'gone')] }), ['$.links[0].from']],
    [
      'a missing file and a wrong hash',
      ({ modules: { main, next }, ...good }) => ({
        ...good,
        modules: { main: { ...main, file: 'gone.wasm' }, next: { ...next, sha256: main.sha256 } },
      }),
      ['$.modules.main.file', '$.modules.next.sha256'],
    ],
    [
      'a ring of imports',
      ({ modules: { main, next }, ...good }) => ({
        ...good,
        modules: { main: { ...main, imports: { a: 'next' } }, next: { ...next, imports: { b: 'main' } } },
      }),
      ['$.modules.main.imports.a', '$.modules.next.imports.b'],
    ],
    [
      'an import that the module does not have',
      ({ modules: { main, next }, ...good }) => ({
        ...good,
        modules: { next, main: { ...main, imports: { a: 'next' } } },
      }),
      ['$.modules.main.imports.a'],
    ],
  ]

  test.each(cases)('%s: the error has the paths, and nothing has changed', async (_, change, paths) => {
    const { store, manifest, options } = await setUp()
    const { instances } = await apply(store, { ...manifest, links: [held('f', 'f')] }, options)
    const before = [store.manifest(), store.history.length]
    const error = await rejectionOf(apply(store, change(manifest) as Manifest, options))
    expect(error).toMatchObject({ code: 'ERR_RELINK_MANIFEST', path: paths[0], name: 'LinkError' })
    expect(error.mistakes.map(({ path }: { path: string }) => path)).toEqual(paths)
    for (const path of paths) expect(error.message).toContain(path)
    expect([store.manifest(), store.history.length]).toEqual(before)
    expect(instances.main!.exports.call(100)).toBe(110 * 99)
  })

  test('a name that stands twice in the text', async () => {
    const error = await rejectionOf(apply(new Store(), '{ "version": 1, "modules": {}, "modules": {} }'))
    expect(error).toMatchObject({ code: 'ERR_RELINK_MANIFEST', path: '$.modules' })
  })

  test('wrong arguments', async () => {
    const { store, manifest } = await setUp()
    const codeOf = async (...args: any[]) => (await rejectionOf((apply as any)(...args))).code
    expect(await codeOf(undefined, manifest)).toBe('ERR_INVALID_ARG_TYPE')
    expect((await rejectionOf(apply({} as never, manifest))).message).toBe('expected a Store as `store`, got {}')
    expect(await codeOf(store, 5)).toBe('ERR_INVALID_ARG_TYPE')
    expect(await codeOf(store, manifest, { lable: 'x' })).toBe('ERR_INVALID_ARG_VALUE')
    expect(await codeOf(store, manifest, { imports: 5 })).toBe('ERR_INVALID_ARG_TYPE')
  })
})

describe('store.manifest()', () => {
  const roundTrip = async (store: StoreType) => (await apply(store, store.manifest())).changed

  test('applied again, it changes nothing; to another store, it makes the same', async () => {
    const { store, manifest, options } = await setUp()
    await apply(store, manifest, options)
    const written = store.manifest()
    expect(Object.keys(written.modules)).toEqual(['main', 'next'])
    expect(written.links).toEqual(manifest.links)
    expect(await roundTrip(store)).toBe(false)
    const other = new Store()
    await apply(other, written)
    expect(other.manifest()).toEqual(written)
  })

  test('of a store whose links were made by hand', async () => {
    const { store } = await setUp()
    const [main, next] = [
      await load(join(folder, 'main.wasm'), {}, { store }),
      await load(join(folder, 'next.wasm'), {}, { store }),
    ]
    link(next.exports.f, main.slot('f'))
    expect(store.manifest().links).toEqual([held('f', 'f')])
    expect(await roundTrip(store)).toBe(false)
    link(() => 1, main.slot('g'))
    expect(thrownBy(() => store.manifest())).toMatchObject({ code: 'ERR_RELINK_MANIFEST', slot: 'g' })
  })

  test('of a file that has changed since: refused', async () => {
    const { store } = await setUp()
    const { file } = await moduleOf('changing.wasm', adding(3))
    const instance = await load(join(folder, file), {}, { store })
    writeFileSync(join(folder, file), await wat(adding(4)))
    expect(thrownBy(() => store.manifest())).toMatchObject({ code: 'ERR_RELINK_MANIFEST', file: join(folder, file) })
    instance.close()
  })
})

/** Whether a value fits a schema: the keywords that the package's schema uses, and no other. */
function fits(schema: any, value: any): boolean {
  const type = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
  const rest = (name: string) =>
    schema.additionalProperties !== false && fits(schema.additionalProperties ?? {}, value[name])
  const known = {
    type: () => type === schema.type,
    const: () => value === schema.const,
    minLength: () => value.length >= schema.minLength,
    maxLength: () => value.length <= schema.maxLength,
    pattern: () => new RegExp(schema.pattern, 'u').test(value),
    required: () => schema.required.every((name: string) => Object.hasOwn(value, name)),
    propertyNames: () => Object.keys(value).every((name) => fits(schema.propertyNames, name)),
    properties: () =>
      Object.entries(schema.properties).every(([name, own]) => !Object.hasOwn(value, name) || fits(own, value[name])),
    additionalProperties: () =>
      Object.keys(value).every((name) => Object.hasOwn(schema.properties ?? {}, name) || rest(name)),
    items: () => value.every((item: unknown) => fits(schema.items, item)),
    $schema: () => true,
    title: () => true,
    description: () => true,
  }
  const order = Object.keys(schema).toSorted((a) => (a === 'type' ? -1 : 0))
  return order.every((keyword) => known[keyword as keyof typeof known]())
}

test('the schema and the validator agree', async () => {
  const schema = JSON.parse(readFileSync(join(root, 'manifest.schema.json'), 'utf8'))
  const { store, manifest: good, modules, links } = await setUp()
  const { main } = modules
  const withMain = (change: object) => ({ ...good, modules: { ...modules, main: { ...main, ...change } } })
  const documents: [unknown, boolean][] = [
    [good, true],
    [{ ...good, $schema: 'x', label: 'y'.repeat(1000) }, true],
    [{ version: 1, modules: {} }, true],
    [withMain({ sha256: main.sha256.toUpperCase(), imports: { a: 'b' } }), true],
    ...[[], { ...good, version: 2 }, { ...good, version: '1' }, { modules }, { version: 1 }, { ...good, extra: 1 }].map(
      (each): [unknown, boolean] => [each, false],
    ),
    ...[{ label: '' }, { label: 5 }, { label: 'y'.repeat(1001) }, { $schema: 1 }, { modules: [] }, { links: {} }].map(
      (each): [unknown, boolean] => [{ ...good, ...each }, false],
    ),
    ...[{ file: '' }, { file: 'a\0' }, { sha256: '00' }, { imports: [] }, { imports: { a: 1 } }, { other: 1 }].map(
      (each): [unknown, boolean] => [withMain(each), false],
    ),
    [{ ...good, modules: { ...modules, '': main } }, false],
    [{ ...good, links: [{ ...links[0], slot: '' }] }, false],
    [{ ...good, links: [{ ...links[0], extra: 1 }] }, false],
    [{ ...good, links: [{ module: 'main', slot: 'f', from: 'next' }] }, false],
    [{ ...good, links: [5] }, false],
  ]
  for (const [document, isValid] of documents) {
    const text = JSON.stringify(document)
    const outcome = await apply(store, text, { base: folder }).catch((error) => error)
    const mistakes: { code?: string }[] = outcome.mistakes ?? []
    // A mistake that a file or an import has caused has a code; one of the document has none.
    expect([text, mistakes.every(({ code }) => code !== undefined)]).toEqual([text, isValid])
    expect([text, fits(schema, document)]).toEqual([text, isValid])
  }
})

test('the command `check` says what `apply` would refuse', async () => {
  const { manifest, links } = await setUp()
  const run = (name: string, document: unknown) => {
    const file = join(folder, name)
    writeFileSync(file, JSON.stringify(document))
    const command = [join(root, 'bin', 'wasm-relink.js'), 'check', file]
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
    return { status, stdout: stdout.replace(file, basename(file)), lines: stderr.trimEnd().split('\n') }
  }
  expect(run('good.json', manifest)).toEqual({
    status: 0,
    stdout: 'good.json: fine (2 modules, 2 links)\n',
    lines: [''],
  })
  const user = await moduleOf('needs.wasm', '(module (import "js" "h" (func)) (func (export "f") (call 0)))')
  expect(run('host.json', { ...manifest, modules: { ...manifest.modules, user } }).status).toBe(0)
  const bad = run('bad.json', { ...manifest, links: [...links, held('x', 'f'), held('wide', 'y')] })
  expect([bad.status, bad.stdout]).toEqual([1, ''])
  expect(bad.lines.map((line) => /\$\S+(?=: )/.exec(line)![0])).toEqual(['$.links[2].slot', '$.links[3].function'])
})
