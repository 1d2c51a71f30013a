// Copies the binary of this platform to the folder of its package under npm/, at the end of `npm run build`.
import { copyFileSync, existsSync, readFileSync, renameSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { platformName, platforms } from '../lib/node/platform.js'

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** Replaces the binary in the folder of this platform's package, if there is such a folder. */
export function placeBinary() {
  const platform = platformName()
  if (!platforms.includes(platform)) return
  const binary = `wasm-relink.${platform}.node`
  const [built, packed] = [at(binary), at(`npm/${platform}/${binary}`)]
  if (existsSync(packed) && readFileSync(packed).equals(readFileSync(built))) return
  // Atomically: a process that runs the old binary keeps it.
  copyFileSync(built, `${packed}.new`)
  renameSync(`${packed}.new`, packed)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) placeBinary()
