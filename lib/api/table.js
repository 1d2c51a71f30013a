'use strict'

// The class Table.

const { formatValue, toDescriptor, toLimits, toOptions, toUnsignedLong, wrongType } = require('../options/arguments')
const { typeError } = require('../errors')
const { Brand, Handle } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { slotOf } = require('./slot')
const { MOST_ENTRIES, MOST_UNSIGNED } = require('../options/limits')
const { toStore } = require('./store')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

let brand

/** A table of functions, or of values of any kind. */
class Table {
  #handle
  /** Whether it is known that it takes any value */
  #takesAny = false

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
    this.#handle.keep('table', this)
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
    const position = toUnsignedLong(index, 'index')
    if (this.#takesAny) return store.tableSet(id, position, value)
    const element = store.tableElement(id)
    this.#takesAny = element === 'externref'
    // Unlike in `grow`, an undefined argument is not a missing one.
    const entry = arguments.length < 2 ? EMPTY[element] : toEntry(store, element, value, 'value')
    store.tableSet(id, position, entry)
  }

  grow(delta, value = undefined) {
    const { store, id } = brand.get(this)
    const entries = toUnsignedLong(delta, 'delta')
    const element = store.tableElement(id)
    const entry = value === undefined ? EMPTY[element] : toEntry(store, element, value, 'value')
    return store.tableGrow(id, entries, entry)
  }

  slot(index, options = undefined) {
    const { store, id } = brand.get(this)
    const position = toUnsignedLong(index, 'index')
    const { entry = false } = toOptions(options, ['entry'])
    return slotOf(store, store.tableSlot(id, position, Boolean(entry)))
  }
}

function create(descriptor, init, options) {
  const store = toStore(toOptions(options, ['store']))
  const given = toDescriptor(descriptor)
  const type = toElement(given.element)
  const limits = toLimits(given, { initial: MOST_ENTRIES, maximum: MOST_UNSIGNED })
  const entry = init === undefined ? EMPTY[type] : toEntry(store, type, init, 'init')
  return new Handle(store, store.tableCreate(type, limits.initial, limits.maximum, entry))
}

/** The value of an entry where none is given. */
const EMPTY = { __proto__: null, anyfunc: null, externref: undefined }

function toElement(element) {
  const type = `${element}`
  if (type in EMPTY) return type
  const message = `expected 'anyfunc' or 'externref' as \`descriptor.element\`, got ${formatValue(element)}`
  throw typeError(message, 'ERR_INVALID_ARG_VALUE')
}

/** Checks a value for a table: any value, or for functions a WebAssembly function of this package or null. */
function toEntry(store, element, value, argument) {
  if (element === 'externref' || value === null || store.isWasmFunction(value)) return value
  throw wrongType('an exported WebAssembly function or null', argument, value)
}

/** The wrapper of a native table. */
const tableOf = (store, id) => store.find('table', id) ?? new Table(new Handle(store, id))

module.exports = { Table, tableOf, findTable: (value) => brand.find(value) }
