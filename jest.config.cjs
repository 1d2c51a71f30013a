'use strict'

const { join } = require('node:path')

// The disk cache of the tests, which is warm from the second run on. Tests of the cache use other folders.
process.env.WASM_RELINK_CACHE = join(__dirname, 'target', 'test-cache')

/** @type {import('jest').Config} */
module.exports = {
  // jest must not crawl target/ or the package folders under npm/.
  roots: ['<rootDir>/__tests__'],
  testMatch: ['**/*.test.ts'],
  transform: { '\\.ts$': '@swc/jest' },
  // Enough for a compile of the guests on a small, busy machine.
  testTimeout: 60_000,
}
