// The command line: the commands `compile` and `cache`.
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { age, directory, files, folder, inProcess, LONG_AGO } from '../support/caching'
import { guestPath, root } from '../support'

const program = join(root, require('../../package.json').bin['wasm-relink'])

function run(parameters: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...parameters], {
    encoding: 'utf8',
    env: { ...process.env, WASM_RELINK_CACHE: directory(), ...env },
  })
  return { status, stdout, stderr }
}

const done = (stdout: string) => ({ status: 0, stdout, stderr: '' })

/** A copy of a guest in the test's own folder. */
function plugin(name: string): string {
  const path = join(folder, `${name}.wasm`)
  copyFileSync(guestPath('pricing'), path)
  return path
}

test('compile fills the cache, and load reads from it', async () => {
  const [one, other] = [plugin('one'), guestPath('pricing_promotions')]
  expect(run(['compile', one, other])).toEqual(done(`${one}: compiled\n${other}: compiled\n`))
  expect(files()).toHaveLength(2)
  age()
  expect(await inProcess('return Object.keys((await relink.load(file)).exports)', one)).toContain('total')
  expect(files().filter((file) => statSync(file).mtimeMs > LONG_AGO * 1000)).toHaveLength(1)
  expect(files()).toHaveLength(2)
})

test('compile takes the compiler and the slots', async () => {
  const file = plugin('plugin')
  const options = ['--compiler', 'singlepass', '--slots', 'all']
  expect(run(['compile', file, ...options])).toEqual(done(`${file}: compiled\n`))
  age()
  await inProcess("await relink.load(file, {}, { compiler: 'singlepass', slots: 'all' })", file)
  expect(files().map((path) => statSync(path).mtimeMs > LONG_AGO * 1000)).toEqual([true])
  expect(run(['compile', file, '--compiler', 'fast']).status).toBe(2)
  const { status, stderr } = run(['compile', file, '--slots', 'nothing_like_it'])
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: `wasm-relink: ${file}: no function fits "nothing_like_it" of --slots\n`,
  })
})

test('compile names the invalid file', () => {
  const [none, bad] = [join(folder, 'none.wasm'), join(folder, 'bad.wasm')]
  writeFileSync(bad, 'not WebAssembly')
  expect(run(['compile', none])).toEqual({
    status: 1,
    stdout: '',
    stderr: `wasm-relink: ${none}: no such file or directory (ENOENT)\n`,
  })
  const { status, stderr } = run(['compile', bad])
  expect({ status, named: stderr.startsWith(`wasm-relink: ${bad}: `) }).toEqual({ status: 1, named: true })
  expect(stderr).toContain('ERR_RELINK_INVALID_WASM')
  const off = run(['compile', bad], { WASM_RELINK_CACHE: 'off' })
  expect(off.status).toBe(2)
  expect(off.stderr).toContain('wasm-relink: the cache is off: WASM_RELINK_CACHE turns it off')
})

test('compile goes on after an invalid file', () => {
  const bad = join(folder, 'bad-among-others.wasm')
  writeFileSync(bad, 'not wasm')
  const good = plugin('plugin')
  const { status, stdout, stderr } = run(['compile', bad, good])
  expect({ status, stdout }).toEqual({ status: 1, stdout: `${good}: compiled\n` })
  expect(stderr).toContain('bad-among-others.wasm: ')
})

test('compile fails if the cache does not store the result', () => {
  // Windows has no such check of owners.
  if (process.platform === 'win32') return
  const open = join(folder, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  const others = run(['compile', plugin('plugin')], { WASM_RELINK_CACHE: open })
  expect(others).toMatchObject({ status: 1, stdout: '' })
  expect(others.stderr).toContain('is writable for other users: run chmod go-w on it (ERR_RELINK_CACHE)')
  const file = run(['compile', plugin('plugin')], { WASM_RELINK_CACHE: plugin('plugin') })
  expect(file).toMatchObject({ status: 1, stdout: '' })
  expect(file.stderr).toContain('ERR_RELINK_CACHE')
})

test('cache lists and clears', () => {
  const file = plugin('plugin')
  expect(run(['cache'])).toEqual(done(`${directory()}: 0 compiled modules, 0.0 MiB of 1024 MiB\n`))
  run(['compile', file])
  const { stdout } = run(['cache'])
  const [head, , row] = stdout.split('\n')
  expect(head).toMatch(/: 1 compiled module, 0\.\d MiB of 1024 MiB$/)
  expect(row!.trim().split(/ {2,}/)).toEqual([
    expect.stringMatching(/^0\.\d MiB$/),
    expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d$/),
    'cranelift',
    'slots: default',
    file,
  ])
  const listed = JSON.parse(run(['cache', 'list', '--json']).stdout)
  expect(listed).toMatchObject({ directory: directory(), maximum: 2 ** 30 })
  expect(listed.entries).toMatchObject([{ file, compiler: 'cranelift', slots: 'default', usable: true }])
  expect(run(['cache', 'clear'])).toEqual(done('Removed 1 compiled module\n'))
  expect(files()).toEqual([])
  expect(run(['cache', 'empty']).status).toBe(2)
})

test('reports that the cache is off', () => {
  const off = { WASM_RELINK_CACHE: 'off' }
  expect(run(['cache'], off)).toEqual(done('The cache is off: WASM_RELINK_CACHE turns it off.\n'))
  expect(run(['cache', 'clear'], off)).toEqual(done('Removed 0 compiled modules\n'))
  const homeless = { WASM_RELINK_CACHE: '', XDG_CACHE_HOME: '', LOCALAPPDATA: '', HOME: '', USERPROFILE: '' }
  const why = 'the user has no home directory, and WASM_RELINK_CACHE names no folder'
  expect(run(['cache'], homeless)).toEqual(done(`The cache is off: ${why}.\n`))
  expect(run(['compile', plugin('plugin')], homeless)).toMatchObject({ status: 2, stdout: '' })
})
