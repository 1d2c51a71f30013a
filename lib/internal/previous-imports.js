'use strict'

// Imports of the module `relink:previous`: functions through which an implementation calls what it replaces.

const { LinkError } = require('../errors')

/** The name of the imported module. The names of its functions are those of slots. */
const MODULE = 'relink:previous'

const isPrevious = ({ module, kind }) => module === MODULE && kind === 'function'

/**
 * The imports of an instance, with a function for each import of `relink:previous` that the user does not give: it throws until
 * an implementation of the instance is linked into the slot of that name.
 */
function withPrevious(declared, imports) {
  if (!declared.some(isPrevious)) return imports
  const given = imports?.[MODULE]
  if (given !== undefined && given !== null) return imports
  const names = declared.filter(isPrevious).map(({ name }) => name)
  const functions = Object.fromEntries(names.map((name) => [name, () => refuse(name)]))
  return Object.create(imports ?? null, { [MODULE]: { value: functions } })
}

function refuse(slot) {
  throw new LinkError(
    `the import "${MODULE}"."${slot}" stands for the function that slot "${slot}" held before: it can be called while a ` +
      'function of this instance is linked into a slot of this name',
    { code: 'ERR_RELINK_NO_PREVIOUS', details: { slot } },
  )
}

/** The positions of the slots that such imports of a new instance are, by name; undefined if its module has none. */
function previousSlots(store, compiled, declared) {
  if (!declared.some(isPrevious)) return undefined
  const found = new Map()
  compiled.slots.forEach(({ name, kind }, position) => {
    if (kind === 'import' && name.startsWith(`${MODULE}.`)) found.set(name.slice(MODULE.length + 1), position)
  })
  // Links look for such imports from now on.
  store.hasPrevious = true
  return found
}

/** The error for an instance whose import stands for the previous function of another slot. */
const taken = (slot) =>
  new LinkError(
    `slot "${slot}": the implementation's import "${MODULE}"."${slot}" already stands for the previous function of another ` +
      'slot of this name: make a second instance for this one',
    { code: 'ERR_RELINK_NO_PREVIOUS', details: { slot } },
  )

module.exports = { previousSlots, taken, withPrevious }
