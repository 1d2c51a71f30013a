// Do the README's tables say what the last run has measured?
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readme } from './readme.mjs'

test('the tables of the README are those of bench/results/latest.json', () => {
  const { current, made } = readme()
  assert.equal(current, made, 'node bench/readme.mjs writes them')
})
