'use strict'

// The disk cache of compiled modules.

const { homedir } = require('node:os')
const { isAbsolute, join, resolve } = require('node:path')
const { accessDenied } = require('../errors')
const { cacheClear, cacheList } = require('../native/cache')
const { isAllowed } = require('../node/permission')

/** The environment variable for the folder of the cache, or `off`. */
const DIRECTORY_VARIABLE = 'WASM_RELINK_CACHE'
/** The environment variable for the maximum size of the cache, in MiB. */
const SIZE_VARIABLE = 'WASM_RELINK_CACHE_SIZE'

/** Default maximum size, in MiB. */
const DEFAULT_SIZE = 1024

/** The folder of the cache; undefined if it is off. */
function directory() {
  const given = process.env[DIRECTORY_VARIABLE]
  if (given === 'off' || given === '0') return undefined
  if (given) return resolved(given)
  const folder = userCacheFolder()
  return folder && join(folder, 'wasm-relink')
}

/** The absolute path; undefined if the working directory is gone. */
function resolved(path) {
  try {
    return resolve(path)
  } catch {
    return undefined
  }
}

/** The system's folder for a user's caches; undefined for a user without a home directory. */
function userCacheFolder() {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env
  if (process.platform === 'win32') return absolute(LOCALAPPDATA) ?? inHome('AppData', 'Local')
  if (process.platform === 'darwin') return inHome('Library', 'Caches')
  return absolute(XDG_CACHE_HOME) ?? inHome('.cache')
}

function inHome(...names) {
  const home = absolute(homeFolder())
  return home && join(home, ...names)
}

function homeFolder() {
  try {
    return homedir()
  } catch {
    // HOME is not set, and the system does not know the user, as in containers with an arbitrary user id.
    return undefined
  }
}

/** An absolute path as it is; undefined for any other. */
const absolute = (path) => (path && isAbsolute(path) ? path : undefined)

/** The maximum size, in bytes. */
function maximumSize() {
  const given = Number(process.env[SIZE_VARIABLE] || undefined)
  return (given >= 0 ? given : DEFAULT_SIZE) * 2 ** 20
}

/** The cache for the native side. */
const nativeCache = (folder, file) => ({
  directory: folder,
  most: maximumSize(),
  writable: mayUse('fs.write', folder),
  file: file && resolved(file),
})

/** Whether the permission model allows a folder and its content: a flag may allow only the path itself. */
const mayUse = (scope, folder) => isAllowed(scope, folder) && isAllowed(scope, join(folder, 'any'))

/** The cache for a module; undefined if it is off or may not be read. `file` is the module's file, if it has one. */
function toNative(file = undefined) {
  const folder = directory()
  return folder !== undefined && mayUse('fs.read', folder) ? nativeCache(folder, file) : undefined
}

/** The cache for `entries` and `clear`; undefined if it is off. Throws if the permission model forbids a scope. */
function toManage(...scopes) {
  const folder = directory()
  if (folder === undefined) return undefined
  const refused = scopes.find((scope) => !mayUse(scope, folder))
  if (refused !== undefined) throw accessDenied(refused, folder)
  return nativeCache(folder)
}

/** The compiled modules on disk. */
const cache = Object.freeze({
  get directory() {
    return directory()
  },

  get maximum() {
    return maximumSize()
  },

  entries() {
    const where = toManage('fs.read')
    if (where === undefined) return []
    return cacheList(where).map(({ used, ...entry }) => ({ ...entry, used: new Date(used) }))
  },

  clear() {
    const where = toManage('fs.read', 'fs.write')
    return where === undefined ? 0 : cacheClear(where)
  },
})

module.exports = { cache, toNative }
