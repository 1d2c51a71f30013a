'use strict'

// Loads modules of the tests, which are TypeScript.

const { readFileSync } = require('node:fs')
const { transformSync } = require('@swc/core')

function compile(module, filename) {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    sourceMaps: 'inline',
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  })
  module._compile(code, filename)
}

/** A module of `__tests__/support`. Node 20 does not strip types itself. */
function ofTests(name) {
  require.extensions['.ts'] = compile
  return require(`../__tests__/support/${name}.ts`)
}

module.exports = { ofTests }
