'use strict'

// The entries of a slot's history and of a store's list of links.

const { above } = require('./above')
const { activeIn } = require('./drained')
const { recordOf, unadapted } = require('./function-record')
const { coreOf } = require('./owners')

/** The commits of one slot, the oldest first. */
function historyOf(store, slot) {
  return Object.freeze(
    store.commits.list().flatMap((commit) =>
      commit.slots.flatMap((each, index) => {
        if (each !== slot) return []
        const { before, after } = commit.describe()[index]
        const { id, label, by, time } = above.commitOf(commit)
        return [Object.freeze({ id, label, by, time, before, after, undone: !commit.isActive(index) })]
      }),
    ),
  )
}

/** The functions that a slot holds, or has held, with the calls inside each: the current one first. */
function activeOf(store, slot, functions) {
  for (const commit of store.commits.list().toReversed()) {
    commit.slots.forEach((each, index) => {
      if (each === slot && commit.isActive(index)) functions.push(commit.previous(index))
    })
  }
  const known = [...new Set(functions)].filter((fn) => fn !== null)
  return Object.freeze(
    known.map((fn) => Object.freeze({ implementation: coreOf(unadapted(fn)), calls: activeIn(store, fn) })),
  )
}

/** The active links of a store. */
function linksOf(store) {
  return store.linkedSlots().map(({ slot: info, link, instance }) => {
    const slot = slotIn(store, info, instance)
    const { current } = slot
    const commit = store.commits.ofLink(link)
    return Object.freeze({
      slot,
      implementation: current,
      after: recordOf(store, current),
      commit: commit && above.commitOf(commit),
    })
  })
}

/**
 * The wrapper of a slot. It is made by the instance with the id `owner`, which knows the slot's types, if there still is a wrapper of
 * that.
 */
function slotIn(store, info, owner) {
  const instance = info.kind !== 'table' && owner !== undefined && store.find('instance', owner)
  return instance ? instance.slot(info.name) : above.slotOf(store, info)
}

module.exports = { activeOf, historyOf, linksOf }
