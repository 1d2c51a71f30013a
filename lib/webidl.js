'use strict'

/**
 * Gives a class the outside that the WebAssembly JS API asks for: members that are enumerable, and the
 * string tag.
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
}

/** An object that is only a frozen list of names: no prototype, so that any name may stand in it. */
function namespace(entries) {
  const object = Object.create(null)
  for (const [name, value] of entries) object[name] = value
  return Object.freeze(object)
}

module.exports = { webidl, namespace }
