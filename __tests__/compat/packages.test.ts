// Published packages with Rust-built wasm, which were not built for relinking: with any functions as slots, they behave as on
// V8.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type CompileOptions, type Instance, type Slot, link, rewrite } from '../..'
import { type Answers, type PackageEngine, onV8, onWasmer } from '../support/packages'
import { askDprint, dprintOn, trapDprint } from '../support/packages-dprint'
import { MAP, askSourceMap, sourceMapOn } from '../support/packages-source-map'
import { compilers, root } from '../support'

const selections: [string, CompileOptions][] = [
  ['no slots', { slots: 'none' }],
  ['the usual slots', {}],
  ['every function a slot', { slots: 'all' }],
]

/** The other engines on which a package runs, by description. */
const engines: [string, () => PackageEngine][] = [
  ...selections.map(([words, { slots }]): [string, () => PackageEngine] => [
    `V8, rewritten, ${words}`,
    () => onV8((bytes) => new Uint8Array(rewrite(bytes, { slots }))),
  ]),
  ...compilers.flatMap((compiler) =>
    selections.map(([words, { slots }]): [string, () => PackageEngine] => [
      `${compiler}, ${words}`,
      () => onWasmer({ compiler, slots }),
    ]),
  ),
]

/** Links a JavaScript function into every slot that calls the slot's original, and counts the calls. */
class Detour {
  readonly #slots: readonly Slot[]
  #stands = false
  calls = 0
  late = 0

  constructor({ slots }: Instance) {
    this.#slots = Object.values(slots)
  }

  link(): void {
    this.#stands = true
    for (const slot of this.#slots) {
      const { original } = slot
      const implementation = (...values: unknown[]) => {
        if (this.#stands) this.calls++
        else this.late++
        return original(...values)
      }
      link(implementation, slot, { merged: true })
    }
  }

  reset(): void {
    for (const slot of this.#slots) slot.reset()
    this.#stands = false
  }
}

/** Runs the work three times: as loaded, linked, and reset. */
async function rounds(ask: () => Promise<Answers> | Answers, detour?: Detour): Promise<Record<string, string>[]> {
  const loaded = await ask()
  detour?.link()
  const linked = await ask()
  detour?.reset()
  const reset = await ask()
  return [loaded.all, linked.all, reset.all]
}

describe('@dprint/json', () => {
  const ask = async (engine: PackageEngine) => {
    const formatter = await dprintOn(engine)
    return { ...askDprint(formatter, engine, 'all').all, traps: trapDprint(formatter, engine).all }
  }
  let expected: Awaited<ReturnType<typeof ask>>

  beforeAll(async () => {
    expected = await ask(onV8())
  })

  test('gives known results on V8', () => {
    expect(expected).toMatchObject({
      '0: one line': '{ "name": "demo", "list": [1, 2, { "a": null }], "deep": { "x": [[1, 0], [0, 1]], "y": {} } }\n',
      '0: 200 KB': expect.stringMatching(/^251102 characters/),
      '0: malformed: [': 'throws Error: Line 1, column 1: Unterminated array\n\n  [\n  ~',
      '2: trailing commas': '{ "a": [1, 2], "b": { "c": 3 } }\n',
      '4: diagnostics': expect.stringContaining('invalid digit found in string'),
      traps: { 'settings of a wrong type': 'a trap', 'no settings': 'a trap', after: '[1, { "a": 2 }]\n' },
    })
  })

  test.each(engines)('gives the same results: %s', async (_, engine) => {
    expect(await ask(engine())).toEqual(expected)
  })

  test.each(compilers)('gives the same results with JavaScript in every slot, and reset (%s)', async (compiler) => {
    const v8 = onV8()
    const untouched = await dprintOn(v8)
    const engine = onWasmer({ compiler, slots: 'all' })
    const formatter = await dprintOn(engine)
    const detour = new Detour(engine.instances[0]!)
    expect(await rounds(() => askDprint(formatter, engine, 'small'), detour)).toEqual(
      await rounds(() => askDprint(untouched, v8, 'small')),
    )
    expect(detour.calls).toBeGreaterThan(100_000)
    expect(detour.late).toBe(0)
  })

  test('is patched by the example', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'examples/hot-patch.mjs')], {
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('\n{ "name":"demo", "tags":["a", "b"], "size":{ "width":3}}\n')
  })
})

describe('source-map', () => {
  const ask = async (engine: PackageEngine) => (await askSourceMap(await sourceMapOn(engine), engine, 5000)).all
  let expected: Record<string, string>

  beforeAll(async () => {
    expected = await ask(onV8())
  })

  test('gives known results on V8', () => {
    expect(expected).toMatchObject({
      'small: sources': '["http://localhost/root/source-0.rs","http://localhost/root/source-1.rs"]',
      'small: an error of the callback': 'true',
      'with a negative line': expect.stringContaining('a negative line, column, source index, or name index'),
    })
  })

  test.each(engines)('gives the same results: %s', async (_, engine) => {
    expect(await ask(engine())).toEqual(expected)
  })

  test.each(compilers)('gives the same results with JavaScript in every slot, and reset (%s)', async (compiler) => {
    const v8 = onV8()
    const untouched = await sourceMapOn(v8)
    const engine = onWasmer({ compiler, slots: 'all' })
    const sourceMap = await sourceMapOn(engine)
    const detour = new Detour(engine.instances[0]!)
    expect(await rounds(() => askSourceMap(sourceMap, engine, 100), detour)).toEqual(
      await rounds(() => askSourceMap(untouched, v8, 100)),
    )
    expect(detour.calls).toBeGreaterThan(10_000)
    expect(detour.late).toBe(0)
  })

  test.each(compilers)('passes its mappings to the function that is linked into its import (%s)', async (compiler) => {
    const engine = onWasmer({ compiler })
    const { SourceMapConsumer } = await sourceMapOn(engine)
    const consumer = await new SourceMapConsumer({ ...MAP })
    const slot = engine.instances[0]!.slot('env.mapping_callback')
    const found = () => consumer.originalPositionFor({ line: 1, column: 6 }).column
    expect([slot.kind, found()]).toEqual(['import', 3])
    // The eighth parameter is the original column.
    const change = link((...values) => slot.original(...values.with(7, 42)), slot)
    expect(found()).toBe(42)
    const silent = link(() => {}, slot)
    expect(found()).toBeNull()
    silent.undo()
    expect(found()).toBe(42)
    change.undo()
    expect(found()).toBe(3)
  })
})
