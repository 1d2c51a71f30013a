// The command line, in a process of its own: its output, its files and its exit codes.
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect, rewrite } from '../..'
import { guest, guestPath, root, wat, withSection } from '../support'

const program = join(root, require('../../package.json').bin['wasm-relink'])
const plugin = guestPath('ordinary.v0')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** The path of a file in the test's folder. */
function file(name: string, content?: Uint8Array | string): string {
  const path = join(folder, name)
  if (content !== undefined) writeFileSync(path, content)
  return path
}

function start(parameters: string[], input: Uint8Array | string = ''): SpawnSyncReturns<Buffer> {
  return spawnSync(process.execPath, [program, ...parameters], { input, maxBuffer: 1 << 26 })
}

/** Runs the command line and returns its output, as text. */
function run(...parameters: string[]) {
  const { status, stdout, stderr } = start(parameters)
  return { status, stdout: stdout.toString(), stderr: stderr.toString() }
}

/** The output of a run that must succeed. */
function output(...parameters: string[]): string {
  const { status, stdout, stderr } = run(...parameters)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

/** The rows below a heading, split into columns. */
function rows(text: string, title: string): string[][] {
  const [, part] = text.split(new RegExp(`^${title} \\(.*\\)$`, 'm'))
  const lines = part!.split('\n\n')[0]!.split('\n').slice(1)
  return lines.map((line) => line.trim().split(/ {2,}/))
}

describe('inspect', () => {
  test('prints sizes, sections, imports, exports, tables and memories', () => {
    const text = output('inspect', plugin)
    const { size, rewrittenSize } = inspect(guest('ordinary.v0'))
    const number = (value: number) => value.toLocaleString('en')
    expect(text.split('\n')[0]).toBe(
      `${plugin}: ${number(size)} bytes, ${number(rewrittenSize)} after the load-time pass`,
    )
    expect(rows(text, 'Sections').map(([, name]) => name)).toContain('custom "producers"')
    expect(rows(text, 'Imports')).toEqual([['function', '(i32) -> i64', 'env.price']])
    expect(rows(text, 'Exports')).toContainEqual(['function', '(i64, i32) -> i64', 'total'])
    expect(rows(text, 'Tables')).toEqual([['funcref 12..12']])
    expect(rows(text, 'Memories')).toEqual([['17..', 'exported as memory']])
  })

  test('lists the slots with their signatures and their other names', () => {
    const slots = rows(output('inspect', plugin), 'Slots')
    expect(slots).toContainEqual(['func[7]', 'entry 2', 'function', '(i32) -> i32', 'ordinary::ways::scale'])
    expect(slots.slice(0, 2)).toEqual([
      ['func[0]', 'import', '(i32) -> i64', 'env.price'],
      ['also ordinary::host::price'],
    ])
  })

  test('lists declared slots first, and those of the standard library only on request', () => {
    const kinds = (...options: string[]) => rows(output('inspect', guestPath('scalars'), ...options), 'Slots').flat()
    const few = kinds().filter((cell) => ['declared', 'import', 'function'].includes(cell))
    expect(few.indexOf('function')).toBe(few.lastIndexOf('declared') + 1)
    const library = join(root, 'fixtures/bindgen/pkg/bindgen_bg.wasm')
    const short = output('inspect', library)
    expect(short).toMatch(/^Slots of Rust's standard library, .*: \d+\. --all shows them$/m)
    expect(short).not.toContain('alloc::string::String as ')
    for (const options of [['--all'], ['--slots', 'all']]) {
      expect(output('inspect', library, ...options)).toMatch(/alloc\S*::string::String as /)
    }
    // Traits of the standard library for its own types and for numbers, not for those of the author.
    expect(output('inspect', guestPath('shop'))).not.toContain('<&str as core::any::Any>')
    expect(output('inspect', guestPath('shop'), '--all')).toContain('<&str as core::any::Any>')
    expect(output('inspect', guestPath('ordinary.v0'))).toContain('<ordinary::ways::scale as core::ops::function::Fn')
  })

  test('lists declared slots with their Rust types', () => {
    const slots = rows(output('inspect', guestPath('pricing')), 'Slots')
    expect(slots).toContainEqual(['func[0]', 'declared', '(i64, i32) -> i64', 'pricing::discount'])
    expect(slots).toContainEqual(['Rust (cents: u64, quantity: u32) -> u64'])
  })

  test('lists the functions that cannot be linked, with the reason', () => {
    const text = output('inspect', plugin, '--slots', 'round_up')
    expect(rows(text, 'No slots: not-found')).toEqual([['round_up'], [expect.stringContaining('inlined')]])
    expect(rows(text, 'No slots: identity')[1]).toEqual([expect.stringContaining('its calls were removed')])
    expect(rows(text, 'Slots')).toContainEqual([expect.stringContaining('{ merged: true }')])
    expect(text).toMatch(/^Not selected: \d+ functions\./m)
  })

  test.each([
    ['a name', ['discount']],
    ['a glob', ['ordinary::pricing::*']],
    ['a RegExp', ['/pricing::DISC/i']],
    ['several', ['/nothing/', 'discount']],
    ['all', ['all']],
  ])('selects by %s', (_, patterns) => {
    const parameters = patterns.flatMap((pattern) => ['--slots', pattern])
    expect(rows(output('inspect', plugin), 'Slots').flat()).not.toContain('ordinary::pricing::discount')
    expect(rows(output('inspect', plugin, ...parameters), 'Slots').flat()).toContain('ordinary::pricing::discount')
  })

  test('selects none', () => {
    expect(output('inspect', plugin, '--slots', 'none')).not.toContain('Slots (')
  })

  test('lists the functions that are compiled in a changed form', async () => {
    const merge = '(if (local.get 0) (then (local.set 0 (i32.const 1))))'
    const module = await wat(`(module (func) (func (param i32) ${merge.repeat(2000)}))`)
    expect(output('inspect', file('merges.wasm', module))).toMatch(/Locals cut for cranelift, .*: func\[1\]\n/)
    expect(output('inspect', plugin)).not.toContain('Locals cut')
  })

  test('prints the report of inspect() as JSON', () => {
    const json = output('inspect', plugin, '--json', '--slots', 'round_up', '--slots', '/tax$/')
    const report = inspect(guest('ordinary.v0'), { slots: ['round_up', /tax$/] })
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(report)))
  })

  test('reads standard input', () => {
    const { status, stdout } = start(['inspect', '-'], guest('ordinary.v0'))
    expect(status).toBe(0)
    expect(stdout.toString()).toMatch(/^standard input: /)
  })

  test('an empty module has no empty parts', async () => {
    expect(output('inspect', file('empty.wasm', await wat('(module)')))).toMatch(
      /^.*empty\.wasm: [^\n]*\nFunctions: 0 defined, 0 imported; 0 with a name\n(\nSections [^]*)?$/,
    )
  })

  test('names cannot move the cursor', async () => {
    const bytes = withSection(await wat('(module (func (export "\\1b[2J\\e2\\80\\ae\\0a")))'), 'section\u009b', '')
    const path = file('lies.wasm', bytes)
    const unseen = /(?!\n)[\p{Cc}\p{Cf}]/u
    expect(output('inspect', path)).toContain('\\u{1b}[2J\\u{202e}\\u{a}')
    expect(output('inspect', path)).not.toMatch(unseen)
    expect(output('inspect', path, '--json')).not.toMatch(unseen)
    expect(JSON.parse(output('inspect', path, '--json')).exports[0].name).toBe('\u001b[2J\u202e\n')
  })

  test('is silent when the reader closes the pipe', async () => {
    // Larger than a pipe's buffer.
    const bytes = await wat(`(module ${Array.from({ length: 5000 }, (_, i) => `(func (export "${i}"))`).join('')})`)
    const child = spawn(process.execPath, [program, 'inspect', file('large.wasm', bytes), '--json'])
    const errors: Buffer[] = []
    child.stderr.on('data', (data) => errors.push(data))
    child.stdout.once('data', () => child.stdout.destroy())
    const status = await new Promise((resolve) => child.on('close', resolve))
    expect({ status, errors: Buffer.concat(errors).toString() }).toEqual({ status: 0, errors: '' })
  })
})

