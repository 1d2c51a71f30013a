// The cost of N-API itself: functions of the addon that only convert values. Users' addon does not have them, so this builds
// another one, with the cargo feature `bench`.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { platformName } from '../lib/node/platform.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join('target', 'bench')

/** Builds the addon of the baseline if its sources have changed, and returns it. */
export function napiBaseline() {
  const napi = ['napi', 'build', '--platform', '--release', '--output-dir', folder]
  const command = ['scripts/remapped.mjs', 'npx', '--no-install', ...napi, '--', '--locked', '--features', 'bench']
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error('the addon with the N-API baseline could not be built')
  return createRequire(import.meta.url)(join(root, folder, `wasm-relink.${platformName()}.node`))
}
