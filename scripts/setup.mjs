// Prepares a clone for `npm start` and `npm test`: npm packages, the addon, the guests. It only makes what is missing, and
// prints what it does. It uses Node alone, since it runs before there are any packages.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { platformName } from '../lib/node/platform.js'
import { placeBinary } from './platforms.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const at = (...path) => join(root, ...path)

/** All files of a folder, or the file itself, in the same order on every machine. */
function filesOf(path) {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .toSorted()
    .flatMap((name) => filesOf(join(path, name)))
}

/** A hash of the inputs of a step. */
function fingerprint(sources) {
  const hash = createHash('sha256')
  for (const file of sources.flatMap((source) => filesOf(at(source)))) {
    hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0')
  }
  return hash.digest('hex')
}

/** Runs a step if its result is missing, or was made from other inputs. */
function step(number, name, { sources, stamp, result, work }) {
  const wanted = fingerprint(sources)
  const stampFile = at(stamp)
  if (existsSync(at(result)) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) {
    console.log(`[${number}/3] ${name}: up to date`)
    return
  }
  console.log(`[${number}/3] ${name}: making it …`)
  const start = performance.now()
  work()
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, wanted)
  console.log(`[${number}/3] ${name}: done in ${((performance.now() - start) / 1000).toFixed(1)} s`)
}

/** Runs a command and shows its output. Ends the set-up if it fails. */
function run(command, args, options = {}) {
  const { status, error, signal } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (status !== 0) fail(`\`${[command, ...args].join(' ')}\` failed: ${error?.message ?? signal ?? `exit ${status}`}`)
}

/** Runs npm: the one that started this script, if any. */
function npm(...args) {
  const path = process.env.npm_execpath
  if (path?.endsWith('.js')) run(process.execPath, [path, ...args])
  else run('npm', args, { shell: process.platform === 'win32' })
}

function fail(message) {
  console.error(`\nThe set-up stopped: ${message}`)
  process.exit(1)
}

step(1, 'npm packages', {
  sources: ['package-lock.json'],
  stamp: 'node_modules/.wasm-relink-stamp',
  result: 'node_modules',
  work: () => npm('ci', '--no-audit', '--no-fund'),
})

const binary = `wasm-relink.${platformName()}.node`
step(2, `addon (${binary})`, {
  sources: ['Cargo.toml', 'Cargo.lock', 'build.rs', 'src', 'stubs/libwild/src'],
  stamp: 'target/.wasm-relink-stamp',
  result: binary,
  work() {
    if (spawnSync('cargo', ['--version']).status !== 0) {
      fail('cargo, which builds the addon from Rust, is not installed: install it from https://rustup.rs')
    }
    console.log('      the first build compiles wasmer, which takes some minutes')
    npm('run', '--silent', 'build')
  },
})

// The folder from which `npm pack` takes the binary. Needed if napi ran without npm.
placeBinary()

console.log('[3/3] guests')
const { buildGuests } = await import('./guests.mjs')
await buildGuests()
