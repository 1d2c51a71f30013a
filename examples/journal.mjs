// A plugin for WASI: it prints, reads a file of a folder that it is given, and the time. Then one of its functions is relinked.
//
//   npm run setup && node examples/journal.mjs
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { link, load } from 'wasm-relink'
import { modulePath } from './modules.mjs'

const folder = mkdtempSync(join(tmpdir(), 'journal-'))
writeFileSync(join(folder, 'names.txt'), 'Ada\nGrace\n')

// The plugin gets one variable, one folder that it cannot change, and this stdout: nothing else of the host.
const journal = await load(
  modulePath('journal'),
  {},
  {
    wasi: {
      env: { GREETING: 'good morning' },
      preopens: { '/data': { path: folder, readOnly: true } },
      stdout: (chunk) => process.stdout.write(chunk),
    },
  },
)

try {
  console.log(`${journal.exports.greet()} lines`)
  console.log(`can write: ${journal.exports.can_write() !== 0}`)

  // The declared function, replaced while the plugin runs: lines begin with minutes.
  link((seconds) => seconds / 60n, journal.slot('stamp'))
  journal.exports.greet()
} finally {
  journal.close()
  rmSync(folder, { recursive: true })
}
