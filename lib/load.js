'use strict'

const { readFile } = require('node:fs/promises')
const { fileURLToPath } = require('node:url')
const { wrongType } = require('./arguments')
const { CompileError, LinkError, RuntimeError, nameFile } = require('./errors')
const { instantiate } = require('./instantiate')

/** Reads a file, compiles it off the main thread and makes an instance of it. */
async function load(file, imports = undefined, options = undefined) {
  const path = toPath(file)
  const bytes = await readFile(path)
  try {
    const { instance } = await instantiate(bytes, imports, options)
    return instance
  } catch (error) {
    // An error of the user's own, thrown by an import that the start function called, comes out as it is.
    throw [CompileError, LinkError, RuntimeError].includes(error?.constructor) ? nameFile(error, path) : error
  }
}

/** A path, or a `file:` URL as an object or as a string. */
function toPath(file) {
  if (typeof file === 'string') return file.startsWith('file:') ? fileURLToPath(file) : file
  if (typeof file?.href === 'string' && typeof file.protocol === 'string') return fileURLToPath(file)
  throw wrongType('a path or a file: URL', 'file', file, 'for bytes there is `instantiate(bytes)`')
}

module.exports = { load }
