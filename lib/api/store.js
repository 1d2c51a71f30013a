'use strict'

const { inWords, toOptions, toSilent, wrongType } = require('../options/arguments')
const dispose = require('../node/dispose')
const { rangeError } = require('../errors')
const { Brand } = require('../internal/handle')
const { inspectable } = require('../node/inspect')
const { NativeStore } = require('../native')
const { uncloneable } = require('../node/uncloneable')
const { webidl } = require('../options/webidl')

let brand

/** The least and the most bytes of call stack that a store can ask for (`SIZES` in src/store/call/wasm_stack.rs). */
const stackSizes = { least: 64 * 1024, most: 64 * 1024 * 1024 }

/** An island of instances. What lives in one store never mixes with what lives in another. */
class Store {
  #native

  static {
    brand = new Brand('a Store', (value) => (#native in value ? value.#native : undefined))
    webidl(this)
    inspectable(this, { closed: (store) => store.closed, stats: (store) => store.stats() })
  }

  constructor() {
    const [given] = arguments
    this.#native = given instanceof NativeStore ? given : new NativeStore(toStackSize(given))
    uncloneable(this)
  }

  get closed() {
    return brand.get(this).closed
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
    native.close(silent)
    native.closed = true
  }

  [dispose]() {
    this.close()
  }
}

/** The store that this thread has by default, and how it looks to users. */
let standard
let shown

// Not in the class, whose members are looked at when it is defined: it is made when someone asks for it.
Object.defineProperty(Store, 'default', { get: () => (shown ??= new Store(toStore())), enumerable: true })

/** The `stackSize` of the options of a store. */
function toStackSize(options) {
  const { stackSize } = toOptions(options, ['stackSize'])
  if (stackSize === undefined) return undefined
  if (typeof stackSize !== 'number') throw wrongType('a number of bytes', 'options.stackSize', stackSize)
  const { least, most } = stackSizes
  if (Number.isInteger(stackSize) && stackSize >= least && stackSize <= most) return stackSize
  const expected = `expected an integer from ${least} to ${most} as \`options.stackSize\``
  throw rangeError(`${expected}, got ${inWords(stackSize)}`)
}

/** The native store that `options.store` means: without one, the store that this thread has by default. */
function toStore({ store } = {}) {
  if (store !== undefined) return brand.get(store, 'options.store')
  return (standard ??= new NativeStore())
}

module.exports = { Store, toStore }
