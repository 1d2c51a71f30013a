'use strict'

// The document of a manifest: from an object, a text or a file to checked data, and the error that names its mistakes.

const { readFile } = require('node:fs/promises')
const { dirname, isAbsolute, resolve } = require('node:path')
const { fileURLToPath } = require('node:url')
const { wrongType } = require('../options/arguments')
const { LinkError } = require('../errors')
const { checkManifest } = require('../native/manifest')

/** Most mistakes in a message; the property `mistakes` has them all. */
const LISTED = 10

/** The error of a manifest, with each mistake: the JSON path of the item, a message, and the code of the cause if it has one. */
function refused(mistakes, file = undefined, cause = undefined) {
  const list = mistakes.slice(0, LISTED).map(({ path, message }) => `${path}: ${message}`)
  const more = mistakes.length > LISTED ? `; and ${mistakes.length - LISTED} more` : ''
  const details = { path: mistakes[0].path, mistakes: mistakes.map(Object.freeze), ...(file && { file }) }
  const subject = file === undefined ? 'the manifest' : `the manifest ${file}`
  return new LinkError(`${subject} cannot be applied, so nothing was changed: ${list.join('; ')}${more}`, {
    code: 'ERR_RELINK_MANIFEST',
    details,
    ...(cause && { cause }),
  })
}

/** The JSON path of a member. */
const member = (path, name) =>
  /^[A-Za-z_$][\w$]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`

/** A path, from a path or a `file:` URL. */
const toPath = (value) => resolve(value instanceof URL || value.startsWith('file:') ? fileURLToPath(value) : value)

/** The text of a manifest and its file, if it is in one. A string that begins with `{` or `[` is the text itself. */
async function textOf(manifest) {
  if (typeof manifest === 'string' && /^\s*[[{]/.test(manifest)) return { text: manifest }
  if (typeof manifest === 'string' || manifest instanceof URL) {
    const file = toPath(manifest)
    return { text: await readFile(file, 'utf8'), file }
  }
  if (typeof manifest !== 'object' || manifest === null) {
    throw wrongType('an object, the text of a manifest or the path of its file', 'manifest', manifest)
  }
  try {
    return { text: JSON.stringify(manifest) ?? 'null' }
  } catch (cause) {
    throw refused([{ path: '$', message: `no JSON: ${cause?.message}` }], undefined, cause)
  }
}

/** Reads and checks a manifest. The files of its modules are relative to `base`, or to the folder of its own file. */
async function readManifest(manifest, base = undefined) {
  const { text, file } = await textOf(manifest)
  const { mistakes, label, modules, links } = JSON.parse(checkManifest(text))
  if (mistakes !== undefined) throw refused(mistakes, file)
  const folder = base === undefined ? file && dirname(file) : toPath(base)
  const located = modules.map((each) => ({
    ...each,
    file: isAbsolute(each.file) ? resolve(each.file) : resolve(folder ?? '.', each.file),
    path: member('$.modules', each.name),
  }))
  return { label: label ?? undefined, modules: located, links, file }
}

module.exports = { member, readManifest, refused }
