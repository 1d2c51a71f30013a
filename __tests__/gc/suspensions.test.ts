// Random histories of suspended calls, each in a process of its own: `node --expose-gc fuzz/suspensions.mjs` runs millions of steps.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promising, Suspending } from '../..'
import { collectGarbage, collectNow, InstanceMaker } from '../support/collecting'
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

const KEEPER = `(module
  (import "env" "wait" (func $wait))
  (table $values (export "values") 4 externref)
  (func (export "run") (call $wait)))`

test('calls that nobody waits for cost no values of other instances', async () => {
  const maker = await InstanceMaker.of(KEEPER)
  type Exports = { values: { get(index: number): unknown; set(index: number, value: unknown): void }; run: () => void }
  const set = ({ values: table }: Exports) => {
    const values = [0, 1, 2, 3].map((number) => ({ number }))
    values.forEach((value, index) => table.set(index, value))
    return () => expect(values.map((_, index) => table.get(index))).toEqual(values)
  }
  const make = () => {
    const wait = new Suspending(() => new Promise(() => {}))
    return maker.make(KEEPER, { env: { wait } }).exports as unknown as Exports
  }
  const kept = [make(), make()]
  for (let round = 0; round < 4; round++) {
    const suspend = () => {
      const exports = make()
      set(exports)
      void promising(exports.run)()
    }
    suspend()
    // The sweep gives each instance the values that only it holds.
    expect(maker.store.collect()).not.toBeNull()
    const checks = kept.map(set)
    await collectGarbage()
    // V8 has freed the suspended call, and has not told the store.
    collectNow()
    expect(maker.store.collect()).not.toBeNull()
    for (const check of checks) check()
  }
})
