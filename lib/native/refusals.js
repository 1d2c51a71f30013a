'use strict'

// Refusals of arguments that this package converts, with the messages of the native side. They always throw.

const { addon, translated } = require('../node/addon')

const refuseChanges = translated(addon.refuseChanges)
const refuseClosedSlot = translated(addon.refuseClosedSlot)
const refuseCopy = translated(addon.refuseCopy)
const refuseImport = translated(addon.refuseImport)
const refuseStoreOfImport = translated(addon.refuseStoreOfImport)
const refuseStoreOfSlot = translated(addon.refuseStoreOfSlot)
const refuseValue = translated(addon.refuseValue)

module.exports = {
  refuseChanges,
  refuseClosedSlot,
  refuseCopy,
  refuseImport,
  refuseStoreOfImport,
  refuseStoreOfSlot,
  refuseValue,
}
