// The committed choice of WebAssembly/wasi-testsuite, on both compilers, by default and without slots.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../support'

test('every module of the choice passes', () => {
  const script = join(root, 'scripts', 'wasi-testsuite.mjs')
  const choice = join(root, 'fixtures', 'wasi-testsuite')
  const { stdout, status } = spawnSync(process.execPath, [script, choice], { encoding: 'utf8' })
  const lines = ['cranelift', 'singlepass'].flatMap((compiler) => [
    `${compiler}, slots by default: 25 of 25 passed`,
    `${compiler}, slots none: 25 of 25 passed`,
  ])
  expect({ stdout, status }).toEqual({ stdout: `${lines.join('\n')}\n`, status: 0 })
}, 120_000)
