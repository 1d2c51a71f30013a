'use strict'

/** On the prototype of each class of this package; the key is that of every copy and realm, the value this copy's. */
const MARK = Symbol.for('wasm-relink')
const own = new WeakSet()

const KINDS = ['Module', 'Instance', 'Memory', 'Table', 'Global', 'Tag', 'Exception']
const NODE = new RegExp(`^\\[object WebAssembly\\.(${KINDS.join('|')})\\]$`)

/** Marks a class as one of this copy of the package. */
function mark(Class) {
  const value = Object.freeze({ kind: Class.name })
  own.add(value)
  Object.defineProperty(Class.prototype, MARK, { value, configurable: true })
}

/**
 * What a value is and who made it, in words, if it looks like an object of this package and is none: its class has the same
 * name. Undefined for anything else.
 */
function whose(value) {
  try {
    return described(value)
  } catch {
    // A proxy throws what it likes when it is asked.
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
