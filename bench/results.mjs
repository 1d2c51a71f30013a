// The files of a run: one of JSON, and a plot of each part with ratios to V8.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { plot } from './plot.mjs'

/**
 * Writes the results so far, so that they are not lost if the run is interrupted.
 *
 * @param {string} file the JSON file; plots are next to it: `latest.json` and `latest-kernels.svg`
 * @param {{ date: string, machine: object, versions: object, quick: boolean }} run
 * @param {Record<string, object[]>} parts the tables of each part
 * @param {object[]} earlier rows of an earlier run, for the parts that this one lacks
 */
export function write(file, run, parts, earlier = []) {
  const made = Object.entries(parts).flatMap(([part, tables]) =>
    tables.flatMap(({ title, rows }) => rows.map((row) => ({ part, table: title, ...row }))),
  )
  const rows = [...made, ...earlier.filter(({ part }) => !Object.hasOwn(parts, part))]
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ ...run, rows }, rounded, 2)}\n`)
  for (const [part, tables] of Object.entries(parts)) {
    const picture = plot(tables)
    if (picture !== undefined) writeFileSync(file.replace(/(\.json)?$/, `-${part}.svg`), picture)
  }
}

/** Each figure with six digits, which is more than the precision of any clock. */
const rounded = (_, value) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value

/** The rows of a run, each with the date of that run, for a later one that has other parts. */
export function dated({ date, rows }) {
  return rows.map((row) => ({ date, ...row }))
}

/** Reads the run in a file. */
export function read(file) {
  const run = JSON.parse(readFileSync(file, 'utf8'))
  if (!Array.isArray(run.rows)) throw new Error(`${file} holds no results of the bench`)
  return run
}
