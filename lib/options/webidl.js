'use strict'

const { mark } = require('../internal/whose')

/**
 * Gives a class the outside that the WebAssembly JS API asks for: members that are enumerable, and the
 * string tag. Marks it as a class of this package.
 */
function webidl(Class, tag = Class.name) {
  for (const [holder, own] of [
    [Class.prototype, (name) => name !== 'constructor'],
    [Class, (name) => typeof Class[name] === 'function'],
  ]) {
    for (const name of Object.getOwnPropertyNames(holder)) {
      if (own(name)) Object.defineProperty(holder, name, { enumerable: true })
    }
  }
  Object.defineProperty(Class.prototype, Symbol.toStringTag, { value: tag, configurable: true })
  mark(Class)
}

const ordinary = Function.prototype[Symbol.hasInstance]

/**
 * Makes `instanceof` true for what another thread has posted too. It arrives as an object of Node's own, with the prototype of
 * Node's class, until it is first used. A subclass has only what it has made.
 */
function hasArrived(Class, arrived) {
  const { [Symbol.hasInstance]: value } = {
    [Symbol.hasInstance](object) {
      return ordinary.call(this, object) || (this === Class && arrived(object))
    },
  }
  Object.defineProperty(Class, Symbol.hasInstance, { value, configurable: true })
}

/** An object that is only a frozen list of names: no prototype, so that any name may stand in it. */
function namespace(entries) {
  const object = Object.create(null)
  for (const [name, value] of entries) object[name] = value
  return Object.freeze(object)
}

module.exports = { hasArrived, namespace, webidl }
