// Packages that only the bench needs: ordinary release builds from Rust, without any declared slots, and Extism's SDK. The
// first run fetches the packages in `bench/modules/package.json` with npm.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('modules/', import.meta.url))
const path = (file) => `${folder}node_modules/${file}`

const FILES = {
  '@dprint/json': 'plugin.wasm',
  '@prisma/prisma-schema-wasm': 'src/prisma_schema_build_bg.wasm',
  '@swc/wasm': 'wasm_bg.wasm',
}
const EXTISM = '@extism/extism'
/** The packages whose JavaScript is measured too. */
const RUN = ['@automerge/automerge', 'loro-crdt', 'tiny-secp256k1', 'ywasm']

/** The modules, the smallest first. */
export function modules() {
  install()
  return Object.entries(FILES).map(([name, file]) => {
    const bytes = readFileSync(path(`${name}/${file}`))
    return { name, file: path(`${name}/${file}`), bytes }
  })
}

/** Extism's SDK for JavaScript. */
export const extism = () => fromBenchModules(EXTISM)

/** The exports of a package of `bench/modules/package.json`. */
export function fromBenchModules(name) {
  install()
  return createRequire(folder)(name)
}

/** The version of Extism's SDK. */
export const extismVersion = () =>
  JSON.parse(readFileSync(new URL('modules/package.json', import.meta.url), 'utf8')).dependencies[EXTISM]

/** Fetches the packages, unless they are there. */
export function install() {
  const files = [
    ...Object.entries(FILES).map(([name, file]) => `${name}/${file}`),
    ...[EXTISM, ...RUN].map((name) => `${name}/package.json`),
  ]
  if (files.every((file) => existsSync(path(file)))) return
  console.error('bench: fetching the packages of bench/modules/package.json …')
  // The packages are only read, so their scripts need not run.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  const npm = process.env.npm_execpath
  const { status } = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], { cwd: folder, stdio: ['ignore', 2, 2] })
    : spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (status !== 0) throw new Error('npm could not fetch the packages of bench/modules/package.json')
}
