// jest in a project with the package: with the documented line in its configuration, and without.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../support'

let folder: string
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'wasm-relink-jest-')))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'wasm-relink'), 'junction')
  const test = (name: string) => `
    const bytes = Buffer.from('AGFzbQEAAAABBAFgAAACBgEAAWYAAAcFAQFmAAA', 'base64')
    test('${name}', async () => {
      const module = await WebAssembly.compile(bytes)
      expect(module).toBeInstanceOf(WebAssembly.Module)
      expect(structuredClone(module)).toBeInstanceOf(WebAssembly.Module)
      expect(() => new WebAssembly.Module(Buffer.alloc(8))).toThrow(WebAssembly.CompileError)
      expect(WebAssembly).toBe(require('wasm-relink').WebAssembly)
    })`
  for (const name of ['one', 'other']) writeFileSync(join(folder, `${name}.test.js`), test(name))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the project's tests; returns the number that passed, and the output. */
function run(configuration: object, env: Record<string, string> = {}) {
  const config = JSON.stringify({ rootDir: folder, transform: {}, ...configuration })
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js')
  const { stdout, stderr } = spawnSync(process.execPath, [jest, '--json', '-i', '--config', config], {
    cwd: folder,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  if (stdout === '') throw new Error(stderr)
  const { numPassedTests: passed, numFailedTests: failed, testResults } = JSON.parse(stdout)
  const warnings = stderr.split('\n').filter((line) => line.includes('Warning'))
  return {
    passed,
    failed,
    warnings,
    message: testResults.map(({ message }: { message: string }) => message).join('\n'),
  }
}

test('the line that the docs give makes `WebAssembly` this package’s, in each test file', () => {
  const docs = readFileSync(join(root, 'docs', 'webassembly-api.md'), 'utf8')
  const [, line] = /```js\nsetupFiles: (\[.*\]),\n```/.exec(docs)!
  const setupFiles = JSON.parse(line!.replaceAll("'", '"'))
  expect(run({ setupFiles })).toEqual({
    passed: 2,
    failed: 0,
    warnings: [],
    message: expect.not.stringContaining('●'),
  })
})

test('`register` in NODE_OPTIONS does not reach the realm of the tests', () => {
  const { passed, failed } = run({}, { NODE_OPTIONS: `--require ${JSON.stringify(join(root, 'register.cjs'))}` })
  expect({ passed, failed }).toEqual({ passed: 0, failed: 2 })
})
