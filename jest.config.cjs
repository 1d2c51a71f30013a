'use strict'

const { join } = require('node:path')

// The tests have a cache of their own, which is warm from the second run on; tests of the cache itself have others.
process.env.WASM_RELINK_CACHE = join(__dirname, 'target', 'test-cache')

/** @type {import('jest').Config} */
module.exports = {
  // Never crawl target/, nor the package folders under npm/.
  roots: ['<rootDir>/__tests__'],
  testMatch: ['**/*.test.ts'],
  transform: { '\\.ts$': '@swc/jest' },
  // Compiling guests on a small machine, with every core at work.
  testTimeout: 60_000,
}
