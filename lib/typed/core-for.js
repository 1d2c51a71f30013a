'use strict'

// The function to write into a slot for the implementation that the user gives.

const { LinkError } = require('../errors')
const { ownerOf } = require('../internal/owners')
const { ALLOWED } = require('../options/link-options')
const { coreFunction, replacementOf } = require('./adapters')
const { findTyped } = require('./functions')

/** The function to write for an implementation: a core function, or one of JavaScript that takes core values. */
function coreFor(store, implementation, id, details, permissions) {
  const adapt = (fn, suspends) => store.adapt(fn, id, permissions.allowed, suspends)
  if (details.exporter !== undefined) {
    const core = replacementOf(store, implementation, details.exporter.exportSlot(details.name), adapt)
    if (core !== undefined) return core
    checkMemory(implementation, details, permissions)
  }
  const typed = details.typed !== undefined || findTyped(implementation) !== undefined
  return typed ? typedCore(store, implementation, details, adapt) : implementation
}

/** Refuses a WebAssembly function of another instance in the place of the core function of a typed export. */
function checkMemory(implementation, { name, exporter }, { allowed }) {
  const owner = ownerOf(implementation)
  if (owner === undefined || owner.id === exporter.id || allowed & ALLOWED.pointers) return
  throw new LinkError(
    `slot "${name}" is the core function of a typed export, and the implementation belongs to another instance, in whose memory ` +
      'its addresses mean something else: declare a slot for what is to change or, if both have one memory, link with ' +
      '{ pointers: true }',
    {
      code: 'ERR_RELINK_ABI',
      details: { slot: name, expected: 'a function of the same instance', actual: 'another instance' },
    },
  )
}

/** The core function to write for an implementation, where it or the slot is typed. */
function typedCore(store, implementation, { name, typed }, adapt) {
  if (typed === undefined) return untyped(store, implementation, name)
  return coreFunction(store, implementation, typed, adapt)
}

/** The core function of a typed function, for a slot of core values: addresses in the callee's memory mean nothing there. */
function untyped(store, implementation, name) {
  const { raw, type } = findTyped(implementation)
  if (implementation === raw) return implementation
  throw new LinkError(
    `slot "${name}" takes core values, the implementation is typed as ${type.structure}: link a declared slot`,
    { code: 'ERR_RELINK_ABI', details: { slot: name, expected: 'core values', actual: type.structure } },
  )
}

module.exports = { coreFor }
