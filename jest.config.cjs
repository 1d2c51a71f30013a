'use strict'

const { join } = require('node:path')

// The tests have a disk cache of their own, which is warm from the second run on. Tests of the cache use others.
process.env.WASM_RELINK_CACHE = join(__dirname, 'target', 'test-cache')

/** @type {import('jest').Config} */
module.exports = {
  // Without target/ and the package folders under npm/.
  roots: ['<rootDir>/__tests__'],
  testMatch: ['**/*.test.ts'],
  transform: { '\\.ts$': '@swc/jest' },
  // Enough to compile guests on a small, busy machine.
  testTimeout: 60_000,
}
