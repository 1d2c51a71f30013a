// The binary of this platform, in the folder of its package under npm/: `npm run build` calls this when it is done.
import { copyFileSync, existsSync, readFileSync, renameSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { platformName, platforms } from '../lib/node/platform.js'

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

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) placeBinary()
