'use strict'

const { readFile } = require('node:fs/promises')
const { fileURLToPath } = require('node:url')
const { wrongType } = require('../options/arguments')
const modes = require('../options/option-mode')
const { Instance } = require('./instance')
const { check } = require('./instantiate')
const { OwnModule, compileAsync, compileFromPath } = require('./module')
const { toStore } = require('./store')

/** Reads a file, compiles it off the main thread and makes an instance of it. */
async function load(file, imports = undefined, options = undefined) {
  const path = toPath(file)
  const { store, ...compiling } = check(modes.own, imports, options)
  // A store is made while another thread compiles.
  const [module] = await Promise.all([compilePath(path, compiling), prepare(store)])
  return new Instance(module, imports, { store })
}

/** Sees to it that there is a store: the one that was given, or the default one. */
async function prepare(store) {
  toStore({ store })
}

/** Reads a file and compiles it off the main thread. */
async function compileFile(file, options = undefined) {
  return compilePath(toPath(file), modes.own.compiling(options))
}

/** What comes from a file is likely to be loaded again: it goes through the disk cache, unless the options say no. */
async function compilePath(path, { cache = true, ...compiling }) {
  const options = { ...compiling, cache }
  // What cannot be read there, `readFile` refuses in Node's own words.
  return (await compileFromPath(path, options)) ?? compileAsync(OwnModule, await readFile(path), options, path)
}

/** A path, or a `file:` URL as an object or as a string. */
function toPath(file) {
  if (typeof file === 'string') return file.startsWith('file:') ? fileURLToPath(file) : file
  // Of an object, each is asked for once: Node would ask for more than there need be, and more than once.
  const [href, protocol] = [file?.href, file?.protocol]
  if (typeof href === 'string' && typeof protocol === 'string') return fileURLToPath(href)
  throw wrongType('a path or a file: URL', 'file', file, 'for bytes there is `instantiate(bytes)`')
}

module.exports = { compileFile, load }
