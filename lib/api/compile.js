'use strict'

// `compile` and `validate`.

const { toBytes } = require('../options/arguments')
const modes = require('../options/option-mode')
const { Module, OwnModule, compileAsync } = require('./module')
const { CompileError } = require('../errors')
const compilation = require('../native/compilation')

/** Compiles on another thread. The bytes are copied first, so that the caller may use them again at once. */
async function compile(bytes, options = undefined) {
  return compileAsync(OwnModule, bytes, modes.own.compiling(options))
}

/** Whether `compile` would succeed. It compiles only functions whose frame may be too large for Singlepass. */
function validate(bytes, options = undefined) {
  return validateAs(modes.own, bytes, options)
}

function validateAs(mode, bytes, options) {
  // The options first: they may run the user's code, which may detach the bytes.
  const { compiler, selection, trust } = mode.compiling(options)
  // Patterns add slots to the default ones, which never makes a module invalid.
  const { kind } = selection
  const source = toBytes(bytes)
  try {
    trust?.verify(source)
  } catch (error) {
    if (error instanceof CompileError) return false
    throw error
  }
  return compilation.validate(source, compiler, { kind: kind === 'more' ? 'default' : kind })
}

/** The functions of `WebAssembly`. */
const standard = {
  async compile(bytes, options = undefined) {
    return compileAsync(Module, bytes, modes.standard.compiling(options))
  },
  validate(bytes, options = undefined) {
    return validateAs(modes.standard, bytes, options)
  },
}

module.exports = { compile, standard, validate }
