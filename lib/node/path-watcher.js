'use strict'

// The directories that decide to which files paths lead.

const fs = require('node:fs')
const { basename, join, parse, resolve, sep } = require('node:path')

/** Most symbolic links of a path, as on Linux. */
const MOST_LINKS = 40

/**
 * The directories in which a change may make a path lead to another file: the one that holds the file, those that hold a symbolic
 * link on the way, and the one in which the first missing name would appear.
 */
function directoriesOf(path) {
  const found = new Set()
  let { root: directory } = parse(resolve(path))
  let names = namesOf(resolve(path))
  for (let links = 0; names.length > 0 && links <= MOST_LINKS;) {
    const [name, ...rest] = names
    const next = join(directory, name)
    const stat = fs.lstatSync(next, { throwIfNoEntry: false })
    if (stat?.isDirectory() && rest.length > 0) {
      directory = next
      names = rest
      continue
    }
    found.add(directory)
    if (!stat?.isSymbolicLink()) break
    links++
    const target = resolve(directory, fs.readlinkSync(next))
    directory = parse(target).root
    names = [...namesOf(target), ...rest]
  }
  return found
}

const namesOf = (path) => path.slice(parse(path).root.length).split(sep).filter(Boolean)

/** Calls `changed` when something changes in the directories of some paths. Keeps no process alive. */
class PathWatcher {
  #changed
  #watchers = new Map()

  constructor(changed) {
    this.#changed = changed
  }

  /** Watches the directories that the paths go through now, and no others. Throws Node's error if that cannot be done. */
  update(paths) {
    const wanted = new Set(paths.flatMap((path) => [...directoriesOf(path)]))
    for (const directory of this.#watchers.keys()) if (!wanted.has(directory)) this.#forget(directory)
    for (const directory of wanted) if (!this.#watchers.has(directory)) this.#watch(directory)
  }

  #watch(directory) {
    const own = basename(directory)
    const watcher = fs.watch(directory, { persistent: false }, (event, name) => {
      // An event with the directory's own name may mean that it was removed, and that the next `update` finds another one.
      if (event === 'rename' && name === own) this.#forget(directory)
      this.#changed()
    })
    // On Windows, a directory that is removed is an error of its watcher.
    watcher.on('error', () => {
      this.#forget(directory)
      this.#changed()
    })
    this.#watchers.set(directory, watcher)
  }

  #forget(directory) {
    this.#watchers.get(directory)?.close()
    this.#watchers.delete(directory)
  }

  close() {
    for (const directory of this.#watchers.keys()) this.#forget(directory)
  }
}

module.exports = { PathWatcher }
