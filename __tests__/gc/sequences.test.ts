// Random sequences of operations on a store, checked against a model. fuzz/sequences.mjs runs millions of them.
import * as relink from '../..'
import { collectNow } from '../support/collecting'
import { wat } from '../support'

const { run, texts } = require('../../fuzz/sequences.cjs') as {
  run: (options: object) => Promise<{ most: number; freed: number }>
  texts: Record<string, string>
}

test.each([1, 2, 3, 4, 5])('history %i', async (seed) => {
  const modules: Record<string, relink.Module> = {}
  for (const [name, text] of Object.entries(texts))
    modules[name] = new relink.Module(await wat(text, { exceptions: true }))
  const { freed } = await run({ relink, modules, gc: collectNow, seed, steps: 1000 })
  expect(freed).toBeGreaterThan(20)
})
