'use strict'

// Slot descriptors.

const { toType } = require('../api/slot')

/** The descriptor of a function of a module. `native` is its native description. */
function describe(native) {
  const { name, kind, path, functionIndex, tableIndex, aliases, reason, message, rust, docs, suspend } = native
  const whyNot = reason === undefined ? undefined : { reason, message }
  const known = { path, functionIndex, tableIndex, aliases, whyNot, rust, docs, suspend }
  const present = Object.entries(known).filter(([, value]) => value !== undefined)
  return { name, kind, type: toType(native), ...Object.fromEntries(present) }
}

/** The descriptor of a pattern in the option `slots` that matched no function. */
function describeMissing(name) {
  const message =
    'no function in the module has this name. The compiler may have inlined, merged or removed the function, or the module ' +
    'has lost its name section (docs/what-can-be-relinked.md)'
  return { name, kind: 'function', aliases: [], whyNot: { reason: 'not-found', message } }
}

module.exports = { describe, describeMissing }
