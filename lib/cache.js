'use strict'

const { homedir } = require('node:os')
const { join, resolve } = require('node:path')
const native = require('./native')

/** The environment variable that says where the cache is, or `off`. */
const WHERE = 'WASM_RELINK_CACHE'
/** The one that says how big it may become, in MiB. */
const SIZE = 'WASM_RELINK_CACHE_SIZE'

/** In MiB, where nothing is said. */
const MOST = 1024

/** Where compiled modules are kept on disk; undefined where they are not. */
function directory() {
  const said = process.env[WHERE]
  if (said === 'off' || said === '0') return undefined
  return said ? resolve(said) : join(ofUser(), 'wasm-relink')
}

/** Where the system keeps what a user can do without. */
function ofUser() {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env
  if (process.platform === 'win32') return LOCALAPPDATA || join(homedir(), 'AppData', 'Local')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches')
  return XDG_CACHE_HOME || join(homedir(), '.cache')
}

function most() {
  const said = Number(process.env[SIZE] || undefined)
  return (said >= 0 ? said : MOST) * 2 ** 20
}

/** The cache as the native side takes it, for a module that comes from `file`, if from any; undefined where it is off. */
function toNative(file = undefined) {
  const folder = directory()
  return folder && { directory: folder, most: most(), file: file && resolve(file) }
}

/** The compiled modules on disk. */
const cache = Object.freeze({
  get directory() {
    return directory()
  },

  get maximum() {
    return most()
  },

  entries() {
    const where = toNative()
    if (where === undefined) return []
    return native.cacheList(where).map(({ used, slots, ...entry }) => ({
      ...entry,
      slots: /^\d/.test(slots) ? Number(slots) : slots,
      used: new Date(used),
    }))
  },

  clear() {
    const where = toNative()
    return where === undefined ? 0 : native.cacheClear(where)
  },
})

module.exports = { cache, toNative }
