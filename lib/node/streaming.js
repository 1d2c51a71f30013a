'use strict'

// `compileStreaming` and `instantiateStreaming`.

const { formatValue } = require('../options/arguments')
const modes = require('../options/option-mode')
const { typeError } = require('../errors')
const { check, make } = require('../api/instantiate')
const { Module, compileAsync } = require('../api/module')

/** The streaming functions of `WebAssembly`, with Node's own errors. */
const standard = {
  async compileStreaming(source, options = undefined) {
    const compiling = modes.standard.compiling(options)
    return compileAsync(Module, await bytesOf(source), compiling)
  },
  async instantiateStreaming(source, imports = undefined, options = undefined) {
    const compiling = check(modes.standard, imports, options)
    return make(Module, await bytesOf(source), imports, compiling)
  },
}

/** The body of a Response or of a promise of one, after Node's own checks. */
async function bytesOf(source) {
  const response = await source
  if (typeof Response !== 'function' || !(response instanceof Response)) {
    throw typeError(
      `The "source" argument must be an instance of Response or an Promise resolving to Response, got ${formatValue(response)}`,
    )
  }
  const type = response.headers.get('content-type')
  if (type?.trim().toLowerCase() !== 'application/wasm') {
    throw unusable(`has unsupported MIME type ${type === null ? "''" : `'${type}'`}`)
  }
  if (!response.ok) throw unusable(`has status code ${response.status}`)
  if (response.bodyUsed) throw unusable('body has already been used')
  return response.arrayBuffer()
}

const unusable = (what) => typeError(`WebAssembly response ${what}`, 'ERR_WEBASSEMBLY_RESPONSE')

module.exports = { standard }