describe('rewrite', () => {
  test('writes the output of rewrite()', () => {
    const path = file('out.wasm')
    expect(output('rewrite', plugin, '-o', path)).toBe('')
    expect(readFileSync(path)).toEqual(Buffer.from(rewrite(guest('ordinary.v0'))))
    expect(WebAssembly.validate(readFileSync(path))).toBe(true)
  })

  test('takes a selection', () => {
    const path = file('out.wasm')
    output('rewrite', plugin, '--output', path, '--slots', 'all')
    expect(readFileSync(path)).toEqual(Buffer.from(rewrite(guest('ordinary.v0'), { slots: 'all' })))
  })

  test('from standard input to standard output', () => {
    const { status, stdout, stderr } = start(['rewrite', '-', '-o', '-'], guest('pricing'))
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toEqual(Buffer.from(rewrite(guest('pricing'))))
  })

  test('warns of names that no function has, and writes the module', () => {
    const path = file('out.wasm')
    const { status, stderr } = run('rewrite', plugin, '-o', path, '--slots', 'round_up', '--slots', 'discount')
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: `wasm-relink: ${plugin}: no function fits "round_up" of --slots\n`,
    })
    expect(readFileSync(path)).toEqual(Buffer.from(rewrite(guest('ordinary.v0'), { slots: ['discount'] })))
  })

  test('may write over its own input, and keeps the mode of a file and a link to it', () => {
    const path = file('plugin.wasm', guest('pricing'))
    chmodSync(path, 0o640)
    symlinkSync(path, file('link.wasm'))
    output('rewrite', path, '-o', file('link.wasm'))
    expect(readFileSync(path)).toEqual(Buffer.from(rewrite(guest('pricing'))))
    expect(statSync(path).mode & 0o777).toBe(0o640)
    expect(readdirSync(folder).sort()).toEqual(['link.wasm', 'plugin.wasm'])
  })

  test('a refused module leaves the file unchanged', () => {
    const path = file('out.wasm', 'as it was')
    const { status, stderr } = run('rewrite', file('bad.wasm', guest('pricing').subarray(0, 500)), '-o', path)
    expect(status).toBe(1)
    expect(stderr).toMatch(/^wasm-relink: .*bad\.wasm: .*\(at offset 0x[0-9a-f]+\) \(ERR_RELINK_INVALID_WASM\)\n$/)
    expect(readFileSync(path, 'utf8')).toBe('as it was')
    expect(readdirSync(folder).sort()).toEqual(['bad.wasm', 'out.wasm'])
  })
})

