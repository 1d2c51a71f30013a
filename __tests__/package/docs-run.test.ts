// The programs of some pages run as they stand.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support'

const pages = ['relinking', 'manifest'].map((name) => readFileSync(join(root, `docs/${name}.md`), 'utf8'))
const page = pages.join('\n')
const programs = [...page.matchAll(/^```js file=(\S+)\n([^]*?)^```$/gm)].map(
  ([, name, text]) => [name!, text!] as const,
)

test.each(programs)('%s runs, and prints what it says', (name, text) => {
  // Inside the package, so that the package finds itself by its name.
  const folder = mkdtempSync(join(root, 'target/docs-run-'))
  try {
    writeFileSync(join(folder, name), text)
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, name)], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
    const said = [...text.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)].map(([, output]) => output)
    for (const output of said) expect(stdout).toContain(output)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the pages have programs', () => expect(programs.length).toBeGreaterThan(2))
