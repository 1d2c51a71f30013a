// Waits of WASI end with deadlines, interrupters and their thread, in a process of its own, which is killed if it does not end.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../support'
import { Guest, inFolder } from '../support/wasi-guest'

const available = process.platform === 'linux' && process.arch === 'x64'
const where = available ? describe : describe.skip

test('poll_oneoff waits as long as it should', () =>
  inFolder(() => {
    const guest = Guest.of()
    const begin = performance.now()
    expect(guest.sleep(35)).toBe(0)
    expect(performance.now() - begin).toBeGreaterThanOrEqual(34)
    expect(guest.result()).toBe(1)
  }))

where('a wait for ever', () => {
  test('ends with a deadline, an interrupt and its worker, and the instance is usable afterwards', async () => {
    const program = join(root, '__tests__', 'support', 'wasi-waiting.cjs')
    // Its stdin is a pipe on which nothing ever comes.
    const options = { timeout: 30_000, killSignal: 'SIGKILL' } as const
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], options)
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual([
      'sleeping: ERR_RELINK_TIMEOUT: 0',
      'reading: ERR_RELINK_TIMEOUT: 0',
      'yielding: ERR_RELINK_TIMEOUT: 0',
      'interrupted: ERR_RELINK_INTERRUPTED: 0',
      'suspended: ended with 0, ERR_RELINK_TIMEOUT, ended with 0: ended with 0',
      'suspended and interrupted: ERR_RELINK_INTERRUPTED',
      'afterwards: ended with 0',
      'from JavaScript: 27',
      'terminated: 1',
    ])
  }, 60_000)
})
