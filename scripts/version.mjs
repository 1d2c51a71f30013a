// The common version of the main package and of the platform packages.
//
//   node scripts/version.mjs set 1.2.3     writes it to every manifest
//   node scripts/version.mjs check 1.2.3   fails if a manifest has another one
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { platforms } from '../lib/node/platform.js'

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const manifests = ['package.json', ...platforms.map((platform) => `npm/${platform}/package.json`)]
const [action, version] = process.argv.slice(2)

function fail(message) {
  console.error(message)
  process.exit(1)
}

if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version ?? '')) fail(`expected a version such as 1.2.3, got ${version}`)
if (action === 'set') {
  // Replaces text, so that nothing else in a file changes. package-lock.json repeats the first version.
  for (const file of [...manifests, 'package-lock.json']) {
    const { version: old } = JSON.parse(readFileSync(at(file), 'utf8'))
    const times = file === 'package-lock.json' ? 2 : 1
    let text = readFileSync(at(file), 'utf8')
    let from = 0
    for (let time = 0; time < times; time++) {
      const line = `"version": "${old}"`
      const start = text.indexOf(line, from)
      text = `${text.slice(0, start)}"version": "${version}"${text.slice(start + line.length)}`
      from = start + 1
    }
    writeFileSync(at(file), text)
  }
} else if (action === 'check') {
  for (const file of manifests) {
    const { version: found } = JSON.parse(readFileSync(at(file), 'utf8'))
    if (found !== version) fail(`${file} has the version ${found}, expected ${version}`)
  }
} else fail(`expected set or check, got ${action}`)
