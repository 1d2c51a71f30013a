// The packages as users get them: installed from their tarballs, in a project outside of this repository.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { guestPath, root } from '../support'

const { platforms, platformName } = require('../../lib/node/platform.js') as {
  platforms: string[]
  platformName: () => string
}
const { dependencies } = require('../../package.json') as { dependencies: Record<string, string> }
const platform = platformName()

/** The environment without the variables that `npm test` sets for this repository. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_(?!config_)|npm_config_local_prefix$|INIT_CWD$)/.test(name)),
)

let folder: string
let app: string

function run(command: string, parameters: string[], cwd: string) {
  return spawnSync(command, parameters, { cwd, env, encoding: 'utf8', shell: process.platform === 'win32' })
}

/** Runs a command that must succeed, and returns its output. */
function output(command: string, parameters: string[], cwd: string): string {
  const { status, stdout, stderr, error } = run(command, parameters, cwd)
  if (status !== 0) {
    throw new Error(`${command} ${parameters.join(' ')} ended with ${error ?? status}:\n${stdout}\n${stderr}`)
  }
  return stdout
}

/** Packs a folder of this repository and returns the path of the tarball. */
function pack(path: string): string {
  const [{ filename }] = JSON.parse(
    output('npm', ['pack', '--silent', '--json', '--pack-destination', folder, path], root),
  )
  return join(folder, filename)
}

