// How much memory the pass takes: run as a process of its own, it prints the bytes that the process grew by at its
// peak.
//
//   node bench/peak.mjs FILE [all]
import { readFileSync } from 'node:fs'
import { rewrite } from 'wasm-relink'
import { modulePath } from '../examples/modules.mjs'

const [file, slots] = process.argv.slice(2)
const pass = (bytes) => rewrite(bytes, slots ? { slots } : {})

// So that the code itself is in memory.
for (const name of ['pricing', 'plugin', 'scalars']) pass(readFileSync(modulePath(name)))
peak()
const bytes = readFileSync(file)
const before = process.memoryUsage.rss()
pass(bytes)
console.log(Math.max(0, peak() - before))

/** The most memory that the process has had. */
function peak() {
  // Linux hands a new process the peak of its parent as `maxRSS`; the kernel's own figure begins anew.
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : ''
  const [, high] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? []
  return 1024 * (high === undefined ? process.resourceUsage().maxRSS : Number(high))
}
