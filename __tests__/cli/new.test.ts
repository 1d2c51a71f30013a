// The command `new`: what it writes builds, and passes its own tests.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transformSync } from '@swc/core'
import { root } from '../support'

const program = join(root, require('../../package.json').bin['wasm-relink'])
const run = (command: string, args: string[], cwd: string) => spawnSync(command, args, { cwd, encoding: 'utf8' })
const create = (name: string) => run(process.execPath, [program, 'new', name], folder)

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-new-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const libraries = run('rustc', ['--print', 'target-libdir', '--target', 'wasm32-unknown-unknown'], root).stdout?.trim()

// A machine that cannot build the guests cannot build this one.
const withToolchain = libraries && existsSync(libraries) ? describe : describe.skip

withToolchain('with a toolchain', () => {
  test('a new plugin builds, and its tests and its host run', () => {
    const { status, stdout, stderr } = create('my-plugin')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('cd my-plugin\n')
    const plugin = join(folder, 'my-plugin')
    mkdirSync(join(plugin, 'node_modules'))
    symlinkSync(root, join(plugin, 'node_modules/wasm-relink'), 'junction')
    const step = (command: string, args: string[]) => {
      const result = run(command, args, plugin)
      if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}:\n${result.stdout}\n${result.stderr}`)
      return result.stdout
    }
    step('cargo', ['test'])
    step('cargo', ['build', '--release', '--target', 'wasm32-unknown-unknown'])
    step(process.execPath, ['--test', 'plugin.test.mjs'])
    const host = transformSync(readFileSync(join(plugin, 'host.ts'), 'utf8'), {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'es6' },
    })
    writeFileSync(join(plugin, 'host.mjs'), host.code)
    expect(step(process.execPath, ['host.mjs'])).toBe('Hi, Ada!\nWelcome, Ada\nnameless\n')
  }, 600_000)
})

test('the host has the settings and packages of its type check', () => {
  expect(create('my-plugin').status).toBe(0)
  const plugin = join(folder, 'my-plugin')
  const { devDependencies } = JSON.parse(readFileSync(join(plugin, 'package.json'), 'utf8'))
  const ours: Record<string, string> = require('../../package.json').devDependencies
  expect(devDependencies).toEqual({ '@types/node': ours['@types/node'], typescript: ours.typescript })
  mkdirSync(join(plugin, 'node_modules'))
  symlinkSync(root, join(plugin, 'node_modules/wasm-relink'), 'junction')
  symlinkSync(join(root, 'node_modules/@types'), join(plugin, 'node_modules/@types'), 'junction')
  const check = () => run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')], plugin)
  expect(check()).toMatchObject({ status: 0, stdout: '' })
  const host = readFileSync(join(plugin, 'host.ts'), 'utf8')
  writeFileSync(join(plugin, 'host.ts'), host.replace("{ name: 'Ada', age: 12 }", '{ name: 12 }'))
  expect(check()).toMatchObject({ stdout: expect.stringContaining("'number' is not assignable") })
}, 60_000)

test('a folder that is there, and a name that is none, are refused', () => {
  expect(create('my-plugin').status).toBe(0)
  expect(create('my-plugin')).toMatchObject({
    status: 1,
    stderr: 'wasm-relink: my-plugin is there already, and is not empty: name another folder\n',
  })
  for (const name of ['My Plugin', '1a', 'größe', 'type', 'std', 'a--b']) {
    expect(create(name)).toMatchObject({ status: 1, stderr: expect.stringContaining('is no name for a plugin') })
    expect(existsSync(join(folder, name))).toBe(false)
  }
})
