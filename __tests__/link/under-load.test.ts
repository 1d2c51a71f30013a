// A server whose plugin is relinked 200 times, ten slots each, while 64 connections send requests.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../support'

test('no request fails, and no answer mixes versions or is older than its request', () => {
  const program = `
    import { load } from ${JSON.stringify(join(root, 'bench/under-load.mjs'))}
    console.log(JSON.stringify(await load({ commits: 200, requests: 8, swap: true })))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    cwd: root,
  })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toMatchObject({ requests: 1600, commits: 200, failed: 0, mixed: 0, old: 0 })
})
