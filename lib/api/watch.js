'use strict'

// `watch`, and the class Watcher.

const { resolve } = require('node:path')
const { performance } = require('node:perf_hooks')
const process = require('node:process')
const dispose = require('../node/dispose')
const { typeError } = require('../errors')
const { above } = require('../internal/above')
const { drained } = require('../internal/drained')
const { Brand, onlyInternal } = require('../internal/handle')
const { FileWatcher } = require('../node/file-watcher')
const { inspectable } = require('../node/inspect')
const { uncloneable } = require('../node/uncloneable')
const { wrongType } = require('../options/arguments')
const { toWatchOptions } = require('../options/watch-options')
const { webidl } = require('../options/webidl')
const { findInstance } = require('./instance')
const { checkLoad, load, loadUnless, toPath } = require('./load')
const { relink } = require('./relink')
const { toStore } = require('./store')

/** The key to the constructor, which only this file has. */
const KEY = Symbol('Watcher')

let brand

/** Relinks an instance to each new version of its file. */
class Watcher {
  #file
  #instance
  #options
  #files
  #closed = false
  /**
   * The versions that may run, the newest last. Each but the first has the commit that has put it in the place of the one before.
   * The one before the newest stays open, so that its commit can be undone.
   */
  #versions
  /** The trial of the newest version; undefined without one */
  #trial

  static {
    brand = new Brand('a Watcher', (value) => (#file in value ? value : undefined))
    webidl(this)
    inspectable(this, { file: (watcher) => watcher.file, closed: (watcher) => watcher.closed })
  }

  constructor(key, file, instance, options) {
    if (key !== KEY) throw onlyInternal('Watcher', 'watch(file)')
    this.#file = file
    this.#instance = instance
    this.#options = options
    this.#versions = [{ instance, change: undefined }]
    const failed = (error) => this.#report(error, 'watch')
    this.#files = new FileWatcher(file, { settle: options.settle, changed: () => this.#reload(), failed })
    this.#files.start()
    options.signal?.addEventListener('abort', this.#abort, { once: true })
    uncloneable(this)
  }

  get file() {
    return brand.get(this).#file
  }

  get instance() {
    return brand.get(this).#instance
  }

  get closed() {
    return brand.get(this).#closed
  }

  async reload() {
    await brand.get(this).#files.force()
  }

  close() {
    const watcher = brand.get(this)
    watcher.#closed = true
    watcher.#files.close()
    watcher.#options.signal?.removeEventListener?.('abort', watcher.#abort)
  }

  [dispose]() {
    this.close()
  }

  #abort = () => this.close()

  /** Loads the file and relinks the instance to it, unless it has the bytes that run. Reports what fails. */
  async #reload() {
    const start = performance.now()
    // A version on trial may still be taken back.
    await this.#trial
    if (this.#closed) return
    if (this.#instance.closed) return this.close()
    this.#dropUndone()
    const previous = this.#versions.at(-1).instance
    const { imports, load: loading, commit, onReload } = this.#options
    const hash = hashOf(previous)
    let next
    try {
      next = await loadUnless(hash, this.#file, imports, loading)
    } catch (error) {
      return this.#report(error, 'load')
    }
    if (next === undefined) return
    if (this.#closed) return next.close()
    let change
    try {
      change = await relink(this.#instance, next, commit)
    } catch (error) {
      next.close()
      return this.#report(error, 'relink')
    }
    this.#begin(next, change)
    const duration = performance.now() - start
    try {
      await onReload?.({
        file: this.#file,
        instance: this.#instance,
        previous,
        next,
        change,
        hash: hashOf(next),
        duration,
      })
    } catch (error) {
      this.#report(error, 'onReload')
    }
  }

  /** Notes a new version, and closes those that no undo of its commit brings back. */
  #begin(instance, change) {
    this.#versions.push({ instance, change })
    for (const { instance: old } of this.#versions.splice(0, this.#versions.length - 2)) this.#release(old)
    this.#trial = this.#settle(above.trialOf(change))
  }

  /** Waits for a trial, and closes the version if that has taken it back. */
  async #settle(trial) {
    if (trial === undefined) return
    await trial
    this.#dropUndone()
  }

  /** Closes the versions whose commits were undone. */
  #dropUndone() {
    while (this.#versions.length > 1 && this.#versions.at(-1).change.undone) {
      this.#release(this.#versions.pop().instance)
    }
  }

  /** Closes a version that was loaded here, when no call can be inside it any more. */
  #release(old) {
    if (old === this.#instance) return
    const close = () => old.close()
    drained(findInstance(old).store, { ref: false })
      .then(close)
      .catch((error) => this.#report(error, 'close'))
  }

  #report(error, stage) {
    const { onError } = this.#options
    const file = this.#file
    if (onError === undefined) {
      process.emitWarning(`watch: ${file}: ${error?.message ?? String(error)}`, {
        type: 'WasmRelinkWarning',
        code: error?.code,
      })
      return
    }
    try {
      onError(error, { stage, file })
    } catch (thrown) {
      // No caller could catch it.
      process.nextTick(() => {
        throw thrown
      })
    }
  }
}

/** The hash of an instance's module, as in the history. */
const hashOf = (instance) => findInstance(instance).compiled.native.hash()

/** Loads a file, unless an instance of it is given, and relinks the instance to each later version of the file. */
async function watch(file, options = undefined) {
  const path = resolve(toPath(file))
  const known = toWatchOptions(options)
  const { signal, imports } = known
  if (signal?.aborted) throw signal.reason
  const { instance } = known
  const state = instance === undefined ? undefined : findInstance(instance)
  if (instance !== undefined && state === undefined) throw wrongType('an Instance', 'options.instance', instance)
  checkLoad(imports, known.load)
  const loading = state === undefined ? known.load : inStoreOf(state, known.load)
  const running = instance ?? (await load(path, imports, loading))
  if (signal?.aborted) {
    if (running !== instance) running.close()
    throw signal.reason
  }
  const store = above.storeOf(findInstance(running).store)
  try {
    return new Watcher(KEY, path, running, { ...known, load: { ...loading, store } })
  } catch (error) {
    if (running !== instance) running.close()
    throw error
  }
}

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

module.exports = { Watcher, watch }
