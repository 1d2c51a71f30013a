'use strict'

// The command `watch` for a manifest.

const { resolve } = require('node:path')
const { Store } = require('..')
const { readManifest } = require('../lib/manifest/document')
const { FileWatcher } = require('../lib/node/file-watcher')
const { applyTo } = require('./check')
const { columns } = require('./columns')
const { about, failuresOf } = require('./failure')
const { printable } = require('./printable')

/** A manifest, and what `watch` of the package would do after each change of it or of one of its files. */
class ManifestPreview {
  #file
  #host
  #print
  #fail
  #files
  /** The store that stands for the host's */
  #store = new Store()
  #isFirst = true

  constructor(file, { imports, print, fail }) {
    this.#file = file
    this.#host = imports
    this.#print = print
    this.#fail = fail
    const changed = () => this.#look().catch((error) => this.#refused(error))
    this.#files = new FileWatcher([resolve(file)], { settle: 50, changed, failed: fail })
  }

  /** Looks at the files, which may be missing, and then at each change of them. */
  start() {
    void this.#files.force()
  }

  async #look() {
    const manifest = await about(this.#file, () => readManifest(this.#file))
    const files = new Set([manifest.file, ...manifest.modules.map(({ file }) => file)])
    // The new files may be half-written: they are waited for.
    if (this.#files.watch([...files])) return
    const applied = await about(this.#file, () => applyTo(this.#store, manifest, this.#host))
    const { changed, instances, loaded, removed, linked, unlinked } = applied
    if (this.#isFirst) {
      this.#isFirst = false
      this.#say(`${count(Object.keys(instances), 'module')}, ${count(linked, 'link')}; waiting for changes`)
      return
    }
    if (!changed) return this.#say('nothing would change')
    for (const [text, names] of [
      ['would load', loaded],
      ['would no longer name', removed],
    ]) {
      if (names.length > 0)
        this.#say(
          `${text} ${count(names, 'module')}`,
          names.map((name) => [name]),
        )
    }
    const made = linked.map(({ module, slot, from, function: fn }) => [`${module}: ${slot}`, `${from}: ${fn}`])
    if (made.length > 0) this.#say(`would link ${count(made, 'slot')}`, made)
    if (unlinked.length > 0)
      this.#say(
        `would end ${count(unlinked, 'link')}`,
        unlinked.map((name) => [name]),
      )
  }

  #refused(error) {
    for (const each of failuresOf(error, this.#file)) this.#fail(each)
  }

  #say(text, rows = []) {
    const lines = [`${printable(this.#file)}: ${text}`, ...(rows.length > 0 ? columns(rows) : [])]
    this.#print(`${lines.join('\n')}\n`)
  }
}

const count = ({ length }, noun) => `${length} ${noun}${length === 1 ? '' : 's'}`

module.exports = { ManifestPreview }
