'use strict'

const { Brand } = require('./handle')
const { NativeStore } = require('./native')
const { uncloneable } = require('./uncloneable')
const { webidl } = require('./webidl')

let brand

/** An island of instances. What lives in one store never mixes with what lives in another. */
class Store {
  #native = new NativeStore()

  static {
    brand = new Brand('a Store', (value) => (#native in value ? value.#native : undefined))
    webidl(this)
  }

  constructor() {
    uncloneable(this)
  }
}

let standard

/** The native store that `options.store` means: without one, the store that this thread has by default. */
function toStore({ store } = {}) {
  if (store !== undefined) return brand.get(store, 'options.store')
  return (standard ??= new NativeStore())
}

module.exports = { Store, toStore }
