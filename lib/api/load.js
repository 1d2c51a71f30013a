'use strict'

// `load` and `compileFile`.

const { readFile } = require('node:fs/promises')
const { performance } = require('node:perf_hooks')
const { fileURLToPath } = require('node:url')
const { wrongType } = require('../options/arguments')
const modes = require('../options/option-mode')
const { channels } = require('../internal/events')
const { Instance } = require('./instance')
const { check } = require('./instantiate')
const { OwnModule, compileAsync, compileFromPath, toModule } = require('./module')
const { instancePart } = require('../options/resource-limits')
const { checkShape, readTypes, typesBeside } = require('../shape/generated')
const { toStore } = require('./store')

/** Reads a file, compiles it off the main thread and makes an instance of it. */
async function load(file, imports = undefined, options = undefined) {
  return loadUnless(undefined, file, imports, options)
}

/** Checks the arguments of `load` besides the file, and returns the options. */
const checkLoad = (imports, options) => check(modes.own, imports, options, ['types'])

/** `load`; undefined if the file has the module with this hash. */
async function loadUnless(known, file, imports, options) {
  const path = toPath(file)
  const start = performance.now()
  const { store, suspending, timeout, onTrap, onRecycle, types, wasi, wit, ...compiling } = checkLoad(imports, options)
  const shape = types === undefined ? typesBeside(path) : types !== false && readTypes(toPath(types, 'options.types'))
  // Makes the store and reads the types while another thread compiles.
  const [module, expected] = await Promise.all([
    compilePath(path, compiling, store && toStore({ store })),
    shape,
    prepareStore(store),
  ])
  if (known !== undefined && toModule(module).native.hash() === known) return undefined
  if (expected) checkShape(expected, await readFile(path), path)
  const limits = instancePart(compiling.limits)
  const making = options && { limits, store, suspending, timeout, onTrap, onRecycle, wasi, wit }
  const instance = new Instance(module, imports, making)
  if (channels.load.hasSubscribers) {
    const hash = toModule(module).native.hash()
    channels.load.publish({
      instance,
      file: path,
      hash,
      compiler: instance.compiler,
      duration: performance.now() - start,
    })
  }
  return instance
}

/** Makes the default store, unless the user gives another one. */
async function prepareStore(store) {
  toStore({ store })
}

/** Reads a file and compiles it off the main thread. */
async function compileFile(file, options = undefined) {
  return compilePath(toPath(file), modes.own.compiling(options))
}

/** Compiles a file through the disk cache, unless the options say no: a file is likely to be loaded again. */
async function compilePath(path, { cache = true, ...compiling }, store = undefined) {
  // The file is read once: the bytes that are checked are those that are compiled, and the cache finds code by their hash.
  const trust = await compiling.trust?.beside(path, readAll)
  const options = { ...compiling, cache, trust }
  // If the native side cannot read the file, `readFile` throws Node's own error.
  const module = await compileFromPath(path, options, store)
  return module ?? compileAsync(OwnModule, await readAll(path), options, path, store)
}

/** Reads a file. Node's error for a folder lacks the path. */
async function readAll(path) {
  try {
    return await readFile(path)
  } catch (error) {
    if (error?.code === 'EISDIR' && error.path === undefined) {
      error.path = path
      error.message += ` '${path}'`
    }
    throw error
  }
}

/** A path, or a `file:` URL as an object or as a string. */
function toPath(file, argument = 'file') {
  if (typeof file === 'string') return file.startsWith('file:') ? fileURLToPath(file) : file
  // Each getter of an object runs once. `fileURLToPath` would read other properties, and more than once.
  const [href, protocol] = [file?.href, file?.protocol]
  if (typeof href === 'string' && typeof protocol === 'string') return fileURLToPath(href)
  const hint = argument === 'file' ? 'for bytes, use `instantiate(bytes)`' : undefined
  throw wrongType('a path or a file: URL', argument, file, hint)
}

module.exports = { checkLoad, compileFile, load, loadUnless, toPath }
