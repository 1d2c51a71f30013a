'use strict'

const { toOptions, wrongType } = require('./arguments')
const dispose = require('./dispose')
const { LinkError } = require('./errors')
const { globalOf } = require('./global')
const { Brand } = require('./handle')
const { readImports } = require('./imports')
const { inspectable } = require('./inspect')
const { memoryOf } = require('./memory')
const { toModule } = require('./module')
const { slotOf } = require('./slot')
const { resolveSlotName } = require('./slot-names')
const { toStore } = require('./store')
const { tableOf } = require('./table')
const { uncloneable } = require('./uncloneable')
const { namespace, webidl } = require('./webidl')

let brand

/** A module at work in a store. */
class Instance {
  #state

  static {
    brand = new Brand('an Instance', (value) => (#state in value ? value.#state : undefined))
    webidl(this, 'WebAssembly.Instance')
    inspectable(this, {
      exports: (instance) => instance.exports,
      slots: (instance) => instance.slots,
      closed: (instance) => instance.closed,
    })
  }

  constructor(module, imports = undefined, options = undefined) {
    const { native, file } = toModule(module)
    const store = toStore(toOptions(options, ['store']))
    const given = readImports(store, native.imports(), imports, file)
    const { id, exports, slots } = store.instantiate(native, given, file)
    this.#state = {
      store,
      id,
      closed: false,
      exports: namespace(exports.filter(isVisible).map(({ name, kind, value }) => [name, wrap[kind](store, value)])),
      slots: namespace(slots.map((info) => [info.name, slotOf(store, info)])),
    }
    uncloneable(this)
  }

  get exports() {
    return brand.get(this).exports
  }

  get slots() {
    return brand.get(this).slots
  }

  get closed() {
    return brand.get(this).closed
  }

  slot(name) {
    const { closed, slots } = brand.get(this)
    if (typeof name !== 'string') throw wrongType('a string', 'name', name)
    if (closed) {
      const details = { slot: name }
      throw new LinkError(`slot "${name}" belongs to an instance that is closed`, {
        code: 'ERR_RELINK_CLOSED',
        details,
      })
    }
    return slots[resolveSlotName(Object.keys(slots), name)]
  }

  close() {
    const state = brand.get(this)
    state.store.closeInstance(state.id)
    state.closed = true
  }

  [dispose]() {
    this.close()
  }
}

/** How each kind of export looks to users. */
const wrap = {
  function: (store, fn) => fn,
  memory: memoryOf,
  table: tableOf,
  global: globalOf,
}

/** Exception tags can be exported, but there is no class for them. */
const isVisible = ({ kind }) => kind in wrap

module.exports = { Instance }
