'use strict'

// `wrap`: an implementation that calls what it replaces.

const { wrongType } = require('../options/arguments')
const { LinkError } = require('../errors')
const { link, toSlot } = require('./link')
const { slotBrand } = require('./slot')

/** Links the function that `make` returns for the function that the slot holds. */
function wrap(slot, make, options = undefined) {
  toSlot(slot, () => 'slot')
  if (typeof make !== 'function') throw wrongType('a function (previous) => implementation', 'make', make)
  const previous = slot.current
  if (previous === null) {
    throw new LinkError(`slot "${slot.name}" is an empty table entry, so there is no function to wrap: link one`, {
      code: 'ERR_RELINK_NO_PREVIOUS',
      details: { slot: slot.name },
    })
  }
  // A function in the place of a typed export takes its values, as the one that it calls.
  const { exporter, name } = slotBrand.get(slot).details
  const implementation = make(exporter === undefined ? previous : exporter.exportOver(name, previous))
  if (typeof implementation !== 'function') throw wrongType('a function', 'make(previous)', implementation)
  if (slot.current === previous) return link(implementation, slot, options)
  throw new LinkError(`slot "${slot.name}" was linked while \`make\` ran, so nothing was wrapped: wrap it again`, {
    code: 'ERR_RELINK_CHANGED',
    details: { slot: slot.name },
  })
}

module.exports = { wrap }
