// Random histories of suspended calls, each in a process of its own: `node --expose-gc fuzz/suspensions.mjs` runs millions of steps.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../support'

test.each([1, 2, 3])('history %i', (seed) => {
  const program = join(root, 'fuzz', 'suspensions.mjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', program, '20000', String(seed)], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  const counts = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, number>
  expect(counts.returned).toBeGreaterThan(1000)
  for (const kind of ['thrown', 'ERR_RELINK_TRAP', 'ERR_RELINK_CLOSED']) expect(counts[kind]).toBeGreaterThan(0)
})
