// The command `watch`: what it prints after each change of a plugin's file, or of a manifest.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, wat } from '../support'

const program = join(root, require('../../package.json').bin['wasm-relink'])

const plugin = (body: string) => wat(`(module ${body})`)
const f = (number: number) => `(func (export "f") (result i32) (i32.const ${number}))`

/** Runs the command in a folder of its own, and `steps`, which get a function that waits for text that it prints. */
async function watching(
  file: string,
  steps: (folder: string, says: (expected: string) => Promise<string>) => Promise<void>,
) {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-relink-watch-'))
  const child = spawn(process.execPath, [program, 'watch', file], {
    cwd: folder,
    env: { ...process.env, WASM_RELINK_CACHE: join(folder, 'cache') },
  })
  const exited = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)))
  try {
    let output = ''
    let wake = () => {}
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => ((output += data), wake()))
    await steps(folder, async (expected) => {
      while (!output.includes(expected)) await new Promise<void>((resolve) => (wake = resolve))
      const [said] = [output]
      output = ''
      return said
    })
  } finally {
    child.kill()
    expect(await exited).toBe('SIGTERM')
    rmSync(folder, { recursive: true })
  }
}

test('watch prints what would be relinked, and runs on after a broken file', async () => {
  await watching('plugin.wasm', async (folder, says) => {
    const path = join(folder, 'plugin.wasm')
    await says('plugin.wasm: no such file or directory (ENOENT)\n')
    writeFileSync(path, await plugin(`${f(1)} (func (export "g"))`))
    await says('plugin.wasm: 2 slots; waiting for changes\n')
    writeFileSync(path, await plugin(`${f(2)} (func (export "g"))`))
    await says('plugin.wasm: would relink 2 slots\n  f  () -> i32\n  g  ()\n')
    writeFileSync(path, 'no module')
    await says('(ERR_RELINK_INVALID_WASM)\n')
    writeFileSync(path, await plugin(`(import "env" "now" (func (result i64))) ${f(3)}`))
    const said = await says('plugin.wasm: needs further imports\n  env.now\n')
    expect(said).toContain('plugin.wasm: would relink 1 slot\n  f  () -> i32\n')
    expect(said).toContain('plugin.wasm: would leave 1 slot as before\n  g  the new instance neither declares')
    writeFileSync(path, await plugin('(func (export "h"))'))
    await says('plugin.wasm: would be refused, since no slot has a function of its name and type\n  f  ')
    // It would not run, so the version before it is the same as what runs.
    writeFileSync(path, await plugin(`(import "env" "now" (func (result i64))) ${f(3)}`))
    await says('plugin.wasm: the same bytes, so nothing would change\n')
  })
})

test('watch prints what a manifest would change, and each mistake', async () => {
  await watching('release.json', async (folder, says) => {
    const write = (value: unknown) => writeFileSync(join(folder, 'release.json'), JSON.stringify(value))
    const moduleOf = async (name: string, text: string) => {
      const bytes = await plugin(text)
      writeFileSync(join(folder, name), bytes)
      return { file: name, sha256: createHash('sha256').update(bytes).digest('hex') }
    }
    const main = await moduleOf('main.wasm', `(import "env" "now" (func (result i64))) ${f(1)}`)
    const next = await moduleOf('next.wasm', f(2))
    const links = [{ module: 'main', slot: 'f', from: 'next', function: 'f' }]
    await says('release.json: no such file or directory (ENOENT)\n')
    write({ version: 1, modules: { main } })
    await says('release.json: 1 module, 0 links; waiting for changes\n')
    write({ version: 1, modules: { main, next }, links })
    await says('release.json: would load 1 module\n  next\nrelease.json: would link 1 slot\n  main: f  next: f\n')
    write({ version: 1, modules: { main, next }, links: [{ ...links[0], slot: 'g' }], lnks: [] })
    await says('release.json: $.lnks: ')
    write({ version: 1, modules: { main, next }, links: [{ ...links[0], slot: 'g' }] })
    await says('release.json: $.links[0].slot: no slot is called "g"')
    write({ version: 1, modules: { main }, links: [] })
    const said = await says(
      'release.json: would no longer name 1 module\n  next\nrelease.json: would end 1 link\n  f\n',
    )
    expect(said).not.toContain('would load')
    await moduleOf('main.wasm', f(3))
    await says('release.json: $.modules.main.sha256: ')
  })
})
