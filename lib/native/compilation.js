'use strict'

// Compilation of a module's bytes.

const { isMainThread } = require('node:worker_threads')
const { addon, translated, translatedTask } = require('../node/addon')
const { refuseCopy } = require('./refusals')

/** Copies the bytes of a module; throws if there is no room for the copy. */
function copyOf(bytes) {
  if (!addon.hasRoom(bytes.byteLength)) refuseCopy(bytes.byteLength)
  return bytes.slice()
}

// In a worker, the native side waits in a way that `terminate()` can interrupt.
const compileHere = translated(addon.compileSync)
const compileSync = (bytes, options) => compileHere(bytes, options, !isMainThread)
const compileForSmallMemories = translated((...args) => addon.compileForSmallMemories(...args, !isMainThread))
const validate = translated(addon.validate)

/** Compiles bytes. `file` is the file that they came from, if any. */
const compileAsync = (bytes, options, file) => translatedTask(file, () => addon.compileAsync(bytes, options))

/** Compiles a file; resolves to null if it cannot be read. */
const compileFile = (file, options) => translatedTask(file, () => addon.compileFile(file, options))

module.exports = { compileAsync, compileFile, compileForSmallMemories, compileSync, copyOf, validate }
