'use strict'

// The class Instance.

const { toOptions, toSilent, toTimeout, toWit, wrongType } = require('../options/arguments')
const dispose = require('../node/dispose')
const { typeError } = require('../errors')
const { globalOf } = require('./global')
const { hasGuestHooks } = require('../internal/guest-hooks')
const { Brand } = require('../internal/handle')
const { ownerOf } = require('../internal/living')
const { about, readImports, toImports } = require('../internal/imports')
const { Recycler, holdRecycler } = require('../internal/recycler')
const { endClosed } = require('../internal/trial')
const { systemsIn } = require('../internal/wasi-functions')
const { WasiGuest } = require('../internal/wasi-guest')
const { inspectable } = require('../node/inspect')
const { noteOwner } = require('../internal/owners')
const { MOST_UNSIGNED } = require('../options/limits')
const { ON_TRAP, toOnRecycle, toOnTrap } = require('../options/on-trap')
const modes = require('../options/option-mode')
const { OF_INSTANCE, toInstanceAmounts, toResourceLimits } = require('../options/resource-limits')
const { forgetContent, memoryOf } = require('./memory')
const { previousSlots, withPrevious } = require('../internal/previous-imports')
const { toModule } = require('./module')
const { refuseClosedSlot } = require('../native/refusals')
const { checkSuspending, coreOf, promising, toSuspending } = require('./promising')
const { slotOf } = require('./slot')
const { findSlot } = require('../names/slot-names')
const { toStore } = require('./store')
const { tableOf } = require('./table')
const { tagOf } = require('./tag')
const { TypedInstance } = require('../typed/instance')
const { uncloneable } = require('../node/uncloneable')
const { stateError } = require('./wasi')
const { toWasi } = require('../options/wasi-options')
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
    let compiled = toModule(module)
    const { native: code, file } = compiled
    const known = toOptions(options, ['limits', 'store', 'suspending', 'timeout', 'wasi', 'wit', ...ON_TRAP])
    const [store, timeout] = [toStore(known), toTimeout(known)]
    const [recycling, onRecycle] = [toOnTrap(known), toOnRecycle(known)]
    if (recycling !== undefined) refuseShared(code)
    const limits = toInstanceAmounts(toResourceLimits(known.limits, OF_INSTANCE), compiled)
    const declared = code.imports()
    if (compiled.isPlugin) modes.own.checkImportsOf(declared, imports, options)
    const types = about(file, () => compiled.typed(toWit(known)))
    const typed = types.length > 0 ? new TypedInstance(store, types) : undefined
    const wasi = known.wasi === undefined ? undefined : new WasiGuest(toWasi(known))
    const suspending = toSuspending(known)
    if (suspending !== undefined) checkSuspending(suspending, declared, typed)
    const resolved = wasi?.imports(declared, toImports(imports)) ?? imports
    const given = readImports(store, declared, withPrevious(declared, resolved), file, { suspending, typed })
    const forSmallMemories = () => {
      const small = compiled.forSmallMemories()
      if (small !== undefined) compiled = small
      return small?.native
    }
    const making = { file, timeout, limits, recyclable: recycling !== undefined, forSmallMemories }
    const { id, retainer, exports } = store.instantiate(code, given, making)
    this.#state = {
      store,
      id,
      // Keeps the instance's imports alive.
      retainer,
      compiled,
      compiler: compiled.native.compiler(),
      // Tier-up state, while a tier-up is pending.
      tierUp: undefined,
      closed: false,
      // Its WASI, if it was made with the option.
      wasi,
      // The systems of WASI whose functions it imports.
      systems: systemsIn(given),
      // Typed functions; undefined without any.
      typed,
      exports: undefined,
      // Made on first use: a module may have thousands.
      slots: undefined,
    }
    noteOwner(retainer, { store, id, compiled, previous: previousSlots(store, compiled, declared) })
    const core = exports.map(({ name, kind, value }) => [name, wrap[kind](store, value)])
    const complete = typed?.complete(this.#state, core, timeout) ?? core
    this.#state.exports = namespace(suspending === undefined ? complete : complete.map(withPromise))
    if (hasGuestHooks(this.#state.exports)) store.hasGuestHooks = true
    store.keep('instance', id, this)
    store.living.add(store, id, this, exports)
    if (recycling !== undefined) {
      store.hasRecyclers = true
      const onReplaced = () => Object.values(this.#state.exports).forEach(forgetContent)
      holdRecycler(retainer, new Recycler(store, id, { instance: this, limits: recycling, onReplaced, onRecycle }))
    }
    // Its start function may have called instances that trapped.
    if (store.hasRecyclers) store.recycleTrapped()
    for (const system of this.#state.systems ?? []) system.retain()
    compiled.tierUp?.add(this.#state, given)
    wasi?.initialize(this.#state.exports)
    // A plugin with `relinkable::report_panics!()` sets its panic hook.
    const reportPanics = coreOf(this.#state.exports['relink:report_panics'])
    if (typeof reportPanics === 'function') reportPanics()
    uncloneable(this)
  }

  static of(fn) {
    if (typeof fn !== 'function') throw wrongType('a function', 'fn', fn)
    return ownerOf(fn)
  }

  static all(store = undefined) {
    const own = toStore({ store }, 'store')
    return own.living.list(own).filter((instance) => !instance.closed)
  }

  get compiler() {
    return brand.get(this).compiler
  }

  get reserve() {
    return brand.get(this).compiled.native.reserve()
  }

  get optimized() {
    const { compiled } = brand.get(this)
    return compiled.tierUp?.wait() ?? Promise.resolve()
  }

  get exports() {
    return brand.get(this).exports
  }

  get slots() {
    const state = brand.get(this)
    const { slots, listed } = state.compiled
    return (state.slots ??= namespace(listed.map((position) => [slots[position].name, slotAt(state, position)])))
  }

  get closed() {
    const { closed, store } = brand.get(this)
    return closed || store.closed
  }

  slot(name) {
    const state = brand.get(this)
    if (typeof name === 'number' && !(Number.isInteger(name) && name >= 0 && name <= MOST_UNSIGNED)) {
      throw typeError(`expected a string or a function index as \`name\`, got ${name}`, 'ERR_INVALID_ARG_VALUE')
    }
    const wanted = typeof name === 'number' ? `func[${name}]` : name
    if (typeof wanted !== 'string') throw wrongType('a string or a function index', 'name', name)
    if (this.closed) refuseClosedSlot(wanted)
    const { compiled } = state
    const others = () => compiled.others()
    return slotAt(state, findSlot(compiled.slots, wanted, others))
  }

  start() {
    const { wasi } = brand.get(this)
    if (wasi === undefined) {
      throw stateError(
        'ERR_WASI_NOT_STARTED',
        'this instance was made without the option `wasi`, so it has no command to start',
      )
    }
    if (wasi.state === 'reactor')
      throw wrongType('a function', 'instance.exports._start', undefined, 'it is no command')
    if (wasi.state === 'started') throw stateError('ERR_WASI_ALREADY_STARTED', 'the command has already been started')
    return wasi.start()
  }

  close(options = undefined) {
    const state = brand.get(this)
    const silent = toSilent(options)
    if (this.closed) return
    state.store.commits.describe()
    state.typed?.close(silent)
    state.store.closeInstance(state.id, silent)
    state.closed = true
    endClosed(state.store)
    for (const system of state.systems ?? []) system.release()
    state.wasi?.close()
  }

  [dispose]() {
    this.close()
  }
}

/** Refuses to recycle instances that share memory with other threads. */
function refuseShared(code) {
  if (code.sharedMemories().length === 0) return
  const message =
    'an instance that defines a shared memory cannot be recycled, since other threads may use it: expected '
  throw typeError(`${message}'keep' as \`options.onTrap\``, 'ERR_RELINK_UNSUPPORTED')
}

/** The slot at a position in the module's list. */
const slotAt = (state, position) => slotOf(state.store, state.store.instanceSlot(state.id, position), state)

/** An export of an instance whose exports return promises. */
const withPromise = ([name, value]) => [name, typeof value === 'function' ? promising(value) : value]

/** Makes the wrapper of an export, by its kind. */
const wrap = {
  function: (store, fn) => fn,
  memory: memoryOf,
  table: tableOf,
  global: globalOf,
  tag: tagOf,
}

module.exports = { Instance, findInstance: (value) => brand.find(value) }
