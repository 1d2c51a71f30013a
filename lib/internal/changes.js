'use strict'

// Changes of slots.

const { isIgnored } = require('./late')
const { recordOf } = require('./function-record')
const records = require('./link-record')

/**
 * Changes of slots of one store that were made together, in columns, since there may be many. The native side keeps none of
 * them, only the functions that an undo would put back, while their undo root is alive.
 */
class Changes {
  /** Keeps the previous functions alive. Each native call gets it, so V8 cannot collect it earlier */
  #undoRoot
  #record
  /** The id of the commit: that of its first link */
  id = 0
  /** Properties that most commits lack; one object, since each field takes time in `link` */
  #more

  constructor(store, implementations, slots) {
    this.store = store
    this.implementations = implementations
    this.slots = slots
  }

  /**
   * Properties that most commits lack: the label and the author in `about`, the slots that two instances do not share in `skipped`, the
   * `Relink` in `wrapper`, the batch of `Commits` in `batch`, whether a link is only undone with all others in `isJoined`, the id
   * of the first link, if it is not the commit's, in `first`, the trial in `trial`, and the record of each change for users in `described`.
   */
  get more() {
    return (this.#more ??= {
      about: undefined,
      skipped: undefined,
      wrapper: undefined,
      batch: undefined,
      isJoined: false,
      first: undefined,
      trial: undefined,
      described: undefined,
    })
  }

  get about() {
    return this.#more?.about
  }

  /** Milliseconds since 1970. */
  get time() {
    return this.isEmpty ? Date.now() : records.timeOf(this.#record)
  }

  /** Makes all changes of the request, or none. `unconverted` are changes whose arguments cannot be converted, as JSON. */
  make(request, allowed, unconverted) {
    const { store } = this
    const id = Changes.#next
    this.#undoRoot = store.relink(request, allowed, id, unconverted)
    this.#record = request
    this.id = id
    Changes.#next = id + this.slots.length
    records.setTime(request, Date.now())
    if (this.about !== undefined) store.commits.begin()
    store.commits.addMany(this)
  }

  /** Makes a single change, whose refusal is not wrapped in `ERR_RELINK_REFUSED`. */
  makeOne(address, slot, allowed) {
    const { store } = this
    const id = Changes.#next
    this.#undoRoot = store.link(address, slot, allowed, id)
    this.#record = records.recordFrom(store.linkScratch)
    this.id = id
    Changes.#next = id + 1
    store.commits.add(this)
  }

  /** The id of the next link. Ids are unique in this thread. */
  static #next = 1

  /** Whether this is an empty list of changes. */
  get isEmpty() {
    return this.#record === undefined
  }

  /** Whether a change is active: neither undone nor reset. */
  isActive(index) {
    return records.isActive(this.#record, index)
  }

  /** Whether no change is active. */
  get isUndone() {
    return this.slots.every((_, index) => !records.isActive(this.#record, index))
  }

  /** Whether a change that was made before the commit `id` ended after it. */
  endedAfter(id) {
    return this.slots.some((_, index) => records.endOf(this.#record, index) > id)
  }

  /** Whether one of the links has this id. */
  hasLink(id) {
    const first = this.#more?.first ?? this.id
    return id >= first && id < first + this.slots.length
  }

  /**
   * Makes the changes of another request for the same slots in the place of these, at once. The commit stays the same.
   *
   * Throws if that cannot be; if the other changes cannot be made any more, these are undone then.
   */
  exchange(request, allowed) {
    const { store } = this
    const [id, time] = [Changes.#next, this.time]
    store.checkChanges(request, allowed, undefined)
    store.undoAll(this.#record, this.#undoRoot)
    this.#endAll()
    this.#undoRoot = store.relink(request, allowed, id, undefined)
    this.#record = request
    records.setTime(request, time)
    this.more.first = id
    Changes.#next = id + this.slots.length
  }

  #endAll() {
    this.slots.forEach((_, index) => records.endRecord(this.#record, index, Changes.#next))
  }

  /** The function that the slot held before a change. */
  previous(index) {
    records.copyRecord(this.#record, index, this.store.linkScratch)
    return this.store.previous(index, this.#undoRoot)
  }

  /**
   * The functions that some changes have replaced, the null of empty entries left out. Undefined if they are not known any more:
   * a change was undone, or its slot is closed.
   */
  replaced(indices) {
    if (!indices.every((index) => this.isActive(index))) return undefined
    try {
      return indices.map((index) => this.previous(index)).filter((fn) => fn !== null)
    } catch (error) {
      if (error?.code !== 'ERR_RELINK_CLOSED') throw error
      return undefined
    }
  }

  /** The record of each change for users. */
  describe() {
    return (this.more.described ??= Object.freeze(this.slots.map((slot, index) => this.#recordOf(slot, index))))
  }

  #recordOf(slot, index) {
    const { store } = this
    let before
    try {
      before = recordOf(store, this.previous(index))
    } catch (error) {
      // The slot's instance is closed.
      if (error?.code !== 'ERR_RELINK_CLOSED') throw error
    }
    return Object.freeze({
      slot: slot.name,
      kind: slot.kind,
      before,
      after: recordOf(store, this.implementations[index]),
    })
  }

  /** Undoes one change. Returns whether it did. */
  undo(index) {
    if (this.#more?.isJoined) return this.undoAll()
    records.copyRecord(this.#record, index, this.store.linkScratch)
    try {
      this.store.undo(index, this.#undoRoot)
    } catch (error) {
      if (isIgnored(error)) return false
      throw this.store.commits.explain(error, this)
    }
    records.endRecord(this.#record, index, Changes.#next)
    this.#more?.trial?.notice()
    return true
  }

  /** Undoes all changes, the last one first, or none. Returns whether it did. */
  undoAll() {
    // An empty list of changes has no store.
    if (this.isEmpty) return false
    try {
      this.store.undoAll(this.#record, this.#undoRoot)
    } catch (error) {
      if (isIgnored(error)) return false
      throw this.store.commits.explain(error, this)
    }
    this.#endAll()
    this.#more?.trial?.notice()
    return true
  }

  /** Undoes the active changes of some commits, the last one first: all or none. */
  static undoMany(store, commits) {
    const numbers = []
    const positions = []
    for (const commit of commits) {
      commit.slots.forEach((_, index) => {
        if (!commit.isActive(index)) return
        numbers.push(...records.numbersOf(commit.#record, index))
        positions.push(index)
      })
    }
    const roots = commits.map((commit) => commit.#undoRoot)
    store.rollback(Float64Array.from(numbers), Float64Array.from(positions), roots)
    for (const commit of commits) {
      commit.#endAll()
      commit.#more?.trial?.notice()
    }
  }

  /** Notes that the slot was reset: its changes have ended. */
  noteReset(slot) {
    this.slots.forEach((each, index) => {
      if (each === slot) records.endRecord(this.#record, index, Changes.#next)
    })
    this.#more?.trial?.notice()
  }
}

module.exports = { Changes }
