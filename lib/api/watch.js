'use strict'

// `watch`.

const { resolve } = require('node:path')
const { toWatchOptions } = require('../options/watch-options')
const { WatchedManifest } = require('../watch/manifest')
const { WatchedPlugin } = require('../watch/plugin')
const { toPath } = require('./load')
const { Watcher } = require('./watcher')

/** Keeps a plugin, or the modules of a manifest, at the newest version of their files. */
async function watch(file, options = undefined) {
  const isDocument = isManifest(file)
  const path = isDocument ? undefined : resolve(toPath(file))
  const isPlugin = path !== undefined && !path.endsWith('.json')
  const known = toWatchOptions(options, isPlugin ? 'file' : 'manifest')
  const { signal } = known
  if (signal?.aborted) throw signal.reason
  const subject = isPlugin ? await WatchedPlugin.begin(path, known) : await WatchedManifest.begin(file, path, known)
  try {
    if (signal?.aborted) throw signal.reason
    return new Watcher(subject, known)
  } catch (error) {
    subject.discard()
    throw error
  }
}

/** True for a manifest itself, or its text; false for a path or a URL. */
function isManifest(value) {
  if (typeof value === 'string') return /^\s*\{/.test(value)
  return typeof value === 'object' && value !== null && value.href === undefined && value.modules !== undefined
}

module.exports = { watch }
