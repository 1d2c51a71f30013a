// The modules of `bench/kernels`, built with the usual options.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TARGET, findToolchain } from '../fixtures/toolchain.mjs'

/** Builds them. Returns a function that reads the bytes of one, or the reason why they cannot be built. */
export function kernelModules() {
  const { toolchain, missing } = findToolchain(false)
  if (missing) return { missing }
  const crate = fileURLToPath(new URL('kernels', import.meta.url))
  const target = join(crate, 'target')
  const env = { ...process.env, ...toolchain.env, CARGO_TARGET_DIR: target }
  delete env.RUSTFLAGS
  delete env.CARGO_ENCODED_RUSTFLAGS
  const args = ['build', '--locked', '--release', '--target', TARGET, ...toolchain.options]
  const { status } = spawnSync(toolchain.cargo, args, { cwd: crate, env, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('bench/kernels does not build')
  return { read: (name) => readFileSync(join(target, TARGET, 'release', `${name}.wasm`)) }
}
