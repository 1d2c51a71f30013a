'use strict'

// The check of a manifest: `apply` to a store of its own.

const { resolve } = require('node:path')
const { pathToFileURL } = require('node:url')

/** Functions for the imports that the manifest expects from JavaScript, by name. They stand for real ones, and do nothing. */
function standIns(Module, { modules }, compiled) {
  const own = new Set(modules.map(({ name }) => name))
  const imports = Object.create(null)
  modules.forEach((each, index) => {
    const given = new Map(each.imports)
    for (const { module: namespace, name: field, kind } of Module.imports(compiled[index])) {
      const name = given.get(namespace) ?? namespace
      if (kind !== 'function' || (given.has(namespace) && own.has(name))) continue
      imports[name] ??= Object.create(null)
      imports[name][field] ??= () => 0
    }
  })
  return imports
}

/** Throws what `apply` would throw. Returns what it would do to a new store. `host` is a file that exports the imports. */
async function checkManifest(file, host = undefined) {
  const { Module, Store, apply } = require('..')
  const { readManifest } = require('../lib/manifest/document')
  const { compileAll } = require('../lib/manifest/modules')
  const store = new Store()
  try {
    let imports
    if (host === undefined) {
      const manifest = await readManifest(file)
      imports = standIns(Module, manifest, await compileAll(manifest))
    } else {
      imports = { ...(await import(pathToFileURL(resolve(host)))) }
    }
    const { loaded, linked } = await apply(store, file, { imports })
    return { modules: loaded.length, links: linked.length }
  } finally {
    store.close()
  }
}

module.exports = { checkManifest }
