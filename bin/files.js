'use strict'

// Input and output files.

const { randomUUID } = require('node:crypto')
const { closeSync, openSync, statSync } = require('node:fs')
const { open, readFile, realpath, rename, rm, stat, writeFile } = require('node:fs/promises')
const { dirname, join } = require('node:path')
const { buffer } = require('node:stream/consumers')
const { isatty } = require('node:tty')

/** The path that means standard input or output. */
const STANDARD = '-'

/** The name of the input file in messages. */
const subject = (file) => (file === STANDARD ? 'standard input' : file)

const read = (file) => (file === STANDARD ? buffer(process.stdin) : readFile(file))

/** Writes to standard output. Its errors arrive as events. */
function print(data) {
  process.stdout.write(data)
}

/** Writes a file completely or not at all. */
async function write(file, bytes) {
  if (file === STANDARD) return print(bytes)
  const present = await stat(file).catch(unless('ENOENT'))
  // Renaming would replace a pipe or a device by a file.
  if (present && !present.isFile()) return writeFile(file, bytes)
  const path = present ? await realpath(file) : file
  const temporary = join(dirname(path), `.wasm-relink-${randomUUID()}.tmp`)
  try {
    await writeNew(temporary, bytes, present?.mode)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Writes a new file, and flushes it to the disk. */
async function writeNew(path, bytes, mode) {
  const file = await open(path, 'wx')
  try {
    if (mode !== undefined) await file.chmod(mode)
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

const unless = (code) => (error) => {
  if (error.code !== code) throw error
}

/** Whether the file is a terminal. */
function isTerminal(file) {
  if (file === STANDARD) return process.stdout.isTTY === true
  if (!statSync(file, { throwIfNoEntry: false })?.isCharacterDevice()) return false
  const descriptor = openSync(file, 'w')
  try {
    return isatty(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

module.exports = { isTerminal, print, read, subject, write }
