'use strict'

const { readFile } = require('node:fs/promises')
const { fileURLToPath } = require('node:url')
const { wrongType } = require('./arguments')
const dialects = require('./dialect')
const { Instance } = require('./instance')
const { check } = require('./instantiate')
const { OwnModule, compileAsync } = require('./module')

/** Reads a file, compiles it off the main thread and makes an instance of it. */
async function load(file, imports = undefined, options = undefined) {
  const path = toPath(file)
  const { store, ...compiling } = check(dialects.own, imports, options)
  const module = await compileAsync(OwnModule, await readFile(path), compiling, path)
  return new Instance(module, imports, { store })
}

/** A path, or a `file:` URL as an object or as a string. */
function toPath(file) {
  if (typeof file === 'string') return file.startsWith('file:') ? fileURLToPath(file) : file
  if (typeof file?.href === 'string' && typeof file.protocol === 'string') return fileURLToPath(file)
  throw wrongType('a path or a file: URL', 'file', file, 'for bytes there is `instantiate(bytes)`')
}

module.exports = { load }
