// Puts the main package, as users get it, into target/package: the files that `npm pack` takes from the repository, and a
// manifest with the platform packages as optional dependencies. The repository's own manifest does not name these packages,
// since `npm ci` would look for versions that are not published yet.
//
//   node scripts/stage.mjs && npm publish target/package
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { platforms } from '../lib/node/platform.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const staged = join(root, 'target', 'package')

/** The files that `npm pack` would take, relative to the root. */
function packedFiles() {
  const windows = process.platform === 'win32'
  const list = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: windows,
  })
  return JSON.parse(list)[0].files.map(({ path }) => path)
}

/** The fields of the manifest that only the repository needs. */
const OWN = new Set(['private', 'scripts', 'devDependencies', 'napi'])

/** The published manifest. */
function manifest() {
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const published = Object.fromEntries(Object.entries(own).filter(([field]) => !OWN.has(field)))
  const optionalDependencies = Object.fromEntries(platforms.map((platform) => [`${own.name}-${platform}`, own.version]))
  return `${JSON.stringify({ ...published, optionalDependencies }, null, 2)}\n`
}

rmSync(staged, { recursive: true, force: true })
for (const file of packedFiles()) {
  const target = join(staged, file)
  mkdirSync(dirname(target), { recursive: true })
  cpSync(join(root, file), target)
}
writeFileSync(join(staged, 'package.json'), manifest())
