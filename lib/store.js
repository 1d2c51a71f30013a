'use strict'

const { toSilent } = require('./arguments')
const dispose = require('./dispose')
const { Brand } = require('./handle')
const { inspectable } = require('./inspect')
const { NativeStore } = require('./native')
const { uncloneable } = require('./uncloneable')
const { webidl } = require('./webidl')

let brand

/** An island of instances. What lives in one store never mixes with what lives in another. */
class Store {
  #native

  static {
    brand = new Brand('a Store', (value) => (#native in value ? value.#native : undefined))
    webidl(this)
    inspectable(this, { closed: (store) => store.closed, stats: (store) => store.stats() })
  }

  constructor() {
    this.#native = arguments[0] instanceof NativeStore ? arguments[0] : new NativeStore()
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

/** The native store that `options.store` means: without one, the store that this thread has by default. */
function toStore({ store } = {}) {
  if (store !== undefined) return brand.get(store, 'options.store')
  return (standard ??= new NativeStore())
}

module.exports = { Store, toStore }
