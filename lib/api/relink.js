'use strict'

const dispose = require('../node/dispose')
const { wrongType } = require('../options/arguments')
const { LinkError } = require('../errors')
const { Changes } = require('../internal/changes')
const { Brand, onlyInternal } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { Link, adapt, checkImplementation, isOver, toMerged, toSlot } = require('./link')
const { Record } = require('../internal/link-record')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

let brand

/** Changes that were made together, and the way back. */
class Relink {
  #changes
  #links

  static {
    brand = new Brand('a Relink', (value) => (#changes in value ? value : undefined))
    webidl(this)
    inspectable(this, { links: (all) => all.links })
  }

  constructor(changes) {
    if (!(changes instanceof Changes)) throw onlyInternal('Relink', 'relink(changes)')
    this.#changes = changes
    uncloneable(this)
  }

  get links() {
    const all = brand.get(this)
    // Made when someone asks for them: most are only ever undone together.
    return (all.#links ??= Object.freeze(all.#changes.slots.map((_, index) => new Link(all.#changes, index))))
  }

  undo() {
    brand.get(this).#changes.undoAll()
  }

  [dispose]() {
    try {
      this.undo()
    } catch (error) {
      if (!isOver(error)) throw error
      // Some were undone one by one; what still stands goes now.
      for (const link of this.links.toReversed()) link[dispose]()
    }
  }
}

/** Makes many changes, or none. */
function relink(changes, options = undefined) {
  if (typeof changes?.[Symbol.iterator] !== 'function' || typeof changes === 'string') {
    throw wrongType('an iterable of [implementation, slot]', 'changes', changes)
  }
  const merged = options !== undefined && toMerged(options)
  const all = [...changes]
  const wanted = new Wanted(all.length)
  for (const change of all) wanted.add(change)
  return new Relink(wanted.make(merged))
}

/** Changes that the native side can judge, in columns, since there may be many; and the others, with what is wrong. */
class Wanted {
  store
  implementations = []
  slots = []
  refusals = []
  /** What the native side gets; the address of a JavaScript function is 0 in it */
  #record
  /** How many changes there were */
  #count = 0
  /** The last implementation, and where the native side has it: often many slots get one */
  #last
  #address
  /** Whether some implementation is a JavaScript function */
  #adapts = false

  constructor(count) {
    this.#record = Record.of(count)
  }

  /** Takes a change, or notes what is wrong with it. */
  add(change) {
    const index = this.#count++
    // Reading runs the user's code, and what that throws is the user's: it comes out as it is.
    const isPair = Array.isArray(change) && change.length === 2
    const [implementation, slot] = isPair ? change : []
    try {
      if (!isPair) throw wrongType('an array [implementation, slot]', `changes[${index}]`, change)
      checkImplementation(implementation, () => `changes[${index}][0]`)
      const handle = toSlot(slot, () => `changes[${index}][1]`)
      this.store ??= handle.store
      if (handle.store !== this.store) throw otherStore(handle.details.name)
      this.#record.want(this.slots.length, handle.id, this.#addressOf(implementation))
      this.implementations.push(implementation)
      this.slots.push(slot)
    } catch ({ code, message, slot: name }) {
      this.refusals.push({ index, code, message, ...(name !== undefined && { slot: name }) })
    }
  }

  #addressOf(implementation) {
    if (implementation !== this.#last) {
      this.#address = this.store.addressOf(implementation)
      this.#last = implementation
      this.#adapts ||= this.#address === 0
    }
    return this.#address
  }

  /** Makes the changes, or none. */
  make(merged) {
    if (this.#adapts) this.adaptAll(merged)
    if (this.refusals.length > 0) throw refused([...this.refusals, ...this.rehearse(merged)])
    const changes = new Changes(this.store, this.implementations, this.slots)
    // Without a change there is no store to ask, and nothing to undo.
    if (this.store !== undefined) changes.make(this.#record, merged)
    return changes
  }

  /** Makes the JavaScript functions WebAssembly functions, where the slots take any; takes out those that do not. */
  adaptAll(merged) {
    const record = this.#record
    const unfit = new Set()
    const indices = this.indices()
    this.implementations.forEach((implementation, position) => {
      if (record.address(position) !== 0) return
      const slot = record.slot(position)
      try {
        record.want(position, slot, this.store.addressOf(adapt(this.store, implementation, slot, merged)))
      } catch (error) {
        if (!error?.code?.startsWith?.('ERR_')) throw error
        const { code, message, expected, actual } = error
        const types = expected === undefined ? {} : { expected, actual }
        this.refusals.push({ index: indices[position], slot: this.slots[position].name, code, message, ...types })
        unfit.add(position)
      }
    })
    if (unfit.size === 0) return
    const fits = (_, position) => !unfit.has(position)
    this.#record = record.filter(fits)
    this.implementations = this.implementations.filter(fits)
    this.slots = this.slots.filter(fits)
  }

  /**
   * What the native side has against the changes that fit: a refusal names everything that is wrong, so that
   * it takes one attempt to find it out.
   */
  rehearse(merged) {
    if (this.store === undefined) return []
    try {
      // There is room in it for what was refused.
      const { numbers } = this.#record.filter((_, position) => position < this.slots.length)
      this.store.checkChanges(numbers, merged)
      return []
    } catch (error) {
      if (error.code !== 'ERR_RELINK_REFUSED') throw error
      const indices = this.indices()
      return error.refusals.map((refusal) => ({ ...refusal, index: indices[refusal.index] }))
    }
  }

  /** Where each was in what the user gave. */
  indices() {
    const refused = new Set(this.refusals.map(({ index }) => index))
    return Array.from({ length: this.#count }, (_, index) => index).filter((index) => !refused.has(index))
  }
}

function otherStore(name) {
  return new LinkError(`slot "${name}" belongs to another store than the slots before it`, {
    code: 'ERR_RELINK_STORE',
    details: { slot: name },
  })
}

function refused(refusals) {
  const ordered = refusals.toSorted((a, b) => a.index - b.index)
  const list = ordered.map(({ index, message }) => `[${index}] ${message}`).join('; ')
  return new LinkError(`${ordered.length} of the changes cannot be made, so none was made: ${list}`, {
    code: 'ERR_RELINK_REFUSED',
    details: { refusals: ordered },
  })
}

module.exports = { Relink, relink }
