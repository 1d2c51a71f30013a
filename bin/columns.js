'use strict'

// Columns of text.

const { printable } = require('./printable')

/** Maximum width of a column, in characters. Wider cells overflow it. */
const WIDEST = 40

/** Lines of aligned cells. The last cell of a row may be a list, whose items are written below each other. */
function columns(rows) {
  const cells = rows.map((row) => row.map((cell) => [cell].flat().map(printable)))
  const widths = cells[0].slice(0, -1).map((_, index) => widest(cells.map((row) => row[index][0].length)))
  return cells.flatMap((row) => lines(row, widths))
}

function widest(lengths) {
  return lengths.reduce((most, length) => (length <= WIDEST ? Math.max(most, length) : most), 0)
}

function lines(row, widths) {
  const [first, ...further] = row.at(-1)
  // A column that is empty in all rows is omitted.
  const before = row
    .slice(0, -1)
    .flatMap(([cell], index) => (widths[index] > 0 || cell ? [cell.padEnd(widths[index])] : []))
  const indent = widths.filter((width) => width > 0).reduce((sum, width) => sum + width + 2, 2)
  return [`  ${[...before, first].join('  ')}`.trimEnd(), ...further.map((line) => ' '.repeat(indent + 2) + line)]
}

module.exports = { columns }
