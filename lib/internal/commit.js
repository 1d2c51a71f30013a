'use strict'

// Commits with hooks.

const { LinkError } = require('../errors')
const { formatValue } = require('../options/arguments')
const { handOver, selfTest } = require('./guest-hooks')
const { ownerOf } = require('./owners')
const { Trial } = require('./trial')

/**
 * Makes requested changes, after the hooks of the options have agreed. `finish` makes the result from the changes; `report` gets
 * the changes and the result of their trial.
 */
function commit(requested, options, finish, report) {
  const { store } = requested
  store?.commits.refuseInHook('relink', requested.firstName)
  const { check, migrate, about, trial } = options
  const make = () => finish(requested.make(about, trial && new Trial(trial), report))
  const hasHooks = typeof check === 'function' || typeof migrate === 'function' || store?.hasGuestHooks
  if (!hasHooks) return make()
  // Everything that can be refused is refused before a hook runs.
  requested.check()
  if (store === undefined) return make()
  return new HookedCommit(requested, options, make).run()
}

const isThenable = (value) => typeof value?.then === 'function'

/** A commit whose hooks run before it is made. */
class HookedCommit {
  #requested
  #options
  #commit
  /** The functions that the slots held before the hooks ran */
  #before

  constructor(requested, options, commit) {
    this.#requested = requested
    this.#options = options
    this.#commit = commit
    this.#before = requested.slots.map(({ current }) => current)
  }

  /** Runs the hooks, then makes the changes. Returns a promise if a hook does. */
  run() {
    return this.#next(this.#steps(), undefined)
  }

  *#steps() {
    const { check, migrate, about } = this.#options
    if (typeof check === 'function') {
      const plan = this.#plan(about)
      const verdict = yield () => check(plan)
      if (verdict !== undefined && verdict !== true) throw vetoed(verdict)
    }
    const pairs = this.#instances()
    if (check !== false) {
      for (const next of this.#newInstances()) yield () => selfTest(next)
    }
    const move = migrate ?? handOver
    if (move !== false) for (const [previous, next] of pairs) yield () => move(previous, next)
  }

  /** Goes on with the steps, until one returns a promise or all are done. */
  #next(steps, result) {
    const { commits } = this.#requested.store
    let { value: hook, done } = steps.next(result)
    while (!done) {
      const answer = commits.during(hook)
      if (isThenable(answer)) return answer.then((value) => this.#next(steps, value))
      ;({ value: hook, done } = steps.next(answer))
    }
    return this.#make()
  }

  #make() {
    const changed = this.#requested.slots.filter((slot, index) => slot.current !== this.#before[index])
    if (changed.length > 0) throw overtaken(changed)
    return this.#commit()
  }

  /** The argument of `check`: the changes that are to be made. */
  #plan({ label, by } = {}) {
    const { slots, implementations, count } = this.#requested
    const changes = slots
      .slice(0, count)
      .map((slot, index) => Object.freeze({ slot, before: this.#before[index], after: implementations[index] }))
    return Object.freeze({ changes: Object.freeze(changes), label, by })
  }

  /** The instances of the new implementations that are not there yet, each once. */
  #newInstances() {
    const { implementations, count } = this.#requested
    const before = new Set(this.#before.slice(0, count).map(instanceOf))
    const instances = new Set(implementations.slice(0, count).map(instanceOf))
    return [...instances].filter((instance) => instance !== undefined && !before.has(instance))
  }

  /** The pairs of instances whose functions replace each other, each once. */
  #instances() {
    const { implementations, count } = this.#requested
    const pairs = []
    implementations.slice(0, count).forEach((implementation, index) => {
      const [previous, next] = [this.#before[index], implementation].map(instanceOf)
      if (previous === undefined || next === undefined || previous === next) return
      if (!pairs.some(([from, to]) => from === previous && to === next)) pairs.push([previous, next])
    })
    return pairs
  }
}

/** The instance of a function; undefined for one of JavaScript. */
function instanceOf(fn) {
  const owner = ownerOf(fn)
  return owner?.store.find('instance', owner.id)
}

/** The error of a `check` that refuses. */
function vetoed(verdict) {
  const reason = typeof verdict === 'string' ? verdict : undefined
  const why = reason === undefined ? `returned ${formatValue(verdict)}` : `says: ${reason}`
  return new LinkError(`\`check\` ${why}; no change was made`, {
    code: 'ERR_RELINK_VETO',
    details: { reason: reason ?? verdict },
  })
}

function overtaken(slots) {
  const names = slots.map(({ name }) => `"${name}"`).join(', ')
  return new LinkError(`${names} changed while the hooks of the commit ran, so no change was made: commit again`, {
    code: 'ERR_RELINK_CHANGED',
    details: { slot: slots[0].name },
  })
}

module.exports = { commit }
