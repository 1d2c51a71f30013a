// Prints figures and tables as Markdown.

const STEPS = {
  ns: [
    [1, 'ns', 2],
    [1e3, 'µs', 1],
    [1e6, 'ms', 1],
    [1e9, 's', 2],
  ],
  bytes: [
    [1, 'B', 0],
    [2 ** 10, 'KiB', 1],
    [2 ** 20, 'MiB', 1],
    [2 ** 30, 'GiB', 2],
  ],
}

function plain(number, unit) {
  if (unit === 'count') return number.toLocaleString('en')
  const [divisor, name, digits] = STEPS[unit].findLast(([divisor]) => Math.abs(number) >= divisor) ?? STEPS[unit][0]
  return `${(number / divisor).toFixed(digits)} ${name}`
}

/** A measurement, with its spread if it has one. */
export const value = ({ median, spread, unit }) =>
  spread === 0 ? plain(median, unit) : `${plain(median, unit)} ± ${plain(spread, unit)}`

/** A ratio: as a factor, in percent, or as the difference from 1 in percent. */
export function ratio({ median, spread, as }) {
  const around = (digits, factor) => (spread === 0 ? '' : ` ± ${(factor * spread).toFixed(digits)}`)
  if (as === 'percent') return `${(100 * median).toFixed(1)} %${around(1, 100)}`
  if (as === 'change') return `${signed(median - 1)}${around(1, 100)}`
  return `${median.toFixed(2)}${around(2, 1)}`
}

/** A change in percent. */
export const signed = (part) => `${part < 0 ? '' : '+'}${(100 * part).toFixed(1)} %`

/** Cells as a Markdown table; the first row is the heading. */
export function grid([heading, ...rows]) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n')
}

/** A table: its columns are the values and ratios of its rows. */
export function table({ title, note, rows }) {
  const columns = ['labels', 'values', 'ratios'].flatMap((kind) => {
    const names = new Set(rows.flatMap((row) => Object.keys(row[kind] ?? {})))
    return [...names].map((name) => ({ kind, name }))
  })
  const print = { labels: String, values: value, ratios: ratio }
  const cell = (row, { kind, name }) => (row[kind]?.[name] === undefined ? '' : print[kind](row[kind][name]))
  const cells = [
    ['', ...columns.map(({ name }) => name)],
    ...rows.map((row) => [row.name, ...columns.map((column) => cell(row, column))]),
  ]
  return [`### ${title}\n`, ...(note ? [`${note}\n`] : []), grid(cells), ''].join('\n')
}
