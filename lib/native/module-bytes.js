'use strict'

// The content of a module, read or rewritten without a compile.

const { addon, translated, translatedTask } = require('../node/addon')

const functionNames = translated(addon.functionNames)
const inspectModule = translated(addon.inspectModule)
const rewriteModule = translated(addon.rewriteModule)

/** The names of a module's functions. `file` is the file that the bytes came from, if any. */
const functionNamesAsync = (bytes, file) => translatedTask(file, () => addon.functionNamesAsync(bytes))

/** The contents of a module's custom sections with this name. */
const customSections = translated((module, name) => module.customSections(name))

module.exports = {
  customSections,
  defaultReserve: addon.defaultReserve,
  functionNames,
  functionNamesAsync,
  inspectModule,
  rewriteModule,
}
