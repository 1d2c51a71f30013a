'use strict'

// The plugin of a watched file: an instance, and the versions that its slots were relinked to.

const { performance } = require('node:perf_hooks')
const { typeError } = require('../errors')
const { findInstance } = require('../api/instance')
const { checkLoad, load, loadUnless } = require('../api/load')
const { relink } = require('../api/relink')
const { toStore } = require('../api/store')
const { above } = require('../internal/above')
const { drained } = require('../internal/drained')
const { wrongType } = require('../options/arguments')

/** An instance that is relinked to each new version of its file. */
class WatchedPlugin {
  #options
  /**
   * The versions that may run, the newest last. Each but the first has the commit that has put it in the place of the one before.
   * The one before the newest stays open, so that its commit can be undone.
   */
  #versions
  /** The trial of the newest version; undefined without one */
  #trial
  file
  instance
  instances = undefined

  constructor(file, instance, options) {
    this.file = file
    this.instance = instance
    this.#options = options
    this.#versions = [{ instance, change: undefined }]
  }

  /** Loads the file, unless the options have an instance. */
  static async begin(file, options) {
    const { instance, imports } = options
    const state = instance === undefined ? undefined : findInstance(instance)
    if (instance !== undefined && state === undefined) throw wrongType('an Instance', 'options.instance', instance)
    checkLoad(imports, options.load)
    const loading = state === undefined ? options.load : inStoreOf(state, options.load)
    const running = instance ?? (await load(file, imports, loading))
    const store = above.storeOf(findInstance(running).store)
    return new WatchedPlugin(file, running, { ...options, load: { ...loading, store } })
  }

  get paths() {
    return [this.file]
  }

  /** The commits of the store */
  get commits() {
    return findInstance(this.instance).store.commits
  }

  get isGone() {
    return this.instance.closed
  }

  /** Takes back what `begin` has made. */
  discard() {
    if (this.#options.instance === undefined) this.instance.close()
  }

  /** Waits until the newest version is not on trial any more: it may still be taken back. */
  async ready() {
    await this.#trial
  }

  /**
   * Loads the file and relinks the instance to it, unless it has the bytes that run. Returns the event, if a new version runs.
   * `watching` reports errors.
   */
  async reload(watching) {
    const start = performance.now()
    this.#dropUndone(watching)
    const previous = this.#versions.at(-1).instance
    const { imports, load: loading, commit } = this.#options
    const hash = hashOf(previous)
    const next = await watching.at('load', () => loadUnless(hash, this.file, imports, loading))
    if (next === undefined) return undefined
    if (watching.isClosed()) return void next.close()
    const change = await watching.at('relink', () => relink(this.instance, next, commit))
    if (change === undefined) return void next.close()
    this.#begin(next, change, watching)
    const duration = performance.now() - start
    return { file: this.file, instance: this.instance, previous, next, change, hash: hashOf(next), duration }
  }

  /** Notes a new version, and closes those that no undo of its commit brings back. */
  #begin(instance, change, watching) {
    this.#versions.push({ instance, change })
    for (const { instance: old } of this.#versions.splice(0, this.#versions.length - 2)) this.#release(old, watching)
    this.#trial = this.#settle(above.trialOf(change), watching)
  }

  /** Waits for a trial, and closes the version if that has taken it back. */
  async #settle(trial, watching) {
    if (trial === undefined) return
    await trial
    this.#dropUndone(watching)
  }

  /** Closes the versions whose commits were undone. */
  #dropUndone(watching) {
    while (this.#versions.length > 1 && this.#versions.at(-1).change.undone) {
      this.#release(this.#versions.pop().instance, watching)
    }
  }

  /** Closes a version that was loaded here, when no call can be inside it any more. */
  #release(old, watching) {
    if (old === this.instance) return
    void watching.at('close', async () => {
      await drained(findInstance(old).store, { ref: false })
      old.close()
    })
  }
}

/** The hash of an instance's module, as in the history. */
const hashOf = (instance) => findInstance(instance).compiled.native.hash()

/** The options of loading into the store of an instance. */
function inStoreOf({ store }, loading = {}) {
  if (loading.store !== undefined && toStore(loading) !== store) {
    throw typeError(
      'expected the store of `options.instance` as `options.load.store`, got another one: leave it out',
      'ERR_INVALID_ARG_VALUE',
    )
  }
  return loading
}

module.exports = { WatchedPlugin }
