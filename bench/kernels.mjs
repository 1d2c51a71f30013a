// What slots cost code that does work: kernels of real crates, on both engines.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as relink from 'wasm-relink'
import { TARGET, findToolchain } from '../fixtures/toolchain.mjs'
import { inRounds, middle, ratio } from './rounds.mjs'
import { change, table, time, times } from './table.mjs'

/** How often a kernel does its work in one measured call: some milliseconds. */
const KERNELS = { sha256: 32, blake3: 80, regex: 8, json: 16, deflate: 4 }
const ROUNDS = 40

/** The kernels without slots, with those that a module has by default, and with all; and on V8. */
export function kernels() {
  const { bytes, missing } = build()
  if (missing) return `The kernels are left out, because ${missing}\n`
  const compile = (options) => new relink.Instance(new relink.Module(bytes, options)).exports
  const variants = {
    none: compile({ slots: 'none' }),
    default: compile({}),
    all: compile({ slots: 'all' }),
    v8: new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports,
  }
  const rows = []
  for (const [kernel, count] of Object.entries(KERNELS)) {
    console.error(`bench: kernel ${kernel}`)
    const runs = Object.entries(variants).map(([name, exports]) => [name, () => exports[kernel](count)])
    const sums = new Set(runs.map(([, run]) => run()))
    if (sums.size !== 1) throw new Error(`${kernel} gives other results on another engine`)
    const works = Object.fromEntries(runs)
    inRounds(works, { rounds: 5 }) // V8 compiles again what is used much
    const measured = inRounds(works, { rounds: ROUNDS })
    rows.push([
      kernel,
      time(middle(measured.none)),
      change(ratio(measured, 'default', 'none')),
      change(ratio(measured, 'all', 'none')),
      time(middle(measured.v8)),
      times(ratio(measured, 'none', 'v8')),
      times(ratio(measured, 'all', 'v8')),
    ])
  }
  const columns = ['kernel', "`slots: 'none'`", 'default', "`slots: 'all'`", 'V8', "'none' / V8", "'all' / V8"]
  return table("Kernels; slots against `slots: 'none'`", columns, rows)
}

/** Builds the crate as anyone would; or says why it cannot. */
function build() {
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
  return { bytes: readFileSync(join(target, TARGET, 'release/kernels.wasm')) }
}
