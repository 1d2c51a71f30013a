// The platform packages: their binaries in the folders under npm/, and their names as optional dependencies.
// Those are in the package that users get and nowhere else: in the repository `npm ci` would look for versions that
// are not published yet, and fail.
//
//   node scripts/platforms.mjs binary   after `npm run build`: copies this platform's
//   node scripts/platforms.mjs add      before `npm pack` and `npm publish`
//   node scripts/platforms.mjs remove   after
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { platformName, platforms } from '../lib/platform.js'

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** Makes the binary in the folder of this platform's package the one that was built, if there is such a folder. */
export function placeBinary() {
  const platform = platformName()
  if (!platforms.includes(platform)) return
  const binary = `wasm-relink.${platform}.node`
  const [built, packed] = [at(binary), at(`npm/${platform}/${binary}`)]
  if (existsSync(packed) && readFileSync(packed).equals(readFileSync(built))) return
  // In one stroke: a process that runs the old one keeps it.
  copyFileSync(built, `${packed}.new`)
  renameSync(`${packed}.new`, packed)
}

function writeManifest(action) {
  const file = at('package.json')
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  if (action === 'add') {
    manifest.optionalDependencies = Object.fromEntries(
      platforms.map((platform) => [`${manifest.name}-${platform}`, manifest.version]),
    )
  } else {
    delete manifest.optionalDependencies
  }
  // In one stroke: others may read the file at this moment.
  writeFileSync(`${file}.new`, `${JSON.stringify(manifest, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [action] = process.argv.slice(2)
  if (action === 'binary') placeBinary()
  else if (action === 'add' || action === 'remove') writeManifest(action)
  else throw new Error(`expected binary, add or remove, got ${action}`)
}
