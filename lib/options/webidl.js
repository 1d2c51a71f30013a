'use strict'

// Classes and objects as WebIDL has them.

const { mark } = require('../internal/whose')

/** Makes a class look as the WebAssembly JS API requires: enumerable members, and the string tag. Marks it as this package's. */
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
 * Makes `instanceof` true for objects that another thread has posted, too. They arrive as objects of Node's own, and have the
 * prototype of Node's class until they are first used. A posted object is never an instance of a subclass.
 */
function hasArrived(Class, arrived) {
  const { [Symbol.hasInstance]: value } = {
    [Symbol.hasInstance](object) {
      return ordinary.call(this, object) || (this === Class && arrived(object))
    },
  }
  Object.defineProperty(Class, Symbol.hasInstance, { value, configurable: true })
}

/** A frozen object without a prototype, so that no inherited name is in the way of an entry. */
function namespace(entries) {
  const object = Object.create(null)
  for (const [name, value] of entries) object[name] = value
  return Object.freeze(object)
}

module.exports = { hasArrived, namespace, webidl }
