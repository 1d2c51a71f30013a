'use strict'

const { homedir } = require('node:os')
const { isAbsolute, join, resolve } = require('node:path')
const { accessDenied } = require('../errors')
const native = require('../native')
const { isAllowed } = require('../node/permission')

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
  if (said) return resolved(said)
  const folder = ofUser()
  return folder && join(folder, 'wasm-relink')
}

/** The absolute path; undefined where there is no working directory for it to begin at. */
function resolved(path) {
  try {
    return resolve(path)
  } catch {
    return undefined
  }
}

/** Where the system keeps what a user can do without; undefined for a user without a home. */
function ofUser() {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env
  if (process.platform === 'win32') return absolute(LOCALAPPDATA) ?? inHome('AppData', 'Local')
  if (process.platform === 'darwin') return inHome('Library', 'Caches')
  return absolute(XDG_CACHE_HOME) ?? inHome('.cache')
}

function inHome(...names) {
  const home = absolute(homeOfUser())
  return home && join(home, ...names)
}

function homeOfUser() {
  try {
    return homedir()
  } catch {
    // HOME is not set, and the system does not know the user, as in containers that run as any number.
    return undefined
  }
}

/** A path that does not depend on the working directory; anything else is as good as none. */
const absolute = (path) => (path && isAbsolute(path) ? path : undefined)

function most() {
  const said = Number(process.env[SIZE] || undefined)
  return (said >= 0 ? said : MOST) * 2 ** 20
}

/** The cache as the native side takes it. */
const described = (folder, file) => ({
  directory: folder,
  most: most(),
  writable: mayUse('fs.write', folder),
  file: file && resolved(file),
})

/** Whether the permission model allows a folder and what is in it: a flag that names a file allows that path alone. */
const mayUse = (scope, folder) => isAllowed(scope, folder) && isAllowed(scope, join(folder, 'any'))

/** The cache for a module that comes from `file`, if from any; undefined where it is off, or may not be read. */
function toNative(file = undefined) {
  const folder = directory()
  return folder !== undefined && mayUse('fs.read', folder) ? described(folder, file) : undefined
}

/** The cache for those who look after it, whom the permission model refuses aloud; undefined where it is off. */
function toManage(...scopes) {
  const folder = directory()
  if (folder === undefined) return undefined
  const refused = scopes.find((scope) => !mayUse(scope, folder))
  if (refused !== undefined) throw accessDenied(refused, folder)
  return described(folder)
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
    const where = toManage('fs.read')
    if (where === undefined) return []
    return native.cacheList(where).map(({ used, slots, ...entry }) => ({
      ...entry,
      slots: /^\d/.test(slots) ? Number(slots) : slots,
      used: new Date(used),
    }))
  },

  clear() {
    const where = toManage('fs.read', 'fs.write')
    return where === undefined ? 0 : native.cacheClear(where)
  },
})

module.exports = { cache, toNative }
