'use strict'

// The shape of a module: its exports, slots and imports by name, with their types.

const { createHash } = require('node:crypto')
const { inspect } = require('../api/rewrite')
const { isOfAbi } = require('../names/abi-exports')
const { typedFunctions } = require('../native/typed-functions')
const { camelCase } = require('../typed/fields')

/** The import modules of WASI, which the option `wasi` of `load` gives. */
const WASI = new Set(['wasi_snapshot_preview1', 'wasi_unstable'])

/** A record with its keys in order. */
const sorted = (record) =>
  Object.assign(Object.create(null), Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))))

/** The properties of a type that say where its values lie. */
const LAYOUT = new Set(['size', 'align', 'flat', 'offsets'])

/** A type without its layout. */
function withoutLayout(type) {
  if (type === null) return null
  const own = Object.fromEntries(Object.entries(type).filter(([key]) => !LAYOUT.has(key)))
  for (const key of ['element', 'ok', 'err']) if (own[key]) own[key] = withoutLayout(own[key])
  if (own.elements) own.elements = own.elements.map(withoutLayout)
  for (const key of ['fields', 'cases', 'flags']) {
    if (own[key]) own[key] = own[key].map((part) => ({ ...part, type: withoutLayout(part.type) }))
  }
  return own
}

function typedItem({ function: { parameters, result, docs }, docs: own, suspend }) {
  const typed = parameters.map(({ name, type }) => ({ name, type: withoutLayout(type) }))
  return { parameters: typed, result: withoutLayout(result), docs: own ?? docs, ...(suspend && { suspend }) }
}

const coreText = ({ parameters, results }) =>
  `func (${parameters.join(', ')})${results.length === 0 ? '' : ` -> ${results.length === 1 ? results[0] : `(${results.join(', ')})`}`}`

/**
 * The shape of a module: `exports`, `slots`, and for each import module its `imports`. An item is a typed function
 * (`{ parameters, result }`) or `{ core }`, the text of its type in WebAssembly; with `suspend`, an implementation may return a
 * promise.
 */
function shapeOf(bytes) {
  const report = inspect(bytes)
  const typed = JSON.parse(typedFunctions(bytes))
  const of = (kind) => typed.filter((each) => each.kind === kind)
  // Names are the author's, and may be those of properties that every object has.
  const [exports, slots, imports] = [0, 1, 2].map(() => Object.create(null))
  const hidden = new Set(of('export').map(({ name }) => name))
  for (const { name, type } of report.exports) {
    // Of a memory or a table only the kind counts: its size changes from build to build.
    const core = /^(memory|table|tag)\b/.exec(type)?.[0] ?? type
    if (!hidden.has(name) && !isOfAbi(name)) exports[name] = { core }
  }
  for (const each of of('export')) exports[camelCase(each.name)] = typedItem(each)
  const isCalled = ({ kind, name }) =>
    kind === 'declared' || kind === 'import' || (kind === 'function' && name in exports)
  for (const slot of report.slots.filter((slot) => isCalled(slot) && !isOfAbi(slot.name) && !hidden.has(slot.name))) {
    const { name, type, docs, rust, suspend } = slot
    slots[name] = { core: coreText(type), docs, rust, ...(suspend && { suspend }) }
  }
  for (const each of of('slot')) slots[each.name] = typedItem(each)
  const isSlot = ({ name }) => report.slots.some((slot) => slot.kind === 'function' && slot.name === name)
  for (const each of of('export').filter(isSlot)) slots[each.name] = typedItem(each)
  const declared = new Set(report.slots.filter(({ kind }) => kind === 'declared').map(({ name }) => name))
  for (const { module, name, type } of report.imports) {
    // Neither does the user give these: a declared slot, and a function of WASI.
    if ((module === 'relink' && declared.has(name)) || WASI.has(module)) continue
    const own = of('import').find((each) => each.module === module && each.name === name)
    const named = own === undefined ? name : camelCase(name)
    imports[module] ??= Object.create(null)
    imports[module][named] = own === undefined ? { core: type } : typedItem(own)
    if (own !== undefined && `${module}.${name}` in slots) slots[`${module}.${name}`] = typedItem(own)
  }
  return { exports: sorted(exports), slots: sorted(slots), imports: sorted(imports) }
}

/** The part of a shape that programs rely on: no docs, no names of types. */
function essence(value) {
  if (Array.isArray(value)) return value.map(essence)
  if (typeof value !== 'object' || value === null) return value
  const isType = typeof value.kind === 'string'
  const isLeftOut = (key) => key === 'docs' || key === 'rust' || (isType && key === 'name')
  const kept = Object.entries(value).filter(([key, each]) => typeof each === 'object' || !isLeftOut(key))
  return Object.fromEntries(kept.map(([key, each]) => [key, essence(each)]))
}

/** The hash of an essence, in hex. */
const hashOf = (essential) => createHash('sha256').update(JSON.stringify(essential)).digest('hex')

module.exports = { essence, hashOf, shapeOf }
