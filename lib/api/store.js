'use strict'

// The class Store.

const { formatValue, toOptions, toSilent, toTimeout, wrongType } = require('../options/arguments')
const dispose = require('../node/dispose')
const { above } = require('../internal/above')
const { Changes } = require('../internal/changes')
const { drained } = require('../internal/drained')
const { channels } = require('../internal/events')
const { linksOf } = require('../internal/history-entries')
const { endClosed } = require('../internal/trial')
const { rangeError } = require('../errors')
const { toHistoryLimit } = require('../options/commit-options')
const { STACK_SIZES } = require('../options/limits')
const { allLimits, toStoreLimits } = require('../options/resource-limits')
const { Brand } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { makeInterrupter } = require('./interrupter')
const { NativeStore } = require('../native/store')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

let brand

/** The Store of each native store */
const wrappers = new WeakMap()
above.storeOf = (native) => wrappers.get(native)

/** An island of instances: objects of different stores never mix. */
class Store {
  #native

  static {
    brand = new Brand('a Store', (value) => (#native in value ? value.#native : undefined))
    webidl(this)
    inspectable(this, { closed: (store) => store.closed, stats: (store) => store.stats() })
  }

  constructor() {
    const [given] = arguments
    this.#native = given instanceof NativeStore ? given : nativeStore(given)
    wrappers.set(this.#native, this)
    uncloneable(this)
  }

  get closed() {
    return brand.get(this).closed
  }

  get limits() {
    return allLimits(brand.get(this).limits)
  }

  get history() {
    const { commits } = brand.get(this)
    commits.begin()
    return Object.freeze(commits.list().map(above.commitOf))
  }

  get historyLimit() {
    const { commits } = brand.get(this)
    commits.begin()
    return commits.limit
  }

  get activeCalls() {
    return brand.get(this).activeCalls()
  }

  async drained() {
    await drained(brand.get(this))
  }

  links() {
    return Object.freeze(linksOf(brand.get(this)))
  }

  manifest() {
    brand.get(this)
    return above.manifestOf(this)
  }

  rollback(id) {
    const native = brand.get(this)
    native.commits.refuseInHook('rollback')
    native.commits.begin()
    const undone = native.commits.after(id)
    native.commits.refuseUnknown(id, native.linkedSlots())
    if (undone.length === 0) return []
    Changes.undoMany(native, undone)
    const commits = undone.map(above.commitOf)
    if (channels.rollback.hasSubscribers)
      channels.rollback.publish({ id, commits, undone: commits.map((each) => each.id) })
    return commits
  }

  interrupter(options = undefined) {
    const { signal } = toOptions(options, ['signal'])
    return makeInterrupter(brand.get(this).interruptToken(), signal)
  }

  stats() {
    return brand.get(this).stats()
  }

  collect() {
    return brand.get(this).collect()
  }

  close(options = undefined) {
    const native = brand.get(this)
    const silent = toSilent(options)
    if (native.closed) return
    native.commits.describe()
    native.close(silent)
    native.closed = true
    endClosed(native)
  }

  [dispose]() {
    this.close()
  }
}

/** The default store of this thread, and its wrapper. Both are made on first use. */
let defaultStore
let defaultWrapper

// Not in the class: `webidl` reads static members, which would make the store.
Object.defineProperty(Store, 'default', { get: () => (defaultWrapper ??= new Store(toStore())), enumerable: true })

/** A native store with the options of a Store. */
function nativeStore(options) {
  const known = toOptions(options, ['historyLimit', 'limits', 'stackSize', 'timeout'])
  const [limits, stackSize, timeout] = [toStoreLimits(known.limits), toStackSize(known), toTimeout(known)]
  return new NativeStore(stackSize, timeout, limits, toHistoryLimit(known))
}

/** The option `stackSize`, in bytes. */
function toStackSize({ stackSize }) {
  if (stackSize === undefined) return undefined
  if (typeof stackSize !== 'number') throw wrongType('a number of bytes', 'options.stackSize', stackSize)
  const { least, most } = STACK_SIZES
  if (Number.isInteger(stackSize) && stackSize >= least && stackSize <= most) return stackSize
  const expected = `expected an integer from ${least} to ${most} as \`options.stackSize\``
  throw rangeError(`${expected}, got ${formatValue(stackSize)}`)
}

/** The native store of the option `store`: by default, this thread's default store. `argument` names it in messages. */
function toStore({ store } = {}, argument = 'options.store') {
  if (store !== undefined) return brand.get(store, argument)
  return (defaultStore ??= new NativeStore())
}

module.exports = { Store, toStore }
