// The example of a filter of HTTP requests, whose second version is taken while the server runs.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { transformSync } from '@swc/core'
import { root } from '../support'

const example = readFileSync(join(root, 'examples/http-filter.mts'), 'utf8')
const rust = (name: string) => readFileSync(join(root, `examples/plugins/${name}/src/lib.rs`), 'utf8')

test('a second version is taken while the server runs', () => {
  // Below the package, so that `wasm-relink` is this one.
  mkdirSync(join(root, 'target'), { recursive: true })
  const folder = mkdtempSync(join(root, 'target/http-filter-'))
  try {
    const { code } = transformSync(example, {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'es6' },
    })
    writeFileSync(
      join(folder, 'http-filter.mjs'),
      code.replace('../fixtures', pathToFileURL(join(root, 'fixtures')).href),
    )
    writeFileSync(
      join(folder, 'main.mjs'),
      `import { server, upgrade } from './http-filter.mjs'
      import { once } from 'node:events'
      server.listen(0)
      await once(server, 'listening')
      const send = async (path, headers = {}) => {
        const response = await fetch('http://127.0.0.1:' + server.address().port + path, { method: 'POST', body: 'Card 4711', headers })
        return [response.status, await response.text()]
      }
      const known = { authorization: 'me' }
      const answers = [await send('/a'), await send('/a', known)]
      const change = await upgrade()
      answers.push(await send('/a'), await send('/admin', known))
      change.undo()
      answers.push(await send('/a'))
      console.log(JSON.stringify(answers))
      server.close()`,
    )
    const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'main.mjs')], { encoding: 'utf8' })
    expect(stderr).toBe('')
    const stranger = [401, 'Who sends /a?']
    expect(JSON.parse(stdout)).toEqual([stranger, [200, 'Card 4711'], [200, 'Card ****'], [403, 'Closed'], stranger])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('it is short, and has no pointer', () => {
  const lines = (text: string) => text.trimEnd().split('\n').length
  expect(lines(rust('http_filter'))).toBeLessThanOrEqual(40)
  expect(lines(rust('http_filter_v2'))).toBeLessThanOrEqual(40)
  expect(lines(example)).toBeLessThanOrEqual(30)
  for (const text of [rust('http_filter'), rust('http_filter_v2'), example]) {
    expect(text).not.toMatch(/\*const|\*mut|unsafe|extern|memory\.buffer|DataView/)
  }
})
