// The platform packages as optional dependencies, in the package that users get and nowhere else: in the
// repository `npm ci` would look for versions that are not published yet, and fail.
//
//   node scripts/platforms.mjs add      before `npm pack` and `npm publish`
//   node scripts/platforms.mjs remove   after
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { platforms } from '../lib/platform.js'

const file = fileURLToPath(new URL('../package.json', import.meta.url))
const [action] = process.argv.slice(2)
const manifest = JSON.parse(readFileSync(file, 'utf8'))

if (action === 'add') {
  manifest.optionalDependencies = Object.fromEntries(
    platforms.map((platform) => [`${manifest.name}-${platform}`, manifest.version]),
  )
} else if (action === 'remove') {
  delete manifest.optionalDependencies
} else {
  throw new Error(`expected add or remove, got ${action}`)
}

// In one stroke: others may read the file at this moment.
writeFileSync(`${file}.new`, `${JSON.stringify(manifest, null, 2)}\n`)
renameSync(`${file}.new`, file)
