// Puts the WebAssembly modules of the tests and examples into fixtures/target/modules: built from their Rust sources, or the
// committed builds of fixtures/wasm if this machine cannot build them.
//
//   node scripts/guests.mjs [--force] [--install] [--update]
//
// --force builds even if nothing has changed; --install may install Debian's packages (CI uses it);
// --update replaces the committed builds with the new ones.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { BUILDS } from '../fixtures/builds.mjs'
import { TARGET, findToolchain, hasTarget, installed, list } from '../fixtures/toolchain.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '')
const SOURCES = ['guest', 'fixtures', 'examples/plugins', 'scripts/guests.mjs']
const COMMITTED = join(ROOT, 'fixtures/wasm')
// The sources and the toolchain of the committed builds.
const MANIFEST = join(COMMITTED, 'manifest.json')
const TARGET_DIR = join(ROOT, 'fixtures/target')
// Not the folder of the committed builds: another toolchain would modify them.
const OUTPUT = join(TARGET_DIR, 'modules')
// The outcome of the last run on this machine.
const STAMP = join(TARGET_DIR, '.stamp')

/**
 * Brings fixtures/target/modules up to date.
 *
 * @param {{ force?: boolean, install?: boolean, update?: boolean }} [options]
 * @returns {Promise<{ built: boolean, how: string }>} whether anything was built, and which builds are used
 * @throws if a module does not build although there is a toolchain
 */
export async function buildGuests({ force = false, install = Boolean(process.env.CI), update = false } = {}) {
  const sources = hashOfSources()
  const stamp = readJson(STAMP)
  if (
    !force &&
    !update &&
    stamp?.sources === sources &&
    stamp.toolchain === installed()?.id &&
    stamp.outputs === outputs()
  ) {
    return report(false, stamp.how)
  }
  const { toolchain, missing } = findToolchain(install)
  const reason = missing ?? fetchCrates(toolchain)
  const how =
    reason === undefined ? `built from source with ${toolchain.label}` : `the committed builds serve, because ${reason}`
  if (reason === undefined) {
    buildAll(toolchain)
    if (update) {
      copyAll(OUTPUT, COMMITTED)
      write(MANIFEST, JSON.stringify({ sources, toolchain: toolchain.label }, null, 2) + '\n')
    }
  } else if (BUILDS.some(({ output }) => !existsSync(join(COMMITTED, output)))) {
    throw new Error(`fixtures/wasm lacks builds, and none can be made, because ${reason}`)
  } else {
    copyAll(COMMITTED, OUTPUT)
  }
  if (readJson(MANIFEST)?.sources !== sources) {
    console.warn('guests: the committed builds are of other sources; --update brings them up to date')
  }
  // If crates could not be fetched, the next run tries again; without a toolchain, a run tries again when there is one.
  if (reason === missing) {
    mkdirSync(TARGET_DIR, { recursive: true })
    writeFileSync(STAMP, JSON.stringify({ sources, toolchain: installed()?.id, outputs: outputs(), how }))
  }
  return report(reason === undefined, how)
}

function report(built, how) {
  console.log(`guests: ${how}`)
  return { built, how }
}

/** Fetches what the builds need. Returns the reason if it cannot, otherwise undefined. */
function fetchCrates(toolchain) {
  for (const workspace of new Set(BUILDS.map((build) => build.workspace))) {
    const fetched = cargo(toolchain, workspace, ['fetch', '--locked', ...toolchain.options])
    if (fetched.status !== 0) return `cargo could not fetch the crates of ${workspace}`
  }
  return undefined
}

function buildAll(toolchain) {
  for (const [index, { workspace, name, output, flags, target = TARGET }] of BUILDS.entries()) {
    console.error(`guests: ${output} (${index + 1} of ${BUILDS.length})`)
    if (target !== TARGET && !hasTarget(toolchain, target)) {
      console.error(`guests: ${output}: the committed build serves, because there is no target ${target}`)
      write(join(OUTPUT, output), readFileSync(join(COMMITTED, output)))
      continue
    }
    // One profile for all builds, and the differences as options of the last rustc, where the last `-C` wins: so the standard
    // library and the dependencies are built only once.
    const options = ['--locked', '--release', '--package', name, '--target', target, ...toolchain.options]
    const { status } = cargo(toolchain, workspace, ['rustc', ...options, '--', ...flags])
    if (status !== 0) throw new Error(`${output} does not build`)
    write(join(OUTPUT, output), readFileSync(join(TARGET_DIR, target, 'release', `${name}.wasm`)))
  }
}

function copyAll(from, to) {
  for (const { output } of BUILDS) write(join(to, output), readFileSync(join(from, output)))
}

function cargo(toolchain, workspace, args) {
  const env = { ...process.env, ...toolchain.env, CARGO_TARGET_DIR: TARGET_DIR }
  delete env.RUSTFLAGS // the encoded form takes precedence, and has all flags
  env.CARGO_ENCODED_RUSTFLAGS = remap(toolchain).join('\x1f')
  return spawnSync(toolchain.cargo, args, { cwd: join(ROOT, workspace), env, stdio: ['ignore', 2, 2] })
}

/** Remaps the paths of sources, which panic messages contain, to be the same on every machine. */
function remap(toolchain) {
  const home = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
  const registries = join(home, 'registry/src')
  return [
    [home, '/cargo'],
    ...list(registries).map((registry) => [join(registries, registry), '/crates']),
    [ROOT, '/wasm-relink'],
    ...(toolchain.library ? [[toolchain.library, '/rust']] : []),
  ].map(([from, to]) => `--remap-path-prefix=${from}=${to}`)
}

/** Writes a file only if its content differs, so that an equal build leaves it unchanged. */
function write(path, contents) {
  mkdirSync(join(path, '..'), { recursive: true })
  if (!existsSync(path) || !readFileSync(path).equals(Buffer.from(contents))) writeFileSync(path, contents)
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined // missing, or only partly written
  }
}

function hashOfSources() {
  const files = SOURCES.flatMap((source) => filesUnder(join(ROOT, source))).sort()
  const hash = createHash('sha256')
  for (const file of files) {
    // Git may have changed the line ends.
    const text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n')
    hash.update(`${relative(ROOT, file).replaceAll('\\', '/')}\0${text}\0`)
  }
  return hash.digest('hex')
}

/** The files that a build reads, without its outputs and the tests of the guest crates. */
function filesUnder(path) {
  if (!statSync(path).isDirectory()) return /\.(rs|toml|mjs|wit)$|\bCargo\.lock$/.test(path) ? [path] : []
  if (['target', 'wasm', 'tests'].includes(basename(path))) return []
  return list(path).flatMap((name) => filesUnder(join(path, name)))
}

function outputs() {
  const hash = createHash('sha256')
  for (const name of list(OUTPUT)) hash.update(`${name}\0`).update(readFileSync(join(OUTPUT, name)))
  return hash.digest('hex')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const flags = process.argv.slice(2)
  const unknown = flags.find((flag) => !['--force', '--install', '--update'].includes(flag))
  try {
    if (unknown) throw new Error(`unknown option ${unknown}: node scripts/guests.mjs [--force] [--install] [--update]`)
    const given = (flag) => flags.includes(flag)
    await buildGuests({
      force: given('--force'),
      update: given('--update'),
      ...(given('--install') && { install: true }),
    })
  } catch (error) {
    console.error(`guests: ${error.message}`)
    process.exitCode = 1
  }
}
