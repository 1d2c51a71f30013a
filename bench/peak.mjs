// The peak memory of the pass: prints the bytes by which this process has grown at its peak.
//
//   node bench/peak.mjs FILE [all]
import { readFileSync } from 'node:fs'
import { rewrite } from 'wasm-relink'
import { modulePath } from '../examples/modules.mjs'

const [file, slots] = process.argv.slice(2)
const pass = (bytes) => rewrite(bytes, slots ? { slots } : {})

// Loads the code into memory first.
for (const name of ['pricing', 'plugin', 'scalars']) pass(readFileSync(modulePath(name)))
peak()
const bytes = readFileSync(file)
const before = process.memoryUsage.rss()
pass(bytes)
console.log(Math.max(0, peak() - before))

/** The peak memory of the process. */
function peak() {
  // On Linux, `maxRSS` of a new process starts at its parent's peak; the kernel's own figure does not.
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : ''
  const [, high] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? []
  return 1024 * (high === undefined ? process.resourceUsage().maxRSS : Number(high))
}
