'use strict'

// The check of a manifest, and the hashes in it.

const { addon, translated } = require('../node/addon')

/** The manifest that a text describes, or its mistakes, as JSON; and the hash of a module's bytes that the history gives. */
const checkManifest = translated(addon.checkManifest)
const contentHash = translated(addon.contentHash)

module.exports = { checkManifest, contentHash }
