// Living with other users of signals: each in a process of its own, which is killed if it does not end.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../support'

const PROGRAM = join(root, '__tests__', 'support', 'signals.cjs')

let copy: string
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'wasm-relink-copy-'))
  const addons = readdirSync(root).filter((name) => name.endsWith('.node'))
  for (const name of ['index.js', 'lib', 'native.cjs', 'package.json', ...addons]) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
})
afterAll(() => rmSync(copy, { recursive: true, force: true }))

const OURS = 'ERR_RELINK_TIMEOUT 20 7 ERR_RELINK_TRAP unreachable ERR_RELINK_TRAP memory-out-of-bounds'
const THEIRS = 'unreachable memory access out of bounds'

function run(parameters: string[], flags: string[] = []) {
  const how = { encoding: 'utf8', timeout: 50_000 } as const
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, PROGRAM, ...parameters], how)
  return { status, signal, stderr, lines: stdout.trim().split('\n') }
}

const fine = (lines: string[]) => ({ status: 0, signal: null, stderr: '', lines })

;(process.platform === 'linux' && process.arch === 'x64' ? describe : describe.skip)('deadlines and traps', () => {
  const round = [OURS, THEIRS]

  test("go with those of V8's own WebAssembly", () => {
    expect(run(['plain', root])).toEqual(fine([...round, ...round]))
  })

  test.each([
    ['first', true],
    ['last', false],
  ])('go with another copy of the package that is loaded %s', (_, isFirst) => {
    const both = isFirst ? [copy, root] : [root, copy]
    expect(run(['plain', ...both])).toEqual(fine([OURS, ...round, OURS, ...round]))
  })

  test('go with a handler of the program', () => {
    expect(run(['SIGUSR2', root])).toEqual(fine([...round, 'SIGUSR2', ...round]))
  })

  test.each(['main', 'worker'])(
    'go with a library that handles faults, loaded before or after, in the %s thread',
    (thread) => {
      const library = join(copy, 'fault-handler.node')
      const source = join(root, '__tests__', 'support', 'fault-handler.c')
      const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-o', library, source], { encoding: 'utf8' })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      for (const when of ['first', 'last']) {
        expect(run([`${thread === 'main' ? '' : 'worker-'}library-${when}:${library}`, root])).toEqual(
          fine([...round, ...round]),
        )
      }
    },
  )

  test('go with a profiler, which samples by SIGPROF', () => {
    const profiled = Array.from({ length: 5 }, () => round).flat()
    expect(run(['profile', root])).toEqual(fine([...round, ...profiled, 'profile true', ...round]))
  })
})
