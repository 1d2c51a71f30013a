'use strict'

// Records of functions: what the history says about an implementation.

const { coreOf, ownerOf } = require('./owners')

/** The JavaScript function of each adapter. */
const adapted = new WeakMap()

/** Notes that a WebAssembly function only calls a JavaScript function. */
const noteAdapter = (adapter, implementation) => void adapted.set(adapter, implementation)

/** The JavaScript function that an adapter calls; any other function itself. */
const unadapted = (fn) => adapted.get(fn) ?? fn

/** The record of a function that is linked, or was; null for none. */
function recordOf(store, fn) {
  if (fn === null || fn === undefined) return null
  const implementation = coreOf(unadapted(fn))
  if (!store.isWasmFunction(implementation)) return Object.freeze({ function: implementation.name || '(anonymous)' })
  let facts
  try {
    facts = store.functionFacts(implementation)
  } catch (error) {
    // Its instance or its store is closed.
    if (error?.code !== 'ERR_RELINK_CLOSED' && error?.code !== 'ERR_RELINK_STORE') throw error
  }
  if (!facts) return Object.freeze({ function: `func[${implementation.name}]` })
  return Object.freeze({ function: facts.name, hash: facts.hash, file: ownerOf(implementation)?.compiled.file })
}

module.exports = { noteAdapter, recordOf, unadapted }
