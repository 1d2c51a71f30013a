'use strict'

// The newest commits of a store.

const { LinkError, rangeError } = require('../errors')
const { COMMITS } = require('../options/commit-options')
const { wrongType, formatValue } = require('../options/arguments')
const { formatList } = require('../names/format-list')
const { isInHook, runHook } = require('./hooks')

/** Number of batches of commits that are held weakly, and of commits in each. */
const BATCHES = 4
const IN_BATCH = 16

/**
 * The newest commits of a store, in a ring. They keep alive the functions that a rollback would put back, so the ring's length
 * bounds the number of old instances.
 *
 * A store that nobody has asked for its history has no ring. It holds the commits of `relink` weakly, so that they are there for
 * as long as V8 has not collected them, and does not note plain links, which are to cost nothing.
 */
class Commits {
  /** The length of the ring; 0 before `begin` */
  #limit
  /** Whether the history was never asked for */
  #isUnused
  #ring = []
  /** The position of the next commit in the ring */
  #next = 0
  /** Whether older commits have left the ring, or were never in it */
  #isCut = false
  /**
   * Weak references to batches of commits, until `begin`. A batch lives while one of its commits does. One reference for each commit
   * would take as long as the commit, and V8 keeps the targets of new references until the end of the job.
   */
  #weak = []

  /** `limit` is the greatest number of commits; undefined if the user has not said it. */
  constructor(limit) {
    this.#limit = limit ?? 0
    this.#isUnused = limit === undefined
    this.#isCut = limit === 0
  }

  /** Begins to hold commits, if the user has not said how many. */
  begin() {
    if (!this.#isUnused) return
    this.#isUnused = false
    this.#limit = COMMITS
    for (const reference of this.#weak.splice(0)) {
      const batch = reference.deref()
      if (batch === undefined) this.#isCut = true
      for (const commit of batch ?? []) this.add(commit)
    }
  }

  get limit() {
    return this.#limit
  }

  /** Adds a commit, and drops the oldest one if there are too many. */
  add(changes) {
    if (this.#limit === 0) return
    const position = this.#next
    if (position < this.#ring.length) {
      this.#isCut = true
      this.#ring[position] = changes
    } else {
      this.#ring.push(changes)
    }
    this.#next = position + 1 === this.#limit ? 0 : position + 1
  }

  /** `add` for a commit of `relink`. */
  addMany(changes) {
    if (!this.#isUnused) return this.add(changes)
    let batch = this.#weak.at(-1)?.deref()
    if (batch === undefined || batch.length === IN_BATCH) {
      batch = []
      this.#weak.push(new WeakRef(batch))
      if (this.#weak.length > BATCHES) this.#cutWeak()
    }
    batch.push(changes)
    changes.more.batch = batch
  }

  /** Drops the oldest batch. */
  #cutWeak() {
    const oldest = this.#weak.shift().deref()
    if (oldest !== undefined) oldest.length = 0
    this.#isCut = true
  }

  /** The commits, the oldest first. */
  list() {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)]
  }

  /** The commit of the link with this id, if the ring has it. */
  ofLink(id) {
    return this.#ring.find((commit) => commit.hasLink(id))
  }

  /** Describes all commits, before functions that they hold are closed. */
  describe() {
    for (const commit of this.#ring) commit.describe()
  }

  /** Notes that a slot was reset. */
  noteReset(slot) {
    for (const commit of this.#ring) commit.noteReset(slot)
  }

  /** Adds to the refusal of an undo the later commits of the same slot, which must be undone first, if one has a label. */
  explain(error, changes) {
    if (error?.code !== 'ERR_RELINK_ORDER') return error
    const isLater = (commit) =>
      commit.id > changes.id && commit.slots.some(({ name }, index) => name === error.slot && commit.isActive(index))
    const later = this.list().filter(isLater)
    if (!later.some(({ about }) => about?.label !== undefined)) return error
    const names = later.map(({ id, about }) => (about?.label === undefined ? `${id}` : `${id}, ${about.label}`))
    error.message += ` (commit ${formatList(names)})`
    return Object.assign(error, { commits: later.map(({ id }) => id) })
  }

  /** The commits after the one with this id, which a rollback to it undoes; 0 stands for the time before all. */
  after(id) {
    if (typeof id !== 'number') throw wrongType("a commit's id", 'id', id)
    const all = this.list()
    const index = all.findIndex((commit) => commit.id === id)
    if (index < 0 && !(id === 0 && !this.#isCut)) throw unknownCommit(id, all, this.#limit)
    const kept = all.slice(0, index + 1)
    const gone = kept.filter((commit) => commit.endedAfter(id)).map((commit) => commit.id)
    if (gone.length > 0) throw lost(id, gone)
    return all.slice(index + 1).filter((commit) => !commit.isUndone)
  }

  /** Refuses to return to a commit if later links are not in the history. `linked` are the active links of the store. */
  refuseUnknown(id, linked) {
    const unknown = linked.filter(({ link }) => link > id && this.ofLink(link) === undefined)
    if (unknown.length === 0) return
    const names = formatList(unknown.map(({ slot }) => slot.name))
    throw new LinkError(
      `cannot return to commit ${id}: later links of ${names} are not in the history, which begins when it is first used; give ` +
        'the store the option `historyLimit`',
      { code: 'ERR_RELINK_ORDER', details: { slot: unknown[0].slot.name } },
    )
  }

  /** Runs a hook, which must not change slots of the store: until it returns, or until the promise that it returns is settled. */
  during(run) {
    return runHook(this, run)
  }

  /** Refuses a change of a slot in a hook. `what` is the call, `slot` the name of its slot, if it has one. */
  refuseInHook(what, slot) {
    if (!isInHook(this)) return
    const about = slot === undefined ? '' : ` of "${slot}"`
    throw new LinkError(
      `\`${what}\`${about} was called by a hook of a commit that is being made in the same store: change slots before or after ` +
        'the commit',
      { code: 'ERR_RELINK_REENTRANT', details: slot === undefined ? {} : { slot } },
    )
  }
}

function unknownCommit(id, all, limit) {
  const ids = all.map((commit) => commit.id)
  const there = ids.length === 0 ? 'has no commits' : `has the commits ${ids.at(0)} to ${ids.at(-1)}`
  return rangeError(
    `the history has no commit ${formatValue(id)}: it ${there}, and \`historyLimit\` is ${limit}`,
    'ERR_RELINK_UNKNOWN_COMMIT',
    { commit: id, commits: ids },
  )
}

function lost(id, gone) {
  const which = gone.length === 1 ? `commit ${gone[0]} was` : `the commits ${gone.join(', ')} were`
  return new LinkError(
    `cannot return to commit ${id}: ${which} undone or reset after it, so make these changes again`,
    {
      code: 'ERR_RELINK_UNDONE',
      details: { commit: id, commits: gone },
    },
  )
}

module.exports = { Commits }
