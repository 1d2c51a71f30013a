'use strict'

// The instances to which WebAssembly functions belong.

const { retainerOf } = require('./lib-functions')
const { findTyped } = require('../typed/functions')

/**
 * Facts about each instance, by its retainer, which every function of the instance holds. No wrapper is among them: a retainer
 * that led to wrappers would keep them alive until the next collection but one.
 */
const owners = new WeakMap()

/** Notes the facts about a new instance: its native store and id, its compiled module, and its imports of `relink:previous`. */
const noteOwner = (retainer, facts) => void owners.set(retainer, facts)

/** The core function of a typed function; any other function itself. */
const coreOf = (value) => findTyped(value)?.raw ?? value

/** The facts about the instance to which a function belongs; undefined for any other function. */
function ownerOf(value) {
  const retainer = retainerOf(coreOf(value))
  return retainer === undefined ? undefined : owners.get(retainer)
}

module.exports = { coreOf, noteOwner, ownerOf }
