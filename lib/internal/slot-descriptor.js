'use strict'

const { LISTED, listed } = require('../names/format-list')
const { toType } = require('../api/slot')

/** A slot of a module as users see it, or a function that is none. */
function describe(native) {
  const { name, kind, path, functionIndex, tableIndex, aliases, rust, docs } = native
  const whyNot = toWhyNot(native)
  const known = { path, functionIndex, tableIndex, aliases, whyNot, rust, docs }
  const present = Object.entries(known).filter(([, value]) => value !== undefined)
  return { name, kind, type: toType(native), ...Object.fromEntries(present) }
}

/** Why a function is no slot, or what its slot asks for. */
function toWhyNot({ reason, message, merged }) {
  if (reason !== undefined) return { reason, message }
  if (merged.length === 0) return undefined
  const names = merged.length > LISTED ? listed(merged) : merged.map((name) => `"${name}"`).join(' and ')
  return {
    reason: 'merged',
    message: `it is one function for ${names}: the compiler merged them, and all change; link it with { merged: true }`,
  }
}

/** A name or pattern that was asked for, and that no function has. */
function describeMissing(name) {
  const message =
    'no function in the module has this name: the compiler inlined, merged or removed it, or it has lost its name ' +
    '(docs/what-can-be-relinked.md)'
  return { name, kind: 'function', aliases: [], whyNot: { reason: 'not-found', message } }
}

module.exports = { describe, describeMissing }
