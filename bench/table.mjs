// How the figures are printed.

const plain = (nanoseconds) =>
  nanoseconds >= 1e9
    ? `${(nanoseconds / 1e9).toFixed(2)} s`
    : nanoseconds >= 1e6
      ? `${(nanoseconds / 1e6).toFixed(1)} ms`
      : nanoseconds >= 1e3
        ? `${(nanoseconds / 1e3).toFixed(1)} µs`
        : `${nanoseconds.toFixed(2)} ns`

/** A time, from its median and its spread. */
export const time = ({ median, spread }) => `${plain(median)} ± ${plain(spread)}`
/** A ratio, from its median and its spread. */
export const times = ({ median, spread }) => `${median.toFixed(2)} ± ${spread.toFixed(2)}`
/** A ratio that is best told as a part of the other. */
export const percent = ({ median, spread }) => `${(100 * median).toFixed(1)} % ± ${(100 * spread).toFixed(1)}`
/** What a ratio is above or below 1. */
export const change = ({ median, spread }) =>
  `${median < 1 ? '' : '+'}${(100 * (median - 1)).toFixed(1)} % ± ${(100 * spread).toFixed(1)}`

/** A table in Markdown. */
export function table(title, columns, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [`### ${title}\n`, line(columns), line(columns.map(() => '---')), ...rows.map(line), ''].join('\n')
}
