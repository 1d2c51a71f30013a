// Plots ratios to V8 as SVG: a bar for each on a logarithmic axis, to the left of 1 where wasm-relink takes less.

import { OURS } from './rows.mjs'

const WIDTH = 840
const EDGE = 12
/** Room for a figure on each side of the bars. */
const ROOM = 44
/** Approximate width of a letter. */
const LETTER = 7.2
const LINE = 20
/** Height of a bar in a row with several bars. */
const BAR = 14
const HEAD = 64

/** Colors with a contrast to both white and black pages. */
const TEXT = '#7a7f87'
const GRID = '#7a7f8740'
const COLORS = ['#3b82d6', '#d9822b', '#7a5fc0']

const VERSUS = ' / V8'

/** One picture of all tables with such ratios; undefined if there are none. */
export function plot(tables) {
  const sections = tables.map(section).filter(({ rows }) => rows.length > 0)
  if (sections.length === 0) return undefined
  let top = 0
  const drawn = sections.map((section) => {
    const { text, height } = draw(section, top)
    top += height
    return text
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" ` +
      `font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12" fill="${TEXT}">`,
    ...drawn,
    '</svg>\n',
  ].join('\n')
}

/** The series of a table, and its rows with a ratio for each series. */
function section({ title, rows }) {
  const ways = OURS.filter((way) => rows.some(({ ratios = {} }) => ratios[way + VERSUS]))
  const drawn = rows
    .map(({ name, labels = {}, ratios = {} }) => ({
      name: [short(name), labels.size].filter(Boolean).join(', '),
      bars: ways.map((way) => ratios[way + VERSUS]),
    }))
    .filter(({ bars }) => bars.some(Boolean))
  return { title, ways, rows: drawn }
}

function draw({ title, ways, rows }, top) {
  const left = EDGE + Math.max(...rows.map(({ name }) => LETTER * name.length)) + EDGE
  const scale = axis(
    left,
    rows.flatMap(({ bars }) => bars.filter(Boolean).map(({ median }) => median)),
  )
  const label = (x, y, words, more = '') => `<text x="${x}" y="${y}" ${more}>${escape(words)}</text>`
  const parts = [label(EDGE, top + 24, `${title}, beside V8`, 'font-size="14" font-weight="600"')]
  let x = EDGE
  for (const [index, way] of ways.entries()) {
    parts.push(`<rect x="${x}" y="${top + 35}" width="10" height="10" rx="2" fill="${COLORS[index]}"/>`)
    parts.push(label(x + 15, top + 44, way))
    x += 30 + LETTER * way.length
  }
  const [first, last] = [top + HEAD, top + HEAD + rows.reduce((sum, row) => sum + height(row), 0)]
  for (const tick of scale.ticks) {
    const at = scale.at(tick).toFixed(1)
    const line = tick === 1 ? `stroke="${TEXT}"` : `stroke="${GRID}"`
    parts.push(`<line x1="${at}" x2="${at}" y1="${first - 6}" y2="${last}" ${line}/>`)
    parts.push(label(at, first - 10, `${tick}×`, 'text-anchor="middle" font-size="11"'))
  }
  let y = first
  for (const row of rows) {
    const middle = y + height(row) / 2
    parts.push(label(left - EDGE, middle + 4, row.name, 'text-anchor="end"'))
    const drawn = row.bars.map((ratio, index) => ratio && { ratio, color: COLORS[index] }).filter(Boolean)
    for (const [index, { ratio, color }] of drawn.entries()) {
      parts.push(bar(scale, ratio.median, middle + (index - drawn.length / 2) * BAR, color))
    }
    y += height(row)
  }
  return { text: parts.join('\n'), height: last - top + 16 }
}

const height = ({ bars }) => Math.max(LINE, BAR * bars.filter(Boolean).length + 8)

function bar(scale, ratio, y, color) {
  const [one, end] = [scale.at(1), scale.at(ratio)]
  const [x, width] = [Math.min(one, end), Math.max(1, Math.abs(end - one))]
  // Next to the end of the bar, away from 1.
  const [at, anchor] = ratio < 1 ? [x - 5, 'end'] : [x + width + 5, 'start']
  return (
    `<rect x="${x.toFixed(1)}" y="${(y + 1).toFixed(1)}" width="${width.toFixed(1)}" height="${BAR - 3}" rx="1" fill="${color}"/>` +
    `<text x="${at.toFixed(1)}" y="${(y + BAR - 4).toFixed(1)}" text-anchor="${anchor}" font-size="11">${figure(ratio)}</text>`
  )
}

const figure = (ratio) => ratio.toFixed(ratio >= 100 ? 0 : ratio >= 10 ? 1 : ratio >= 0.1 ? 2 : 3)

/** A logarithmic axis that contains these values and 1. */
function axis(left, ratios) {
  const low = Math.log10(Math.min(0.95, ...ratios))
  const high = Math.log10(Math.max(1.6, ...ratios))
  const at = (ratio) => left + ROOM + ((Math.log10(ratio) - low) / (high - low)) * (WIDTH - left - 2 * ROOM)
  const steps = high - low > 2.5 ? [1] : high - low > 0.8 ? [1, 2, 5] : [1, 1.2, 1.5, 2, 3, 5, 7, 8]
  const ticks = [-3, -2, -1, 0, 1, 2, 3, 4]
    .flatMap((power) => steps.map((step) => Number((step * 10 ** power).toPrecision(2))))
    .filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high)
  return { at, ticks }
}

/** A name without the note on V8, which the table has. */
const short = (name) => name.replaceAll('`', '').replace(/ \(V8: .*\)$/, '')

const escape = (words) =>
  words.replaceAll('`', '').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
