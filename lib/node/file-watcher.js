'use strict'

// Files that are looked at after each change, when their writers have finished.

const { stat } = require('node:fs/promises')
// Node's own timers, whatever a test has put on `globalThis`.
const { clearTimeout, setTimeout } = require('node:timers')
const { PathWatcher } = require('./path-watcher')

/** Most attempts to watch directories that come and go meanwhile. */
const ATTEMPTS = 10

/**
 * Calls `changed` after one of some files was written or replaced, one call at a time, and `failed` with an error of the file
 * system. Files count as finished when their identities, sizes and times stay the same for `settle` milliseconds. While the first
 * file is not there, `changed` is not called. Keeps no process alive.
 */
class FileWatcher {
  #paths
  #settle
  #changed
  #failed
  #directories
  /** The state of the files in which `changed` was last called */
  #seen
  /** Whether something has happened since the last look */
  #isDirty = false
  /** Whether `changed` is due even if the file is the same */
  #isForced = false
  /** Number of calls of `force` that wait */
  #waiting = 0
  #isClosed = false
  /** The promise of the looks, while there are any */
  #looks
  #timer
  #wake

  constructor(paths, { settle, changed, failed }) {
    this.#paths = paths
    this.#settle = settle
    this.#changed = changed
    this.#failed = failed
    this.#directories = new PathWatcher(() => void this.#look())
  }

  /** Begins to watch, and looks once. Throws Node's error if the directories cannot be watched. */
  start() {
    this.#update()
    void this.#look()
  }

  /** Watches these files from now on. Returns whether they are others than before: `changed` is then called when they are finished. */
  watch(paths) {
    if (paths.join('\0') === this.#paths.join('\0')) return false
    this.#paths = paths
    this.#isDirty = true
    return true
  }

  /** Calls `changed` when the files are finished, also if they are the same. Keeps the process alive until then. */
  async force() {
    this.#isForced = true
    this.#waiting++
    this.#timer?.ref()
    try {
      await this.#look()
    } finally {
      this.#waiting--
    }
  }

  #look() {
    this.#isDirty = true
    return (this.#looks ??= this.#lookAgain().finally(() => (this.#looks = undefined)))
  }

  async #lookAgain() {
    while (this.#isDirty && !this.#isClosed) {
      this.#isDirty = false
      try {
        await this.#lookOnce()
      } catch (error) {
        this.#isForced = false
        await this.#failed(error)
      }
    }
  }

  async #lookOnce() {
    // Watching comes first, so that no change after the look is missed.
    this.#update()
    const state = await this.#finished()
    // After the wait: what `force` asked for meanwhile is in this look, too.
    const isForced = this.#isForced
    this.#isForced = false
    if (this.#isClosed || (!isForced && (state === undefined || state === this.#seen))) return
    this.#seen = state
    await this.#changed()
  }

  /** The state of the files, when it stays the same; undefined without the first one. */
  async #finished() {
    let before = await this.#state()
    while (!this.#isClosed) {
      await this.#wait()
      const now = await this.#state()
      if (now === before) return now
      before = now
    }
    return undefined
  }

  async #state() {
    const states = await Promise.all(this.#paths.map(stateOf))
    return states[0] === undefined ? undefined : states.join(';')
  }

  #wait() {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#timer = setTimeout(resolve, this.#settle)
      if (this.#waiting === 0) this.#timer.unref()
    })
  }

  #update() {
    for (let attempt = 1; ; attempt++) {
      try {
        return this.#directories.update(this.#paths)
      } catch (error) {
        // A directory was removed between finding and watching it.
        const isGone = error?.code === 'ENOENT' || error?.code === 'ENOTDIR'
        if (!isGone || attempt === ATTEMPTS) throw error
      }
    }
  }

  close() {
    this.#isClosed = true
    this.#directories.close()
    clearTimeout(this.#timer)
    this.#wake?.()
  }
}

/** The identity, size and times of a file; undefined without one. */
async function stateOf(path) {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join()
  } catch (error) {
    if (error?.code === 'ENOENT' || error?.code === 'ENOTDIR') return undefined
    throw error
  }
}

module.exports = { FileWatcher }
