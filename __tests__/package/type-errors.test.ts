// The errors of the type checker: they name the type that does not fit.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../support'

let folder: string
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'wasm-relink-types-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The lines that TypeScript prints about a statement. */
function complaint(statement: string) {
  const code = `import { link, load } from ${JSON.stringify(join(root, 'index.js'))}
    const { exports, slots } = await load<{
      exports: { rate(factor: number): number; tick(): void }
      slots: { half: (cents: bigint) => bigint }
    }>('plugin.wasm')
    ${statement}
    export {}`
  writeFileSync(join(folder, 'use.mts'), code)
  const options = [
    '--target',
    'es2022',
    '--module',
    'nodenext',
    '--types',
    '',
    '--strict',
    '--noEmit',
    '--pretty',
    'false',
  ]
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = spawnSync(process.execPath, [tsc, ...options, 'use.mts'], { cwd: folder, encoding: 'utf8' })
  return stdout.trimEnd().split('\n')
}

test.each([
  ['a WebAssembly function', 'link(exports.rate, slots.half)', "Type 'number' is not assignable to type 'bigint'."],
  ['one without parameters', 'link(exports.tick, slots.half)', 'Source has 0 element(s) but target requires 1.'],
  [
    'a JavaScript function',
    'link((factor: number) => factor, slots.half)',
    "Type 'bigint' is not assignable to type 'number'.",
  ],
  ['another result', 'link((cents: bigint) => 1, slots.half)', "Type 'number' is not assignable to type 'bigint'."],
])('%s of another type', (_, statement, reason) => {
  const lines = complaint(statement)
  expect(lines.at(-1)!.trim()).toBe(reason)
  expect(lines.length).toBeLessThanOrEqual(6)
})

test('a function of the type is taken', () => {
  expect(complaint('link((cents: bigint) => cents, slots.half)')).toEqual([''])
})