describe('errors', () => {
  test.each([
    ['no command', [], 'Usage: wasm-relink'],
    ['an unknown command', ['foo'], "unknown command 'foo'"],
    ['no file', ['inspect'], "missing required argument 'FILE'"],
    ['two files', ['inspect', 'a', 'b'], 'too many arguments'],
    ['an unknown option', ['inspect', 'a', '--foo'], "unknown option '--foo'"],
    ['nowhere to write', ['rewrite', 'a'], "required option '-o, --output <OUT>' not specified"],
    ['an option without its value', ['inspect', 'a', '--slots'], "option '--slots <PATTERN>' argument missing"],
    ['an option in place of a pattern', ['inspect', 'a', '--slots', '--json'], 'Expected a name or a pattern.'],
    ['an empty pattern', ['inspect', 'a', '--slots', ''], 'Expected a name or a pattern.'],
    [
      'a pattern beside all',
      ['inspect', 'a', '--slots', 'all', '--slots', 'x'],
      '`all` and `none` cannot be combined with other values.',
    ],
    [
      'none beside a pattern',
      ['inspect', 'a', '--slots', 'x', '--slots', 'none'],
      '`all` and `none` cannot be combined with other values.',
    ],
    ['a word in another case', ['inspect', 'a', '--slots', 'All'], 'The words are `all` and `none`.'],
    ['a list in one', ['inspect', 'a', '--slots', 'a,b'], 'Give `--slots` once for each pattern.'],
    ['half a RegExp', ['inspect', 'a', '--slots', '/x'], 'A RegExp is written /…/ or /…/flags.'],
    ['a bad RegExp', ['inspect', 'a', '--slots', '/(/'], 'Invalid regular expression'],
    ['flags that are none', ['inspect', 'a', '--slots', '/x/q'], 'Invalid flags'],
  ])('%s prints help and ends with 2', (_, parameters, words) => {
    const { status, stdout, stderr } = run(...parameters)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(words)
    expect(stderr).toContain('Usage: wasm-relink')
  })

  test.each([
    ['a file that is not there', () => ['inspect', 'none.wasm'], 'none.wasm: no such file or directory (ENOENT)'],
    ['a folder', () => ['inspect', folder], 'illegal operation on a directory (EISDIR)'],
    ['what is no module', () => ['inspect', file('a.wasm', 'text')], '(ERR_RELINK_INVALID_WASM)'],
    ['an empty file', () => ['inspect', file('a.wasm', '')], '(ERR_RELINK_INVALID_WASM)'],
    [
      'nowhere to write',
      () => ['rewrite', plugin, '-o', file('no/out.wasm')],
      'no/out.wasm: no such file or directory',
    ],
  ])('%s prints one line with a code, and ends with 1', (_, parameters, words) => {
    const { status, stdout, stderr } = run(...parameters())
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toMatch(/^wasm-relink: .*\n$/)
    expect(stderr).toContain(words)
  })

  test.each([
    ['a full disk', '/dev/full', 'no space left on device (ENOSPC)'],
    ['a device', '/dev/null', ''],
  ])('%s is written to directly', (_, device, words) => {
    // Only if the system has this device.
    const { status, stderr } = existsSync(device)
      ? run('rewrite', plugin, '-o', device)
      : { status: words ? 1 : 0, stderr: words }
    expect(status).toBe(words ? 1 : 0)
    expect(stderr).toContain(words)
  })
})

test.each([[['--help']], [['inspect', '--help']], [['help', 'rewrite']]])('%p prints help', (parameters) => {
  expect(output(...parameters)).toContain('Usage: wasm-relink')
})

test('--version prints that of the package', () => {
  expect(output('--version')).toBe(`${require('../../package.json').version}\n`)
})
