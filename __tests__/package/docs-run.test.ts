// The programs of these pages run as they stand.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support'

const programs = ['relinking', 'watching', 'manifest'].flatMap((page) => {
  const text = readFileSync(join(root, `docs/${page}.md`), 'utf8')
  return [...text.matchAll(/^```js file=(\S+)\n([^]*?)^```$/gm)].map(([, name, program]) => [name!, program!] as const)
})

test.each(programs)('%s runs, and prints what it says', (name, text) => {
  // Inside the package, so that the package finds itself by its name.
  const folder = mkdtempSync(join(root, 'target/docs-run-'))
  try {
    writeFileSync(join(folder, name), text)
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, name)], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
    const said = [...text.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)].map(([, output]) => output)
    for (const output of said) expect(stdout).toContain(output)
    // Other lines say what they print: // prints: a line, or its beginning …
    const prints = [...text.matchAll(/\/\/ prints: (.+?)( …)?$/gm)].map(([, output]) => output!)
    const printed = stdout.split('\n')
    expect(prints.map((output) => printed.filter((line) => line.startsWith(output)).length)).toEqual(
      prints.map(() => 1),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the pages have programs', () => expect(programs.length).toBeGreaterThan(3))
