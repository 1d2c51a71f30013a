'use strict'

// The modules of a manifest: those that the store has, and those that are loaded.

const { Instance, findInstance } = require('../api/instance')
const { compileFile } = require('../api/load')
const { toModule } = require('../api/module')
const { formatList } = require('../names/format-list')
const { member, refused } = require('./document')

/** A mistake, from an error. */
const mistake = (path, error) => ({ path, message: error?.message ?? String(error), code: error?.code })

/** Where the mistake of a module's file is: its hash, or the file itself. */
const itemOf = (error) => (error?.code === 'ERR_RELINK_UNTRUSTED' ? '.sha256' : '.file')

/** Compiles all files, each only if its bytes have the hash, and throws the mistakes of all. */
async function compileAll({ modules, file }) {
  const results = await Promise.allSettled(modules.map((each) => compileFile(each.file, { sha256: each.sha256 })))
  const mistakes = results.flatMap(({ reason }, index) =>
    reason === undefined ? [] : [mistake(modules[index].path + itemOf(reason), reason)],
  )
  const cause = results.find(({ status }) => status === 'rejected')?.reason
  if (mistakes.length > 0) throw refused(mistakes, file, cause)
  return results.map(({ value }) => value)
}

/** Loads the modules of a manifest into a store, or takes the instances that are there. */
class ManifestModules {
  #store
  #state
  #manifest
  #imports
  #all
  /** By name, each module with its instance */
  found = new Map()
  /** Names of the modules that were loaded */
  loaded = []

  constructor(store, state, manifest, imports = {}) {
    this.#store = store
    this.#state = state
    this.#manifest = manifest
    this.#imports = imports
    this.#all = new Set(manifest.modules.map(({ name }) => name))
  }

  /** Finds or makes each instance. `compiled` are their Modules. */
  make(compiled) {
    const { modules, file } = this.#manifest
    const mistakes = []
    let cause
    modules.forEach((each, index) => {
      if (!this.#isComplete(each)) return
      try {
        const known = this.#known(each, compiled[index])
        const instance = known ?? this.#instantiate(each, compiled[index])
        if (known === undefined) this.loaded.push(each.name)
        this.found.set(each.name, { ...each, instance, from: this.#from(each) })
      } catch (error) {
        cause ??= error
        mistakes.push(mistake(error instanceof WrongImport ? error.at : each.path, error))
      }
    })
    if (mistakes.length === 0) return
    this.close()
    throw refused(mistakes, file, cause)
  }

  /** Whether the modules that it imports are there: otherwise their own mistakes are listed. */
  #isComplete({ imports }) {
    return imports.every(([, name]) => !this.#all.has(name) || this.found.has(name))
  }

  /** The instances of the modules that it imports. */
  #from({ imports }) {
    return imports.map(([, name]) => this.found.get(name)?.instance)
  }

  /** The instance that the store has for a module: of the same name, or one that was made otherwise of the same file. */
  #known(module, compiled) {
    const named = this.#state.named.get(module.name)
    if (named !== undefined && !named.instance.closed && this.#isSame(named, module)) return named.instance
    if (this.#from(module).some((instance) => instance !== undefined)) return undefined
    const hash = toModule(compiled).native.hash()
    const taken = new Set([...this.found.values(), ...this.#state.named.values()].map(({ instance }) => instance))
    return Instance.all(this.#store).find((instance) => {
      const { file, native } = findInstance(instance).compiled
      return file === module.file && native.hash() === hash && !taken.has(instance) && !this.#state.former.has(instance)
    })
  }

  #isSame(known, module) {
    const from = this.#from(module)
    return (
      known.file === module.file &&
      known.sha256 === module.sha256 &&
      JSON.stringify(known.imports) === JSON.stringify(module.imports) &&
      known.from.every((instance, index) => instance === from[index])
    )
  }

  #instantiate(module, compiled) {
    const given = Object.assign(Object.create(null), this.#imports)
    const namespaces = new Set(
      toModule(compiled)
        .native.imports()
        .map((each) => each.module),
    )
    for (const [namespace, name] of module.imports) {
      const at = member(`${module.path}.imports`, namespace)
      if (!namespaces.has(namespace)) throw new WrongImport(at, notImported(namespace, namespaces))
      const value = this.found.get(name)?.instance.exports ?? this.#imports[name]
      if (value === undefined) throw new WrongImport(at, unknownSource(name))
      given[namespace] = value
    }
    return new Instance(compiled, given, { store: this.#store })
  }

  /** Closes what was loaded: the manifest is refused. */
  close() {
    for (const name of this.loaded) this.found.get(name)?.instance.close()
  }
}

const unknownSource = (name) =>
  `neither the manifest has a module ${JSON.stringify(name)}, nor \`options.imports\` a member of this name`

function notImported(namespace, namespaces) {
  const there = namespaces.size === 0 ? 'it imports nothing' : `it imports ${formatList([...namespaces])}`
  return `the module does not import from ${JSON.stringify(namespace)}: ${there}`
}

/** An import of the manifest that is wrong; `at` is its JSON path. */
class WrongImport extends Error {
  code = 'ERR_RELINK_IMPORT'

  constructor(at, message) {
    super(message)
    this.at = at
  }
}

module.exports = { ManifestModules, compileAll }
