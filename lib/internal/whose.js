'use strict'

// The makers of objects whose class has the name of a class of this package.

/** Key of a property on the prototype of each class. All copies and realms have the same key, but each its own value. */
const MARK = Symbol.for('wasm-relink')
const own = new WeakSet()

const KINDS = ['Module', 'Instance', 'Memory', 'Table', 'Global', 'Tag', 'Exception']
const NODE = new RegExp(`^\\[object WebAssembly\\.(${KINDS.join('|')})\\]$`)

/** Marks a class as this copy's. */
function mark(Class) {
  const value = Object.freeze({ kind: Class.name })
  own.add(value)
  Object.defineProperty(Class.prototype, MARK, { value, configurable: true })
}

/**
 * The class and the maker of an object, for messages, if its class has the name of one of this package's classes. Undefined for
 * any other value.
 */
function whose(value) {
  try {
    return described(value)
  } catch {
    // A proxy may throw.
    return undefined
  }
}

function described(value) {
  if (typeof value !== 'object' || value === null) return undefined
  const marked = value[MARK]
  if (own.has(marked)) return undefined
  const kind = marked?.kind ?? NODE.exec(Object.prototype.toString.call(value))?.[1]
  if (kind === undefined) return undefined
  const here = isOfThisRealm(value)
  const maker = marked === undefined ? "Node's WebAssembly" : here ? 'another copy of wasm-relink' : 'wasm-relink'
  const realm = here ? '' : ' in another realm'
  const not = marked === undefined ? ', not by wasm-relink' : ''
  return `${/^[AEIOU]/.test(kind) ? 'an' : 'a'} ${kind} made by ${maker}${realm}${not}`
}

function isOfThisRealm(value) {
  let root = value
  for (let next = root; next !== null; next = Object.getPrototypeOf(root)) root = next
  return root === Object.prototype
}

module.exports = { mark, whose }
