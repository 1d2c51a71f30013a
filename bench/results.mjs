// What a run leaves behind: one file of JSON, and a plot of each part that stands beside V8.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { plot } from './plot.mjs'

/**
 * Writes what there is so far, so that a run that is cut short is not lost.
 *
 * @param {string} file the JSON; plots stand beside it, `latest.json` and `latest-kernels.svg`
 * @param {{ date: string, machine: object, versions: object, quick: boolean }} run
 * @param {Record<string, object[]>} parts the tables of each part
 */
export function write(file, run, parts) {
  const rows = Object.entries(parts).flatMap(([part, tables]) =>
    tables.flatMap(({ title, rows }) => rows.map((row) => ({ part, table: title, ...row }))),
  )
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ ...run, rows }, rounded, 2)}\n`)
  for (const [part, tables] of Object.entries(parts)) {
    const picture = plot(tables)
    if (picture !== undefined) writeFileSync(file.replace(/(\.json)?$/, `-${part}.svg`), picture)
  }
}

/** Six digits of each figure: more than any clock is good for. */
const rounded = (_, value) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value

/** The run that a file holds. */
export function read(file) {
  const run = JSON.parse(readFileSync(file, 'utf8'))
  if (!Array.isArray(run.rows)) throw new Error(`${file} holds no results of the bench`)
  return run
}
