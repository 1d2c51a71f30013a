// Modules of npm packages that are built from Rust: ordinary release builds, whose authors know nothing of slots.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('modules/', import.meta.url))
const path = (file) => `${folder}node_modules/${file}`

const FILES = {
  '@dprint/json': 'plugin.wasm',
  '@prisma/prisma-schema-wasm': 'src/prisma_schema_build_bg.wasm',
  '@swc/wasm': 'wasm_bg.wasm',
}

/** The modules, from small to big; the first time, npm fetches the packages that `bench/modules/package.json` names. */
export function modules() {
  const files = Object.entries(FILES).map(([name, file]) => ({ name, file: path(`${name}/${file}`) }))
  if (!files.every(({ file }) => existsSync(file))) install()
  return files.map(({ name, file }) => ({ name, file, bytes: readFileSync(file) }))
}

function install() {
  console.error('bench: fetching the packages of bench/modules/package.json …')
  // No script of theirs is needed: they are read, not run.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  const npm = process.env.npm_execpath
  const { status } = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], { cwd: folder, stdio: ['ignore', 2, 2] })
    : spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (status !== 0) throw new Error('npm could not fetch the packages of bench/modules/package.json')
}
