'use strict'

const { inWords, toDescriptor, toLimits, toOptions, toUnsignedLong, wrongType } = require('./arguments')
const { typeError } = require('./errors')
const { Brand, Handle } = require('./handle')
const { inspectable } = require('./inspect')
const { slotOf } = require('./slot')
const { toStore } = require('./store')
const { uncloneable } = require('./uncloneable')
const { webidl } = require('./webidl')

/** Entries that a table may begin with: V8's limit. */
const MOST_ENTRIES = 10_000_000

let brand

/** A table of functions. */
class Table {
  #handle

  static {
    brand = new Brand('a Table', (value) => (#handle in value ? value.#handle : undefined))
    webidl(this, 'WebAssembly.Table')
    inspectable(this, {
      element: (table) => table.#handle.store.tableElement(table.#handle.id),
      length: (table) => table.length,
    })
  }

  constructor(descriptor, init = undefined, options = undefined) {
    this.#handle = descriptor instanceof Handle ? descriptor : create(descriptor, init, options)
    const { store, id } = this.#handle
    store.keep(Table, id, this)
    uncloneable(this)
  }

  get length() {
    const { store, id } = brand.get(this)
    return store.tableLength(id)
  }

  get(index) {
    const { store, id } = brand.get(this)
    return store.tableGet(id, toUnsignedLong(index, 'index'))
  }

  set(index, value = undefined) {
    const { store, id } = brand.get(this)
    // Only an argument that is left out means null.
    const entry = arguments.length < 2 ? null : toEntry(store, store.tableElement(id), value, 'value')
    store.tableSet(id, toUnsignedLong(index, 'index'), entry)
  }

  grow(delta, value = undefined) {
    const { store, id } = brand.get(this)
    const entry = value === undefined ? null : toEntry(store, store.tableElement(id), value, 'value')
    return store.tableGrow(id, toUnsignedLong(delta, 'delta'), entry)
  }

  slot(index) {
    const { store, id } = brand.get(this)
    return slotOf(store, store.tableSlot(id, toUnsignedLong(index, 'index')))
  }
}

function create(descriptor, init, options) {
  const store = toStore(toOptions(options, ['store']))
  const { element, initial, maximum } = toDescriptor(descriptor)
  const type = toElement(element)
  const limits = toLimits({ initial, maximum }, { initial: MOST_ENTRIES, maximum: 0xffff_ffff })
  const entry = init === undefined ? null : toEntry(store, type, init, 'init')
  return new Handle(store, store.tableCreate(type, limits.initial, limits.maximum, entry))
}

function toElement(element) {
  const type = `${element}`
  if (type === 'anyfunc' || type === 'externref') return type
  const message = `expected 'anyfunc' or 'externref' as \`descriptor.element\`, got ${inWords(element)}`
  throw typeError(message, 'ERR_INVALID_ARG_VALUE')
}

/** What may stand in a table: a WebAssembly function of this package, or nothing. */
function toEntry(store, element, value, argument) {
  if (value === null || (element === 'anyfunc' && store.isWasmFunction(value))) return value
  if (element === 'anyfunc') throw wrongType('an exported WebAssembly function or null', argument, value)
  if (value === undefined) return null
  throw typeError('tables of externref hold no JavaScript values', 'ERR_RELINK_UNSUPPORTED')
}

/** The Table of a native one. */
const tableOf = (store, id) => store.find(Table, id) ?? new Table(new Handle(store, id))

module.exports = { Table, tableOf, findTable: (value) => brand.find(value) }
