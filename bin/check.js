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

/** The imports for a manifest: what `host` exports, an ES module's file, or functions that do nothing. */
async function importsFor(manifest, host) {
  if (host !== undefined) return { ...(await import(pathToFileURL(resolve(host)))) }
  const { Module } = require('..')
  const { compileAll } = require('../lib/manifest/modules')
  return standIns(Module, manifest, await compileAll(manifest))
}

/** Applies a manifest, which `readManifest` has read, to a store. Throws what `apply` would throw. */
async function applyTo(store, manifest, host) {
  return require('..').apply(store, manifest.file, { imports: await importsFor(manifest, host) })
}

/** Throws what `apply` would throw. Returns what it would do to a new store. */
async function checkManifest(file, host = undefined) {
  const { Store } = require('..')
  const { readManifest } = require('../lib/manifest/document')
  const store = new Store()
  try {
    const { loaded, linked } = await applyTo(store, await readManifest(file), host)
    return { modules: loaded.length, links: linked.length }
  } finally {
    store.close()
  }
}

module.exports = { applyTo, checkManifest }
