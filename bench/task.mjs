// Runs work in a process of its own.
import { spawnSync } from 'node:child_process'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Runs a script of this folder, and returns the JSON that it prints. */
export function task(script, args = [], { flags = [], env = {} } = {}) {
  const file = fileURLToPath(new URL(script, import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [...flags, file, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${script} failed: ${args.map((arg) => basename(arg)).join(' ')}`)
  return JSON.parse(stdout)
}