function write(name: string, content: string): void {
  writeFileSync(join(app, name), content)
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-pack-'))
  app = join(folder, 'app')
  mkdirSync(app)
  write('package.json', JSON.stringify({ name: 'app', private: true }))
  // Offline, since the packages of other platforms are not published. Other dependencies come from this repository's
  // node_modules, since npm's cache may not have them.
  output('npm', ['run', '--silent', 'stage'], root)
  const needed = Object.keys(dependencies).map((name) => pack(`./node_modules/${name}`))
  output('npm', ['install', '--offline', pack('./target/package'), pack(`./npm/${platform}`), ...needed], app)
  cpSync(guestPath('scalars'), join(app, 'scalars.wasm'))
  cpSync(guestPath('scalars_v2'), join(app, 'scalars_v2.wasm'))
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const BODY = `
  const plugin = await load('scalars.wasm')
  const update = await load('scalars_v2.wasm')
  const change = link(update.exports.plain_i32, plugin.slot('next_i32'))
  const linked = plugin.exports.call_i32(20)
  change.undo()
  console.log(linked, plugin.exports.call_i32(20))`

test('import and require find the same package', () => {
  write('import.mjs', `import { link, load } from 'wasm-relink'\n${BODY}`)
  write('require.cjs', `const { link, load } = require('wasm-relink')\nvoid (async () => {${BODY}})()`)
  write(
    'both.mjs',
    `import * as names from 'wasm-relink'
    import { createRequire } from 'node:module'
    const required = createRequire(import.meta.url)('wasm-relink')
    const { default: whole, ...rest } = names
    const same = Object.keys(required).every((name) => rest[name] === required[name])
    console.log(whole === required && same)`,
  )
  expect(output(process.execPath, ['import.mjs'], app)).toBe('40 21\n')
  expect(output(process.execPath, ['require.cjs'], app)).toBe('40 21\n')
  expect(output(process.execPath, ['both.mjs'], app)).toBe('true\n')
})

test('register puts its WebAssembly on globalThis', () => {
  const program = 'console.log(WebAssembly === require("wasm-relink").WebAssembly)'
  expect(output(process.execPath, ['--require', 'wasm-relink/register', '-e', program], app)).toBe('true\n')
  expect(output(process.execPath, ['--import', 'wasm-relink/register', '-e', program], app)).toBe('true\n')
})

test('npx runs its command line', () => {
  const npx = (...parameters: string[]) => output('npm', ['exec', '--offline', '--', 'wasm-relink', ...parameters], app)
  expect(npx('inspect', 'scalars.wasm')).toMatch(/^scalars\.wasm: [\d,]+ bytes/)
  expect(npx('rewrite', 'scalars.wasm', '-o', 'rewritten.wasm')).toBe('')
  expect(WebAssembly.validate(readFileSync(join(app, 'rewritten.wasm')))).toBe(true)
})

test('tsc checks a project against it, from both module systems', () => {
  const source = `
    import { link, load, type Link } from 'wasm-relink'
    interface Plugin { exports: { half(x: number): number }; slots: { 'a::f': (x: number) => number; 'a::g': (x: bigint) => bigint } }
    export async function main(): Promise<Link<[x: number], number>> {
      const { exports, slots } = await load<Plugin>('plugin.wasm')
      // @ts-expect-error number against bigint
      link(exports.half, slots['a::g'])
      return link(exports.half, slots['a::f'])
    }`
  write('typed.mts', source)
  write('typed.cts', source)
  const options = { target: 'es2022', module: 'nodenext', strict: true, noEmit: true, types: [] }
  write('tsconfig.json', JSON.stringify({ compilerOptions: options, include: ['typed.*'] }))
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  expect(output(process.execPath, [tsc, '-p', '.'], app)).toBe('')
  write('wrong.mts', source.replace('// @ts-expect-error', '//'))
  write('tsconfig.json', JSON.stringify({ compilerOptions: options, include: ['wrong.mts'] }))
  expect(run(process.execPath, [tsc, '-p', '.'], app).stdout).toMatch(/wrong\.mts\(\d+,\d+\): error TS/)
})

test('the package holds what it should, and nothing else', () => {
  const installed = join(app, 'node_modules', 'wasm-relink')
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  const names = platforms.map((name) => `wasm-relink-${name}`)
  expect(Object.keys(manifest.optionalDependencies)).toEqual(names)
  expect(new Set(Object.values(manifest.optionalDependencies))).toEqual(new Set([manifest.version]))
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
  expect(files).toEqual(
    expect.arrayContaining([
      'index.js',
      'index.d.ts',
      join('types', 'module.d.ts'),
      'native.cjs',
      'README.md',
      join('docs', 'errors.md'),
    ]),
  )
  expect(files).toContain(join('guest', 'relinkable', 'src', 'lib.rs'))
  expect(files.filter((file) => /\.(node|rlib)$|__tests__|node_modules|\btarget\b/.test(file))).toEqual([])
  expect(files.filter((file) => file.endsWith('.wasm'))).toHaveLength(5)
  expect(manifest).not.toHaveProperty('scripts')
  expect(manifest).not.toHaveProperty('private')
  // The repository's manifest does not name the platform packages, since `npm ci` would look for them. So this manifest must
  // not be published.
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(own).not.toHaveProperty('optionalDependencies')
  expect(own.private).toBe(true)
})

test('the binary that is packed is the one that was built', () => {
  const binary = `wasm-relink.${platform}.node`
  const [built, packed] = [join(root, binary), join(root, 'npm', platform, binary)].map((file) => readFileSync(file))
  // Not `toEqual`, which would print 20 MB. `npm run setup` and `npm run build` make the two binaries equal.
  expect(built!.equals(packed!)).toBe(true)
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(scripts).toMatchObject({
    build: expect.stringContaining('napi build'),
    postbuild: 'node scripts/platforms.mjs',
  })
})

test('the binary holds no path of the machine that built it', () => {
  const binary = readFileSync(join(root, `wasm-relink.${platform}.node`), 'latin1')
  const crates = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
  expect([crates, root].filter((path) => binary.includes(path))).toEqual([])
})

test('there is a folder for each platform, with its os, cpu and libc', () => {
  expect(readdirSync(join(root, 'npm')).toSorted()).toEqual(platforms.toSorted())
  const { version, napi, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(napi.targets).toHaveLength(platforms.length)
  for (const name of platforms) {
    const [os, cpu, abi] = name.split('-')
    const manifest = JSON.parse(readFileSync(join(root, 'npm', name, 'package.json'), 'utf8'))
    const libc = { gnu: ['glibc'], musl: ['musl'] }[abi ?? '']
    const binary = `wasm-relink.${name}.node`
    expect(manifest).toMatchObject({ name: `wasm-relink-${name}`, version, os: [os], cpu: [cpu], engines })
    expect(manifest).toMatchObject({ main: binary, files: [binary] })
    expect(manifest.libc).toEqual(libc)
  }
})

test('without its binary, it names the platform and the package to install', () => {
  const withoutBinary = join(folder, 'without-binary')
  cpSync(app, withoutBinary, { recursive: true })
  rmSync(join(withoutBinary, 'node_modules', `wasm-relink-${platform}`), { recursive: true })
  const script = `
    try { require('wasm-relink') } catch ({ code, message, package: name, cause }) {
      console.log(JSON.stringify({ code, message, name, cause: cause instanceof Error }))
    }`
  expect(JSON.parse(output(process.execPath, ['-e', script], withoutBinary))).toEqual({
    code: 'ERR_RELINK_PLATFORM',
    name: `wasm-relink-${platform}`,
    message: expect.stringMatching(new RegExp(`no working binary for ${platform}: install the package wasm-relink-`)),
    cause: true,
  })
})

test('no link of the packed documents leads nowhere', () => {
  const installed = join(app, 'node_modules', 'wasm-relink')
  const documents = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'))
  expect(documents).toEqual(expect.arrayContaining(['README.md', join('docs', 'README.md')]))
  const dead = documents.flatMap((file) => {
    const text = readFileSync(join(installed, file), 'utf8')
    const targets = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target]) => target!)
    const local = targets.filter((target) => !/^[a-z]+:/.test(target))
    return local.filter((target) => !existsSync(join(installed, dirname(file), target))).map((to) => `${file}: ${to}`)
  })
  expect(dead).toEqual([])
})

