'use strict'

// Generated files of types: the line with the shape, and the check of a module against it.

const { readFile } = require('node:fs/promises')
const { LinkError, nameFile, typeError } = require('../errors')
const { differencesOf } = require('./difference')
const { essence, hashOf, shapeOf } = require('./shape')

const LINE = /^\/\/ wasm-relink shape ([0-9a-f]{64}) (.*)$/m

/** The last line of a generated file: the hash of the shape, and the shape for messages. */
function shapeLine(shape) {
  const essential = essence(shape)
  // In a comment, these characters would end the line.
  const json = JSON.stringify(essential).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  return `// wasm-relink shape ${hashOf(essential)} ${json}\n`
}

/** The hash and the shape in a generated file; undefined for any other file. */
function parse(text) {
  const [, hash, json] = LINE.exec(text) ?? []
  if (hash === undefined) return undefined
  try {
    const shape = JSON.parse(json)
    return hashOf(shape) === hash ? { hash, shape } : undefined
  } catch {
    return undefined
  }
}

/** Reads the generated file at a path. */
async function readTypes(path) {
  const found = parse(await readFile(path, 'utf8'))
  if (found !== undefined) return { ...found, path }
  throw typeError(
    `options.types: expected a file that \`wasm-relink types\` has written, with its last line as it was, got "${path}"`,
    'ERR_INVALID_ARG_VALUE',
  )
}

/** The generated file that lies beside a module (`plugin.wasm.d.ts`), if there is one. */
async function typesBeside(path) {
  const beside = `${path}.d.ts`
  // Without the right to read it, there is nothing to check.
  const text = await readFile(beside, 'utf8').catch(() => '')
  const found = parse(text)
  return found && { ...found, path: beside }
}

/** Refuses the module of a file if it has not the shape from which types were made. */
function checkShape(types, bytes, file) {
  const essential = essence(shapeOf(bytes))
  const actual = hashOf(essential)
  if (actual === types.hash) return
  const differences = differencesOf(types.shape, essential)
  if (differences.length === 0) return
  const error = new LinkError(
    `the module is not the one of "${types.path}": ${differences.join('; ')}. Run \`wasm-relink types\` again`,
    { code: 'ERR_RELINK_ABI', details: { expected: types.hash, actual, differences, types: types.path } },
  )
  throw nameFile(error, file)
}

module.exports = { checkShape, readTypes, shapeLine, typesBeside }
