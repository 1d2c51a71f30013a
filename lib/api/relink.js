'use strict'

// The class Relink, and `relink`.

const dispose = require('../node/dispose')
const { above } = require('../internal/above')
const { Changes } = require('../internal/changes')
const { commit } = require('../internal/commit')
const { drained } = require('../internal/drained')
const { channels } = require('../internal/events')
const { Brand, onlyInternal } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { Link, isOver } = require('./link')
const { toRequest } = require('./relink-forms')
const { RequestedChanges } = require('./requested-changes')
const { uncloneable } = require('../node/uncloneable')
const { toLinkOptions } = require('../options/commit-options')
const { webidl } = require('../options/webidl')

let brand

/** The permissions of a function that an entry has held before. */
const ANY_TYPE = toLinkOptions({ merged: true, pointers: true })

/** A commit: changes of slots that were made together. */
class Relink {
  #changes
  #links
  /** Entries of tables that a manifest has emptied together with the commit, with their functions: `[implementation, slot]` of each */
  #emptied = []

  static {
    brand = new Brand('a Relink', (value) => (#changes in value ? value : undefined))
    webidl(this)
    inspectable(this, {
      links: (all) => all.links,
      id: (all) => all.id,
      label: (all) => all.label,
      by: (all) => all.by,
      time: (all) => all.time,
      undone: (all) => all.undone,
    })
    above.commitOf = (changes) => (changes.more.wrapper ??= new Relink(changes))
    above.noteEmptied = (all, filled) => void (all.#emptied = filled)
    above.trialOf = (all) => all.#changes.more.trial?.settled
    above.publish = publish
    above.linkWithPrevious = linkWithPrevious
  }

  constructor(changes) {
    if (!(changes instanceof Changes)) throw onlyInternal('Relink', 'relink(changes)')
    this.#changes = changes
    uncloneable(this)
  }

  get id() {
    return brand.get(this).#changes.id
  }

  get label() {
    return brand.get(this).#changes.about?.label
  }

  get by() {
    return brand.get(this).#changes.about?.by
  }

  get time() {
    return new Date(brand.get(this).#changes.time)
  }

  get slots() {
    return brand.get(this).#changes.describe()
  }

  get skipped() {
    return brand.get(this).#changes.more.skipped
  }

  get settled() {
    const trial = brand.get(this).#changes.more.trial
    trial?.hold()
    return trial?.settled
  }

  get undone() {
    const all = brand.get(this)
    return all.#changes.isUndone && all.#emptied.length === 0
  }

  get links() {
    const all = brand.get(this)
    // Made on demand: most changes are only ever undone together.
    return (all.#links ??= Object.freeze(all.#changes.slots.map((_, index) => new Link(all.#changes, index))))
  }

  async drained() {
    const changes = brand.get(this).#changes
    if (changes.store !== undefined)
      await drained(changes.store, { functions: changes.replaced([...changes.slots.keys()]) })
  }

  undo() {
    const all = brand.get(this)
    const changes = all.#changes
    changes.store?.commits.refuseInHook('undo')
    const refilled = all.#refill()
    const isUndone = changes.undoAll()
    refilled?.make(changes.about)
    all.#emptied = []
    if (!isUndone || !channels.undo.hasSubscribers) return
    publish('undo', changes, { reason: 'undo', undone: changes.slots.map(({ name }) => name) })
  }

  /** The changes that fill the emptied entries again, checked; undefined without any. An undo of a link cannot do it: these have ended. */
  #refill() {
    const filled = this.#emptied.filter(([, slot]) => slot.current === null)
    if (filled.length === 0) return undefined
    const requested = new RequestedChanges(filled.length, ANY_TYPE)
    filled.forEach((pair, index) => requested.addPair(pair, index))
    requested.check()
    return requested
  }

  [dispose]() {
    try {
      this.undo()
    } catch (error) {
      if (!isOver(error)) throw error
      // Some links were undone one by one: undo the others.
      for (const link of this.links.toReversed()) link[dispose]()
    }
  }
}

/** Publishes an event about changes. */
function publish(name, changes, more) {
  const made = above.commitOf(changes)
  const { id, label, by, time, slots } = made
  channels[name].publish({ id, label, by, time, slots, commit: made, ...more })
}

/** Links an implementation, and the import by which it calls what it replaces: both or none. */
function linkWithPrevious(implementation, slot, permissions) {
  const requested = new RequestedChanges(1, permissions)
  requested.addPair([implementation, slot], 0)
  requested.addPrevious()
  const changes = requested.make(permissions.about)
  changes.more.isJoined = true
  const made = new Link(changes, 0)
  if (channels.link.hasSubscribers) publish('link', changes, { link: made })
  return made
}

/** Makes many changes, or none. */
function relink(changes, ...rest) {
  const { requested, options, skipped } = toRequest(changes, rest)
  return commit(
    requested,
    options,
    (made) => {
      const all = new Relink(made)
      if (skipped !== undefined) made.more.skipped = skipped
      // The history returns this object.
      if (requested.slots.length > 0) made.more.wrapper = all
      if (channels.relink.hasSubscribers) publish('relink', made, { skipped })
      return all
    },
    reportTrial,
  )
}

/** Publishes the result of a trial. */
function reportTrial(changes, result) {
  if (channels.trial.hasSubscribers) publish('trial', changes, result)
  if (result.outcome !== 'undone' || result.reason === 'undo' || !channels.undo.hasSubscribers) return
  publish('undo', changes, { reason: 'trial', undone: changes.slots.map(({ name }) => name) })
}

module.exports = { Relink, relink }
