'use strict'

// The class Watcher.

const process = require('node:process')
const { LinkError } = require('../errors')
const dispose = require('../node/dispose')
const { Brand, onlyInternal } = require('../internal/handle')
const { isInHook, runHook } = require('../internal/hooks')
const { FileWatcher } = require('../node/file-watcher')
const { inspectable } = require('../node/inspect')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')
const { WatchedManifest } = require('../watch/manifest')
const { WatchedPlugin } = require('../watch/plugin')

let brand

/** Keeps a plugin, or the modules of a manifest, at the newest version of their files. */
class Watcher {
  #subject
  #options
  #files
  #closed = false

  static {
    brand = new Brand('a Watcher', (value) => (#subject in value ? value : undefined))
    webidl(this)
    inspectable(this, { file: (watcher) => watcher.file, closed: (watcher) => watcher.closed })
  }

  constructor(subject, options) {
    const isInternal = subject instanceof WatchedPlugin || subject instanceof WatchedManifest
    if (!isInternal) throw onlyInternal('Watcher', 'watch(file)')
    this.#subject = subject
    this.#options = options
    const failed = (error) => this.#report(error, 'watch')
    this.#files = new FileWatcher(subject.paths, { settle: options.settle, changed: () => this.#reload(), failed })
    this.#files.start()
    options.signal?.addEventListener('abort', this.#abort, { once: true })
    uncloneable(this)
  }

  get file() {
    return brand.get(this).#subject.file
  }

  get instance() {
    return brand.get(this).#subject.instance
  }

  get instances() {
    return brand.get(this).#subject.instances
  }

  get closed() {
    return brand.get(this).#closed
  }

  async reload() {
    const watcher = brand.get(this)
    watcher.#refuseInside()
    await watcher.#files.force()
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

  /** Refuses a reload in a function that a reload waits for: each would wait for the other. */
  #refuseInside() {
    this.#subject.commits.refuseInHook('watcher.reload')
    if (!isInHook(this)) return
    throw new LinkError(
      '`watcher.reload` was called by `onReload`, for which a reload waits: call it when `onReload` has returned',
      {
        code: 'ERR_RELINK_REENTRANT',
      },
    )
  }

  /** Takes the newest version, and says so. */
  async #reload() {
    await this.#subject.ready()
    if (this.#closed) return
    if (this.#subject.isGone) return this.close()
    const event = await this.#subject.reload(this.#watching)
    if (event !== undefined)
      await this.#watching.at('onReload', () => runHook(this, () => this.#options.onReload?.(event)))
  }

  /** The part of the watcher that its subject uses. */
  #watching = {
    /** Runs a step; if it throws, reports the error, and returns undefined. */
    at: async (stage, run) => {
      try {
        return await run()
      } catch (error) {
        return this.#report(error, stage)
      }
    },
    watch: (paths) => this.#files.watch(paths),
    isClosed: () => this.#closed,
  }

  #report(error, stage) {
    const { onError } = this.#options
    const { file } = this
    if (onError === undefined) {
      const subject = file === undefined ? '' : `${file}: `
      process.emitWarning(`watch: ${subject}${error?.message ?? String(error)}`, {
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

module.exports = { Watcher }
