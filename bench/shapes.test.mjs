// Tests that each shape is a valid module that grows with its count.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SHAPES } from './shape-modules.mjs'
import { task } from './task.mjs'

for (const [shape, [, make]] of Object.entries(SHAPES)) {
  test(shape, () => {
    assert.ok(WebAssembly.validate(make(200)))
    assert.ok(make(2000).length > 1.5 * make(1000).length)
  })
}

test('each engine compiles every count', () => {
  for (const engine of ['V8', 'Cranelift', 'Singlepass']) {
    const times = task('shapes-task.mjs', [JSON.stringify({ engine, shape: 'calls', counts: [10, 20] })])
    assert.equal(times.length, 2)
    assert.ok(times.every((time) => time > 0))
  }
})
