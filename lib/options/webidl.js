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

/** Most properties that V8 adds to an object by names from variables without making a hash table of it. */
const FEW = 12

/** A frozen object without a prototype, so that no inherited name is in the way of an entry. */
function namespace(entries) {
  const isSmall = entries.length <= FEW
  // An object that is made without a prototype is a hash table to V8, whose code then cannot call its functions directly. One
  // that loses its prototype, or becomes a prototype itself, is not: the former shares its layout with others like it.
  const object = isSmall ? Object.setPrototypeOf({}, null) : Object.create(null)
  for (const [name, value] of entries) object[name] = value
  Object.freeze(object)
  if (!isSmall) void Object.create(object).any
  return object
}

module.exports = { hasArrived, namespace, webidl }
