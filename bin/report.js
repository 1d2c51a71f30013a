'use strict'

// The report of `inspect`.

const { columns } = require('./columns')
const { printable, printableJson } = require('./printable')

/** The report of `inspect()` as JSON. */
const toJson = (report) => `${printableJson(JSON.stringify(report, null, 2))}\n`

/** The report of `inspect()`, as text. Without `all`, only the number of slots of the standard library is in it. */
function toText(report, name, { all = false } = {}) {
  const { imports, exports, tables, memories, sections } = report
  const parts = [
    head(report, name),
    part('Sections', sections, ({ name, size }) => [number(size).padStart(12), name]),
    part('Imports', imports, ({ module, name, kind, type }) => [kind, typeText(type, kind), `${module}.${name}`]),
    part('Exports', exports, ({ name, kind, type }) => [kind, typeText(type, kind), name]),
    part('Tables', tables, object('table')),
    part('Memories', memories, object('memory')),
    ...slotParts(report.slots, all),
  ]
  return `${parts.filter(Boolean).join('\n\n')}\n`
}

/** The consequence of functions of extreme shapes, by the compiler of the module. */
const COSTLY = {
  singlepass: 'Compiled by singlepass, since cranelift would take too long for',
  cranelift: 'Cranelift takes long for',
}

function head({ size, rewrittenSize, functions: { imported, defined, named }, ...report }, name) {
  const { cutFunctions, costlyFunctions, compiler } = report
  return [
    `${printable(name)}: ${number(size)} bytes, ${number(rewrittenSize)} after the load-time pass`,
    `Functions: ${number(defined)} defined, ${number(imported)} imported; ${number(named)} with a name`,
    cutFunctions.length > 0 &&
      `Locals cut for cranelift, since control flow merges them very often: ${cutFunctions.map((index) => `func[${index}]`).join(', ')}`,
    costlyFunctions.length > 0 &&
      `${COSTLY[compiler]}: ${costlyFunctions.map(({ index, reason }) => `func[${index}] (${reason})`).join(', ')}`,
  ]
    .filter(Boolean)
    .join('\n')
}

/** The slots, then the other functions, by the reason why they are not slots. */
function slotParts(slots, all) {
  const isSlot = ({ whyNot }) => whyNot === undefined || whyNot.reason === 'merged'
  const linkable = slots.filter(isSlot).sort((a, b) => rank(a) - rank(b))
  const shown = linkable.filter((slot) => all || !isOfLibrary(slot))
  const hidden = linkable.length - shown.length
  const reasons = new Map()
  for (const each of slots.filter((slot) => !isSlot(slot))) {
    const { reason } = each.whyNot
    if (!reasons.has(reason)) reasons.set(reason, [])
    reasons.get(reason).push(each)
  }
  const notSelected = reasons.get('not-selected') ?? []
  reasons.delete('not-selected')
  return [
    part('Slots', shown, slot),
    hidden > 0 && `Slots of Rust's standard library, for its vtables and pointers: ${number(hidden)}. --all shows them`,
    ...Array.from(reasons, ([reason, others]) => part(`No slots: ${reason}`, others, other)),
    notSelected.length > 0 &&
      `Not selected: ${number(notSelected.length)} functions. --slots all shows them as slots, --slots NAME makes one of them a slot`,
  ]
}

/** The order of slots: those that an author meant to be linked come first. */
const rank = ({ kind }) => ['declared', 'import'].indexOf(kind) >>> 0

/** The crates of Rust's standard library. */
const LIBRARY = 'alloc|compiler_builtins|core|dlmalloc|hashbrown|rustc_demangle|std'

/** A path of one of them. */
const OF_LIBRARY = new RegExp(`^[<&(]*(?:dyn )?(?:${LIBRARY})(?:\\[[0-9a-f]+\\])?::`)

/** The first name of a path inside a name. */
const FIRST = /(?<![\w>}\])]|::)\w+(?:\[[0-9a-f]+\])?(?=::)/g

/** The method of a trait of theirs for a type that is of no other crate: `<u64 as core::fmt::Display>::fmt`. */
const isTheirMethod = (name) => {
  const crates = name.startsWith('<') ? (name.match(FIRST) ?? []) : []
  return crates.length > 0 && crates.every((crate) => OF_LIBRARY.test(`${crate}::`))
}

/** Whether a slot is there only because the standard library takes the address of the function. */
const isOfLibrary = ({ name, kind }) => kind === 'function' && (OF_LIBRARY.test(name) || isTheirMethod(name))

function slot({ name, kind, type, functionIndex, tableIndex, aliases, whyNot, rust }) {
  const where = [
    functionIndex === undefined ? '' : `func[${functionIndex}]`,
    tableIndex === undefined ? '' : `entry ${tableIndex}`,
  ]
  const further = aliases.filter((alias) => !/^func\[\d+\]$/.test(alias)).map((alias) => `also ${alias}`)
  const notes = [rust && `Rust ${rust}`, ...further, whyNot?.message]
  return [...where, kind, signature(type), [name, ...notes.filter(Boolean)]]
}

const other = ({ name, functionIndex, type, whyNot }) => [
  functionIndex === undefined ? '' : `func[${functionIndex}]`,
  type ? signature(type) : '',
  [name, whyNot.message],
]

const object =
  (kind) =>
  ({ type, import: from, exports }) => {
    const ways = [from && `imported as ${from}`, exports.length > 0 && `exported as ${exports.join(', ')}`]
    return [typeText(type, kind), ways.filter(Boolean).join(', ')]
  }

const signature = ({ parameters, results }) =>
  `(${parameters.join(', ')})${results.length > 0 ? ` -> ${resultText(results)}` : ''}`
const resultText = (results) => (results.length === 1 ? results[0] : `(${results.join(', ')})`)

/** A type as text, without its kind. */
function typeText(type, kind) {
  const before = kind === 'function' ? 'func ' : `${kind} `
  return type.startsWith(before) ? type.slice(before.length) : type
}

const number = (value) => value.toLocaleString('en')

/** A heading and a row for each item; empty without items. */
function part(title, items, toRow) {
  if (items.length === 0) return undefined
  return [`${title} (${number(items.length)})`, ...columns(items.map(toRow))].join('\n')
}

module.exports = { toJson, toText }
