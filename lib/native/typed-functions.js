'use strict'

// Typed functions: their types, and the modules that are generated for them.

const { addon, translated } = require('../node/addon')

/** The typed functions of a binary, as JSON. */
const typedFunctions = translated(addon.typedFunctions)
/** Refuses two function types, given as JSON, whose structures differ. */
const checkTypes = translated(addon.checkTypes)
/** The bytes of the module between two memories, for a function type as JSON. */
const typedAdapter = translated(addon.typedAdapter)
/** The bytes of the module between JavaScript and a typed function, whose type is given as JSON. */
const typedTransfer = translated(addon.typedTransfer)
/** The typed functions of a native module, or of the world in a WIT text, as JSON; null for none. */
const typedFunctionsOf = translated((module) => module.typedFunctions())
const typedWorldOf = translated((module, wit) => module.typedWorld(wit))

module.exports = { checkTypes, typedAdapter, typedFunctions, typedFunctionsOf, typedTransfer, typedWorldOf }
