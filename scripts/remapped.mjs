// Runs a command that calls cargo so that the build contains no paths of this machine:
// `node scripts/remapped.mjs cargo test --release`. The addon's build, its tests and clippy all use this script, since
// cargo compiles every dependency again if the flags change.
import { spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const crates = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'registry', 'src')

const flags = [
  [crates, 'crates'],
  [root, 'wasm-relink'],
].map(([from, to]) => `--remap-path-prefix=${from}=${to}`)

// RUSTFLAGS, not CARGO_ENCODED_RUSTFLAGS: @napi-rs/cli adds its own flags to it. Cargo splits it at spaces, so a path with a
// space is not remapped.
const env = {
  ...process.env,
  RUSTFLAGS: [process.env.RUSTFLAGS, ...flags.filter((flag) => !flag.includes(' '))].filter(Boolean).join(' '),
}
const [command, ...parameters] = process.argv.slice(2)
const { status, error } = spawnSync(command, parameters, { stdio: 'inherit', env, shell: process.platform === 'win32' })
if (error) console.error(`${command}: ${error.message}`)
process.exitCode = status ?? 1
