'use strict'

const { inWords, wrongType } = require('../options/arguments')
const { LinkError, nameFile } = require('../errors')
const { findGlobal, globalOf } = require('../api/global')
const { findMemory } = require('../api/memory')
const { findTable } = require('../api/table')
const { findTag } = require('../api/tag')

const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function'

/** The `imports` argument: an object, or nothing. */
function toImports(imports) {
  if (imports !== undefined && !isObject(imports)) throw wrongType('an object', 'imports', imports)
  return imports
}

/**
 * Reads what a module imports from the user's object, in the binary's order, as the JS API says: a module
 * name that leads to no object is a TypeError, a value that does not fit is a LinkError.
 *
 * Returns what the native side takes: a function, or the id of a memory, a table or a global. `held` keeps what has the
 * ids, as long as the instance is there. A refusal names the file of the module, if it has one; what a user's getter
 * throws comes out as it is.
 */
function readImports(store, wanted, imports, file) {
  toImports(imports)
  const held = []
  const given = wanted.map((item) => {
    if (imports === undefined) throw nameFile(noImports(item), file)
    const namespace = imports[item.module]
    if (!isObject(namespace)) throw nameFile(noNamespace(item, namespace), file)
    const value = namespace[item.name]
    // Most are functions, of which there may be many.
    if (item.kind === 'function' && typeof value === 'function') return value
    return about(file, () => {
      const object = item.kind === 'global' ? toGlobal(store, item, value) : value
      if (item.kind !== 'function') held.push(object)
      return readers[item.kind](store, item, object)
    })
  })
  return Object.assign(given, { held })
}

/** Runs what throws only errors of this package, about a module that came from `file`. */
function about(file, run) {
  try {
    return run()
  } catch (error) {
    throw nameFile(error, file)
  }
}

const noImports = ({ module, name }) =>
  wrongType('an object', 'imports', undefined, `the module imports "${module}"."${name}"`)

const noNamespace = ({ module, name }, value) =>
  wrongType('an object', `imports[${JSON.stringify(module)}]`, value, `it should have "${name}"`)

const readers = {
  function: (store, item, value) => refuse(item, value),
  memory: (store, item, value) => idOf(store, item, value, findMemory(value, store)),
  table: (store, item, value) => idOf(store, item, value, findTable(value)),
  global: (store, item, value) => idOf(store, item, value, findGlobal(value)),
  tag: (store, item, value) => idOf(store, item, value, findTag(value)),
}

/** A global may be given as a Global or, if it is immutable, as a plain value of its type. */
function toGlobal(store, item, value) {
  const [, mutable, type] = /^global (mut )?(\w+)$/.exec(item.type)
  if (findGlobal(value) || mutable || !isPlain(type, value, store)) return value
  return globalOf(store, store.globalCreate(type, false, value))
}

function isPlain(type, value, store) {
  if (type === 'externref') return true
  if (type === 'funcref') return value === null || store.isWasmFunction(value)
  return typeof value === (type === 'i64' ? 'bigint' : 'number') && type !== 'v128' && type !== 'exnref'
}

/** The id of an object that must be of this package and of the same store. */
function idOf(store, item, value, handle) {
  if (handle === undefined) refuse(item, value)
  if (handle.store !== store) {
    const { module, name } = item
    throw new LinkError(
      `import "${module}"."${name}": this ${item.kind} belongs to another store: instances of different stores do not mix`,
      { code: 'ERR_RELINK_STORE', details: { module, field: name } },
    )
  }
  return handle.id
}

function refuse({ module, name, type }, value) {
  const actual = inWords(value)
  throw new LinkError(`import "${module}"."${name}": expected ${type}, got ${actual}`, {
    code: 'ERR_RELINK_IMPORT',
    details: { module, field: name, expected: type, actual },
  })
}

module.exports = { toImports, readImports }
