'use strict'

// The command `watch`.

const { resolve } = require('node:path')
const { Module, compileFile } = require('..')
const { toModule } = require('../lib/api/module')
const { matchingSlots } = require('../lib/internal/matching-slots')
const { formatType } = require('../lib/node/inspect')
const { FileWatcher } = require('../lib/node/file-watcher')
const { columns } = require('./columns')
const { about } = require('./failure')
const { ManifestPreview } = require('./manifest-preview')
const { printable } = require('./printable')

/** A file, and what `watch` of the package would do after each change of it. */
class WatchedFile {
  #file
  #slots
  #print
  /** The module whose instance would be relinked: the first one */
  #first
  /** The hash of the module that would run */
  #hash
  #files

  constructor(file, { slots, print, fail }) {
    this.#file = file
    this.#slots = slots
    this.#print = print
    const changed = () => this.#look().catch(fail)
    this.#files = new FileWatcher([resolve(file)], { settle: 50, changed, failed: fail })
  }

  /** Looks at the file, which may be missing, and then at each change of it. */
  start() {
    void this.#files.force()
  }

  async #look() {
    const module = await about(this.#file, () => compileFile(this.#file, { slots: this.#slots }))
    const hash = toModule(module).native.hash()
    if (hash === this.#hash) return this.#say('the same bytes, so nothing would change')
    if (this.#first === undefined) {
      this.#first = module
      this.#say(`${slots(toModule(module).listed)}; waiting for changes`)
    } else if (!this.#compare(module)) {
      return
    }
    this.#hash = hash
  }

  /** Prints the changes to a new version. Returns whether it would run. */
  #compare(module) {
    const { matches, skipped } = matchingSlots(sideOf(this.#first), sideOf(module))
    if (matches.length === 0) {
      this.#say('would be refused, since no slot has a function of its name and type', skipped.map(reasonOf))
    } else {
      const types = new Map(toModule(this.#first).slots.map(({ name, type }) => [name, formatType(type)]))
      const rows = matches.map(({ name }) => [name, types.get(name)])
      this.#say(`would relink ${slots(matches)}`, rows)
      if (skipped.length > 0) this.#say(`would leave ${slots(skipped)} as before`, skipped.map(reasonOf))
    }
    const known = new Set(importsOf(this.#first))
    const added = importsOf(module).filter((name) => !known.has(name))
    if (added.length > 0)
      this.#say(
        'needs further imports',
        added.map((name) => [name]),
      )
    return matches.length > 0
  }

  #say(text, rows = []) {
    const lines = [`${printable(this.#file)}: ${text}`, ...(rows.length > 0 ? columns(rows) : [])]
    this.#print(`${lines.join('\n')}\n`)
  }
}

const slots = ({ length }) => `${length} ${length === 1 ? 'slot' : 'slots'}`

const reasonOf = ({ slot, message }) => [slot, message]

const importsOf = (module) => Module.imports(module).map(({ module: from, name }) => `${from}.${name}`)

/** A module in the form in which `matchingSlots` gets instances; its functions are never called. */
function sideOf(module) {
  const functions = Module.exports(module).filter(({ kind }) => kind === 'function')
  const exports = Object.assign(Object.create(null), Object.fromEntries(functions.map(({ name }) => [name, () => {}])))
  return { state: { compiled: toModule(module), exports } }
}

/** Watches files until the process ends. */
function watchFiles(files, options) {
  // Each file is looked at once, also if it is given twice.
  for (const file of new Set(files)) {
    const Watched = file.endsWith('.json') ? ManifestPreview : WatchedFile
    new Watched(file, options).start()
  }
  // The watchers keep no process alive.
  setInterval(() => {}, 2 ** 30)
}

module.exports = { watchFiles }
