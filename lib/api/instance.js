'use strict'

const { toOptions, toSilent, wrongType } = require('../options/arguments')
const dispose = require('../node/dispose')
const { LinkError, typeError } = require('../errors')
const { globalOf } = require('./global')
const { Brand } = require('../internal/handle')
const { readImports } = require('../internal/imports')
const { inspectable } = require('../node/inspect')
const { memoryOf } = require('./memory')
const { toModule } = require('./module')
const { slotOf } = require('./slot')
const { findSlot } = require('../names/slot-names')
const { toStore } = require('./store')
const { tableOf } = require('./table')
const { tagOf } = require('./tag')
const { uncloneable } = require('../node/uncloneable')
const { namespace, webidl } = require('../options/webidl')

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
    const compiled = toModule(module)
    const { native, file } = compiled
    const store = toStore(toOptions(options, ['store']))
    const given = readImports(store, native.imports(), imports, file)
    const { id, retainer, exports } = store.instantiate(native, given, file)
    this.#state = {
      store,
      id,
      // Held for what may be reached through the instance.
      retainer,
      compiled,
      compiler: native.compiler(),
      // What waits for better code, if any is to come.
      tier: undefined,
      closed: false,
      exports: namespace(exports.map(({ name, kind, value }) => [name, wrap[kind](store, value)])),
      // Made when it is first looked at: a module may have thousands.
      slots: undefined,
    }
    store.keep('instance', id, this)
    compiled.tiers?.add(this.#state, given)
    uncloneable(this)
  }

  get compiler() {
    return brand.get(this).compiler
  }

  get reserve() {
    return brand.get(this).compiled.native.reserve()
  }

  get optimized() {
    const { compiled } = brand.get(this)
    return compiled.tiers?.wait() ?? Promise.resolve()
  }

  get exports() {
    return brand.get(this).exports
  }

  get slots() {
    const state = brand.get(this)
    const { slots } = state.compiled
    return (state.slots ??= namespace(slots.map(({ name }, position) => [name, slotAt(state, position)])))
  }

  get closed() {
    const { closed, store } = brand.get(this)
    return closed || store.closed
  }

  slot(name) {
    const state = brand.get(this)
    if (typeof name === 'number' && !(Number.isInteger(name) && name >= 0 && name <= 0xffff_ffff)) {
      throw typeError(`expected a string or a function index as \`name\`, got ${name}`, 'ERR_INVALID_ARG_VALUE')
    }
    const wanted = typeof name === 'number' ? `func[${name}]` : name
    if (typeof wanted !== 'string') throw wrongType('a string or a function index', 'name', name)
    if (this.closed) {
      const details = { slot: wanted }
      throw new LinkError(`slot "${wanted}" belongs to an instance that is closed`, {
        code: 'ERR_RELINK_CLOSED',
        details,
      })
    }
    const { compiled } = state
    const others = () => compiled.others()
    return slotAt(state, findSlot(compiled.slots, wanted, others))
  }

  close(options = undefined) {
    const state = brand.get(this)
    const silent = toSilent(options)
    if (this.closed) return
    state.store.closeInstance(state.id, silent)
    state.closed = true
  }

  [dispose]() {
    this.close()
  }
}

/** The slot at a position of the list that the module has. */
const slotAt = ({ store, id }, position) => slotOf(store, store.instanceSlot(id, position))

/** How each kind of export looks to users. */
const wrap = {
  function: (store, fn) => fn,
  memory: memoryOf,
  table: tableOf,
  global: globalOf,
  tag: tagOf,
}

module.exports = { Instance }
