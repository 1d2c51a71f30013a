// The command `watch`: what it prints after each change of a file.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, wat } from '../support'

const program = join(root, require('../../package.json').bin['wasm-relink'])

const plugin = (body: string) => wat(`(module ${body})`)
const f = (number: number) => `(func (export "f") (result i32) (i32.const ${number}))`

test('watch prints what would be relinked, and runs on after a broken file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-relink-watch-'))
  const path = join(folder, 'plugin.wasm')
  const child = spawn(process.execPath, [program, 'watch', 'plugin.wasm'], {
    cwd: folder,
    env: { ...process.env, WASM_RELINK_CACHE: join(folder, 'cache') },
  })
  const exited = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)))
  try {
    let output = ''
    let wake = () => {}
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => ((output += data), wake()))
    const says = async (expected: string) => {
      while (!output.includes(expected)) await new Promise<void>((resolve) => (wake = resolve))
      const [said] = [output]
      output = ''
      return said
    }
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
  } finally {
    child.kill()
    expect(await exited).toBe('SIGTERM')
    rmSync(folder, { recursive: true })
  }
})
