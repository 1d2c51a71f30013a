'use strict'

// A watched manifest: a store that is brought to its newest state.

const { performance } = require('node:perf_hooks')
const { apply } = require('../api/apply')
const { Store, toStore } = require('../api/store')
const { above } = require('../internal/above')
const { readManifest } = require('../manifest/document')

/** A store to which a manifest is applied after each change of its file, or of a module's file. */
class WatchedManifest {
  #manifest
  #options
  #store
  #trial
  /** The files of the modules that the manifest had when it was last read */
  #modules = []
  file
  instance = undefined
  instances

  constructor(manifest, file, options) {
    this.#manifest = manifest
    this.#options = options
    this.#store = options.store ?? Store.default
    this.file = file
  }

  /** Applies the manifest. `file` is its path, if it is in a file. */
  static async begin(manifest, file, options) {
    toStore(options)
    const watched = new WatchedManifest(file ?? manifest, file, options)
    const { modules } = await watched.#read()
    watched.#modules = modules
    watched.#take(await watched.#apply())
    return watched
  }

  /** The files that are watched: the manifest's own first. */
  get paths() {
    return [...(this.file === undefined ? [] : [this.file]), ...this.#modules]
  }

  /** The commits of the store */
  get commits() {
    return toStore({ store: this.#store }).commits
  }

  get isGone() {
    return this.#store.closed
  }

  /** Closes nothing: the store owns the instances that `begin` has made. */
  discard() {}

  /** Waits until the last commit is not on trial any more: it may still be taken back. */
  async ready() {
    await this.#trial
  }

  /** Applies the manifest. Returns the event, if that has changed anything. `watching` reports errors. */
  async reload(watching) {
    const start = performance.now()
    const read = await watching.at('apply', () => this.#read())
    if (read === undefined) return undefined
    this.#modules = read.modules
    // The new files may be half-written: they are waited for.
    if (watching.watch(this.paths)) return undefined
    const applied = await watching.at('apply', () => this.#apply())
    if (applied === undefined) return undefined
    this.#take(applied)
    if (!applied.changed) return undefined
    return { file: this.file, ...applied, duration: performance.now() - start }
  }

  async #read() {
    const { modules } = await readManifest(this.#manifest, this.#options.base)
    return { modules: [...new Set(modules.map(({ file }) => file))] }
  }

  #apply() {
    const { base, imports, commit } = this.#options
    return apply(this.#store, this.#manifest, { base, imports, ...commit })
  }

  #take({ instances, change }) {
    this.instances = instances
    if (change !== undefined) this.#trial = above.trialOf(change)
  }
}

module.exports = { WatchedManifest }
