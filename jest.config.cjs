'use strict'

/** @type {import('jest').Config} */
module.exports = {
  // Never crawl target/, nor the package folders under npm/.
  roots: ['<rootDir>/__tests__'],
  testMatch: ['**/*.test.ts'],
  transform: { '\\.ts$': '@swc/jest' },
  // Compiling guests on a small machine, with every core at work.
  testTimeout: 60_000,
}
