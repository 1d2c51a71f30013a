'use strict'

// The list of cached modules.

const { statSync } = require('node:fs')
const { columns } = require('./columns')
const { printable } = require('./printable')

/** The entries of the disk cache, as text. */
function toText({ directory, maximum, entries }) {
  if (directory === undefined) return `The cache is off: ${whyOff()}.\n`
  const total = entries.reduce((sum, { size }) => sum + size, 0)
  const head = `${printable(directory)}: ${modules(entries.length)}, ${size(total)} of ${size(maximum)}`
  return `${[head, ...(entries.length > 0 ? ['', ...columns(entries.map(row))] : [])].join('\n')}\n`
}

/** The reason why there is no cache, as text. */
const whyOff = () =>
  process.env.WASM_RELINK_CACHE
    ? 'WASM_RELINK_CACHE turns it off'
    : 'the user has no home directory, and WASM_RELINK_CACHE names no folder'

/** Whether the cache has an entry for a file that was just compiled. Files with the same bytes share an entry. */
function holds(entries, file) {
  const bytes = statSync(file).size
  return entries.some(({ moduleSize, usable }) => usable && moduleSize === bytes)
}

const row = (entry) => [
  size(entry.size),
  entry.used.toISOString().slice(0, 16).replace('T', ' '),
  entry.reserve === 'small' ? `${entry.compiler}, small` : entry.compiler,
  typeof entry.slots === 'number' ? `${entry.slots} more slots` : `slots: ${entry.slots}`,
  [entry.file ?? `(${size(entry.moduleSize)} from memory)`, ...(entry.usable ? [] : ['of another version'])],
]

const modules = (count) => `${count} compiled module${count === 1 ? '' : 's'}`

const size = (bytes) => `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MiB`

module.exports = { holds, modules, toText, whyOff }
