'use strict'

// Hostile values: they run code when they are converted, read or iterated.

/** The value that hostile code throws. */
class Planned {
  planned = true
}

class Hostile {
  #random
  #act

  /** `act` is the code that the values run. */
  constructor(random, act) {
    this.#random = random
    this.#act = act
  }

  #chance(percent) {
    return this.#random.below(100) < percent
  }

  /** Makes a value hostile, in 55 of 100 cases. */
  #perhaps(value, make) {
    return this.#chance(55) ? make() : value
  }

  /** An object that converts to a number, a bigint, a boolean or a string. */
  primitive(value) {
    const act = () => {
      this.#act()
      return value
    }
    const ways = [
      () => ({ valueOf: act, toString: act }),
      () => ({ [Symbol.toPrimitive]: act }),
      () => this.proxy({ [Symbol.toPrimitive]: () => value }),
    ]
    return this.#perhaps(value, this.#random.pick(ways))
  }

  /** A proxy whose traps may act. */
  proxy(target) {
    const trap =
      (name) =>
      (...args) => {
        if (this.#chance(30)) this.#act()
        return Reflect[name](...args)
      }
    const names = [
      'get',
      'has',
      'ownKeys',
      'getOwnPropertyDescriptor',
      'getPrototypeOf',
      'set',
      'isExtensible',
      'apply',
    ]
    return new Proxy(target, Object.fromEntries(names.map((name) => [name, trap(name)])))
  }

  /** An object with these properties, as getters or through a proxy. */
  object(properties) {
    const getters = () => {
      const object = {}
      for (const [name, value] of Object.entries(properties)) {
        const get = () => {
          this.#act()
          return value
        }
        Object.defineProperty(object, name, { get, enumerable: true, configurable: true })
      }
      return object
    }
    return this.#perhaps(properties, this.#chance(50) ? getters : () => this.proxy(properties))
  }

  /** An iterable. */
  list(values) {
    const act = () => this.#act()
    function* each() {
      for (const value of values) {
        act()
        yield value
      }
      act()
    }
    const ways = [() => each(), () => this.array(values), () => ({ [Symbol.iterator]: each })]
    return this.#perhaps(values, this.#random.pick(ways))
  }

  /** An array, whose elements and length may run code when they are read. */
  array(values) {
    return this.#perhaps(values, () => this.proxy(values))
  }

  /** A typed array whose `length` may run code. */
  column(values) {
    const length = { get: () => (this.#act(), Reflect.get(Object.getPrototypeOf(values), 'length', values)) }
    return this.#perhaps(values, () => Object.defineProperty(values, 'length', { ...length, configurable: true }))
  }

  /** Bytes of a module, of any class. Reading their `buffer` may run code. */
  bytes(bytes) {
    const copy = new Uint8Array(bytes)
    const buffer = {
      get: () => (this.#act(), Reflect.get(Object.getPrototypeOf(Uint8Array.prototype), 'buffer', copy)),
    }
    const ways = [
      () => copy.buffer,
      () => new DataView(copy.buffer),
      () => Object.defineProperty(copy, 'buffer', { ...buffer, configurable: true }),
      () => {
        const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
        shared.set(bytes)
        return shared
      },
    ]
    return this.#perhaps(copy, this.#random.pick(ways))
  }

  /** A promise, a thenable, or the value itself. */
  promise(value) {
    const then = (resolve) => {
      this.#act()
      resolve(value)
    }
    // oxlint-disable-next-line unicorn/no-thenable -- it is meant to be awaited
    return this.#random.pick([() => Promise.resolve(value), () => ({ then }), () => value])()
  }

  /** A function that acts, and returns the result of `results`. */
  callback(results) {
    return (...args) => {
      this.#act()
      return results(...args)
    }
  }

  /** A value that no API expects. */
  junk() {
    const junk = [
      undefined,
      null,
      -1,
      'text',
      Symbol('junk'),
      {},
      this.proxy({}),
      () => {},
      2n ** 70n,
      this.primitive(1e20),
    ]
    return this.#random.pick(junk)
  }
}

module.exports = { Hostile, Planned }
