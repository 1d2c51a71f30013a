// Tests packed packages as a user has them: `node scripts/try-packages.mjs FOLDER` installs the main package and this
// platform's, from the tarballs in FOLDER, into a project of its own, and relinks a function there.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { platformName } from '../lib/node/platform.js'

const folder = resolve(process.argv[2] ?? '.')
const platform = platformName()
const tarballs = readdirSync(folder).filter((name) =>
  new RegExp(String.raw`^wasm-relink-(${platform}-)?\d.*\.tgz$`).test(name),
)
if (tarballs.length !== 2) throw new Error(`expected two tarballs for ${platform} in ${folder}, got ${tarballs.join()}`)

const program = `
import { strict as assert } from 'node:assert'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { link, load, Store } from 'wasm-relink'

const { resolve } = createRequire(import.meta.url)
const file = join(dirname(resolve('wasm-relink/package.json')), 'fixtures', 'wasm', 'seed.O3.wasm')
for (const compiler of ['cranelift', 'singlepass']) {
  const [a, b] = await Promise.all([1, 2].map(() => load(file, { env: { host_hook() {} } }, { compiler })))
  assert.equal(b.exports.watch_me(), 10)
  const change = link(a.exports.return_50, b.slots['seed::replace_me'])
  assert.equal(b.exports.watch_me(), 50)
  change.undo()
  assert.equal(b.exports.watch_me(), 10)
}
Store.default.close()
console.log('relinked on ${platform}, Node ' + process.version)
`

const project = mkdtempSync(join(tmpdir(), 'wasm-relink-try-'))
try {
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  writeFileSync(join(project, 'program.mjs'), program)
  const steps = [
    ['npm', ['install', '--no-audit', '--no-fund', ...tarballs.map((name) => join(folder, name))]],
    [process.execPath, ['program.mjs']],
  ]
  for (const [command, parameters] of steps) {
    const shell = command === 'npm' && process.platform === 'win32'
    const { status } = spawnSync(command, parameters, { cwd: project, stdio: 'inherit', shell })
    if (status !== 0) throw new Error(`${command} ${parameters.join(' ')} ended with ${status}`)
  }
} finally {
  rmSync(project, { recursive: true, force: true })
}