const hasGlibc = platform.endsWith('-gnu')
const versions = (text: string) =>
  [...text.matchAll(/glibc(?: |_)(\d+)\.(\d+)/gi)].map(([, major, minor]) => +major! * 1000 + +minor!)

;(hasGlibc ? describe : describe.skip)('the version of glibc that the binary needs', () => {
  const binary = `wasm-relink.${platform}.node`

  test('is the one that is documented', () => {
    const needed = Math.max(...versions(readFileSync(join(root, binary), 'latin1')))
    const manifest = JSON.parse(readFileSync(join(root, 'npm', platform, 'package.json'), 'utf8'))
    for (const text of [readFileSync(join(root, 'README.md'), 'utf8'), manifest.description]) {
      expect(versions(text).length).toBeGreaterThan(0)
      expect(versions(text).every((each) => each >= needed)).toBe(true)
    }
  })

  test('is told where it is not there', () => {
    const old = join(folder, 'old')
    cpSync(app, old, { recursive: true })
    const path = join(old, 'node_modules', `wasm-relink-${platform}`, binary)
    // Imitates a build for a later version: the dynamic linker compares the names.
    const newer = Buffer.from(readFileSync(path, 'latin1').replaceAll('GLIBC_2.34', 'GLIBC_2.99'), 'latin1')
    writeFileSync(path, newer)
    const script = `
      try { require('wasm-relink') } catch ({ code, message, glibc, cause }) {
        console.log(JSON.stringify({ code, message, glibc, cause: cause instanceof Error }))
      }`
    expect(JSON.parse(output(process.execPath, ['-e', script], old))).toEqual({
      code: 'ERR_RELINK_PLATFORM',
      message: expect.stringMatching(/needs glibc 2\.99 or later, and this machine has \d+\.\d+: /),
      glibc: '2.99',
      cause: true,
    })
    writeFileSync(path, Buffer.alloc(1000))
    const broken = JSON.parse(output(process.execPath, ['-e', script], old))
    expect(broken).toMatchObject({
      code: 'ERR_RELINK_PLATFORM',
      message: expect.stringContaining(`${binary}: invalid ELF header; install the package wasm-relink-`),
    })
  })
})

/** The blocks of code in README.md with a file name: \`\`\`js file=demo.mjs */
function examples(): { file: string; code: string }[] {
  const readme = readFileSync(join(app, 'node_modules', 'wasm-relink', 'README.md'), 'utf8')
  return [...readme.matchAll(/^```\w+ file=(\S+)\n([^]*?)^```$/gm)].map(([, file, code]) => ({
    file: file ?? '',
    code: code ?? '',
  }))
}

test('the README’s examples run, with what is in the package', () => {
  // A separate folder with nothing but the packages.
  const clean = join(folder, 'readme')
  cpSync(join(app, 'node_modules'), join(clean, 'node_modules'), { recursive: true })
  const [script, typed] = examples()
  writeFileSync(join(clean, script!.file), script!.code)
  const printed = output(process.execPath, [script!.file], clean)
  // The expected output in the example: console.log(…) // 10
  const expected = [...script!.code.matchAll(/console\.log\(.*\).*\/\/ (.*)$/gm)].map(([, text]) => text)
  expect(expected.length).toBeGreaterThan(0)
  expect(printed.trimEnd().split('\n')).toEqual(expected)

  const options = { target: 'es2022', module: 'nodenext', strict: true, types: [] }
  writeFileSync(join(clean, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: [typed!.file] }))
  writeFileSync(join(clean, typed!.file), typed!.code)
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  expect(output(process.execPath, [tsc, '-p', '.'], clean)).toBe('')
  expect(output(process.execPath, [typed!.file.replace('.mts', '.mjs')], clean)).toBe('')
})
