// Tests that the documents have the figures of the last run.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documents } from './readme.mjs'

for (const { name, current, made } of documents()) {
  test(`the figures of ${name} are those of bench/results/latest.json`, () => {
    assert.equal(current, made, 'node bench/readme.mjs writes them')
  })
}
