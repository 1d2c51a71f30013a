// The examples that no other suite runs: they end well, and print what their descriptions say.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support'

/** The output of a program. */
function printed(program: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, program)], { encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, ''])
  return stdout
}

/** Of each program: the suite that runs it, or what it prints; undefined for a part of another program. */
const PROGRAMS: Record<string, RegExp | string | undefined> = {
  'audit-log.mjs':
    /^\S+Z relink by anna: commit \d+ \(summer sale\), pricing::discount: \S+ → ten_percent_off\n.* relink by ben: commit \d+ \(no tax\), pricing::tax: .*\n\S+Z undo by ben: commit \d+, pricing::tax\n\S+Z rollback by unknown: to commit 0, undone: \d+\n$/,
  'component.mjs': 'compat/component.test.ts',
  'hot-patch.mjs': 'compat/packages.test.ts',
  'http-filter.mts': 'typed/http-filter.test.ts',
  'journal.mjs':
    /^\d{10} good morning, Ada\n\d{10} good morning, Grace\n2 lines\ncan write: false\n\d{8} good morning, Ada\n\d{8} good morning, Grace\n$/,
  'load-generator.mjs': undefined,
  'modules.mjs': undefined,
  'opentelemetry.mjs': /^reported a commit and its undo\n$/,
  'orders.mjs': undefined,
  'seed.mjs': undefined,
  'server.mjs': undefined,
  'start.mjs': /is 50 [^]*errors 0,/,
  'wasm-bindgen.mjs': 'compat/register-slots.test.ts',
}

test('every example is run', () => {
  const files = readdirSync(join(root, 'examples')).filter((name) => /\.m[jt]s$/.test(name))
  expect(files.toSorted()).toEqual(Object.keys(PROGRAMS).toSorted())
})

const own = Object.entries(PROGRAMS).filter(([, output]) => output instanceof RegExp) as [string, RegExp][]

test.each(own)('examples/%s', (name, output) => {
  expect(printed(`examples/${name}`)).toMatch(output)
})

test('OpenTelemetry gets a span and a count for each commit, traps, and the duration of each load', () => {
  const lines = printed('__tests__/support/programs/opentelemetry.mjs').trim().split('\n')
  const load = ['wasm_relink.load', 'number', null]
  const commit = (kind: string) => [
    ['span', `wasm-relink ${kind}`, 'sale', 'anna', ['pricing::discount']],
    ['end', `wasm-relink ${kind}`],
    ['wasm_relink.commits', 'number', kind],
  ]
  const code = 'ERR_RELINK_TRAP'
  const trap = [
    ['thrown', code],
    ['exception', 'request', code],
    ['wasm_relink.traps', 'number', null],
  ]
  const expected = [load, load, ...commit('relink'), ...commit('undo'), ...trap]
  expect(lines.map((line) => JSON.parse(line))).toEqual(expected)
})
