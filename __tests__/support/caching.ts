// A disk cache for each test, and processes that use it: in one process, a second load would find the code in memory.
import { type SpawnOptions, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { root } from '.'

/** The folder of this test. The cache's folder is `cache` in it, which does not exist yet. */
export let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-cache-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

export const directory = () => join(folder, 'cache')

/** The subfolder that the cache makes there. */
export const modules = () => join(directory(), 'wasm-relink-modules')

/** The files of the cache with this extension. */
export function files(ending = '.code'): string[] {
  if (!existsSync(modules())) return []
  const all = readdirSync(modules()).filter((name) => name.endsWith(ending))
  return all.toSorted().map((name) => join(modules(), name))
}

/** A time long ago, in seconds since 1970. A file with this time was not used since `age`. */
export const LONG_AGO = 1e9

/** Sets the time of all entries to `LONG_AGO`. */
export function age() {
  for (const file of files()) utimesSync(file, LONG_AGO, LONG_AGO)
}

/** Runs a program with `relink` and `file`, and returns its result. Undefined variables are not set. */
export async function inProcess(
  program: string,
  file: string,
  env: Record<string, string | undefined> = {},
  options: SpawnOptions = {},
): Promise<any> {
  const source = `const relink = require(${JSON.stringify(root)}); const file = ${JSON.stringify(file)}
    void (async () => {${program}})().then((value) => console.log(JSON.stringify(value ?? null)))`
  const child = spawn(process.execPath, ['-e', source], {
    env: { ...process.env, WASM_RELINK_CACHE: directory(), ...env },
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal })))
  const [printed, complaints, how] = await Promise.all([text(child.stdout!), text(child.stderr!), ended])
  if (complaints !== '' || printed === '') throw new Error(`${JSON.stringify(how)} ${complaints}`)
  return JSON.parse(printed)
}
