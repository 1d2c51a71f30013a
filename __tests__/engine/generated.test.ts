// Generated modules: without links, all engines agree on them, original and rewritten.
import { join } from 'node:path'
import { type ModuleOutcome, compareFiles } from '../support/batches'
import { buildGenerator, generate } from '../support/generator'
import { root } from '../support'

const COUNT = 300

/** A compiler's messages for features that it lacks. Any other refusal is a finding. */
const lacks = [
  /^not valid there$/,
  /imported functions with more than one result on the compiler singlepass/,
  /(singlepass does not support|neither cranelift nor singlepass supports) it: (SIMD|exceptions|exception refs)/i,
  /the engine does not support (tables of |element segments of |)exceptions \(exnref\)/,
]

const outcomes: ModuleOutcome[] = []

beforeAll(buildGenerator, 300_000)

beforeAll(async () => {
  // The files stay: a failure names the path of its module.
  const files = generate(join(root, 'fuzz', 'target', 'modules'), 0, COUNT)
  await compareFiles(files, (outcome) => outcomes.push(outcome))
}, 300_000)

test('each behaves the same, original and rewritten, on V8 and on wasmer', () => {
  const failures = outcomes.filter(({ failure }) => failure !== undefined)
  expect(failures.map(({ path, failure }) => `${path}\n${failure}`).join('\n\n')).toBe('')
  expect(outcomes).toHaveLength(COUNT)
})

test('most of them run everywhere, and some of their calls return', () => {
  const ran = (engine: string) => outcomes.filter(({ verdict }) => verdict?.ran.includes(engine)).length
  // V8's proposals depend on the version of Node.
  expect(ran('v8, all')).toBeGreaterThan(COUNT * 0.75)
  expect(ran('cranelift, all')).toBeGreaterThan(COUNT * 0.75)
  expect(ran('singlepass, all')).toBeGreaterThan(COUNT * 0.5)
  const returned = outcomes.reduce((sum, { verdict }) => sum + (verdict?.returned ?? 0), 0)
  expect(returned).toBeGreaterThan(COUNT * 5)
})

test('a compiler refuses known features only', () => {
  const reasons = outcomes.flatMap(({ verdict }) => Object.values(verdict?.refused ?? {}))
  expect(reasons.filter((reason) => !lacks.some((words) => words.test(reason)))).toEqual([])
})
