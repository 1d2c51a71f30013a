// Compares many modules in batches. Each batch has a process of its own: then a crash is a finding too, and its module is
// known.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Verdict } from './differential'
import { root } from '.'

/** Number of modules in one process: traps become slower with each module that the process has run. */
const AT_ONCE = 25

/** Time limit for one module, in seconds; most take some tenths of a second. */
const MOST_SECONDS = 120

/** The outcome of one module. */
export interface ModuleOutcome {
  path: string
  /** Undefined if the process ended before */
  verdict?: Verdict
  /** Why the module failed, as text */
  failure?: string
}

/** Compares the modules in these files, and returns the outcome of each. */
export async function compareFiles(paths: readonly string[], each: (outcome: ModuleOutcome) => void): Promise<void> {
  const batches: string[][] = []
  for (let first = 0; first < paths.length; first += AT_ONCE) batches.push(paths.slice(first, first + AT_ONCE))
  const lane = async () => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) await compareBatch(batch, each)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, lane))
}

/** Compares a batch; if a module ends the process, the modules after it get a new one. */
async function compareBatch(paths: readonly string[], each: (outcome: ModuleOutcome) => void) {
  for (let rest = paths; rest.length > 0;) {
    const { done, failure } = await compareInOne(rest, each)
    if (done < rest.length) each({ path: rest[done]!, failure })
    rest = rest.slice(done + 1)
  }
}

function compareInOne(paths: readonly string[], each: (outcome: ModuleOutcome) => void) {
  return new Promise<{ done: number; failure: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'fuzz', 'compare.cjs'), ...paths])
    let [done, errors, late] = [0, '', false]
    const stop = () => {
      late = true
      child.kill('SIGKILL')
    }
    let watch = setTimeout(stop, MOST_SECONDS * 1000)
    createInterface(child.stdout).on('line', (line) => {
      clearTimeout(watch)
      watch = setTimeout(stop, MOST_SECONDS * 1000)
      const { path, verdict } = JSON.parse(line) as ModuleOutcome
      if (verdict === undefined) return
      done++
      each({ path, verdict, ...(verdict.differences.length > 0 && { failure: verdict.differences.join('\n') }) })
    })
    child.stderr.on('data', (text) => (errors += text))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(watch)
      const how = late ? `no end within ${MOST_SECONDS} s` : `the process ended with ${signal ?? code}`
      resolve({ done, failure: `${how}\n${errors}` })
    })
  })
}
