'use strict'

// The command `new`: a plugin to begin with.

const { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } = require('node:fs')
const { basename, join, relative, resolve } = require('node:path')
const { version } = require('../package.json')
const { ExpectedFailure } = require('./failure')
const { printable } = require('./printable')

const GUEST = join(__dirname, '../guest')
const CRATES = ['relinkable', 'relinkable-macros']

/** The files of a new plugin, by their names in `guest/template`. */
const FILES = {
  'Cargo.toml.txt': 'Cargo.toml',
  'README.md.txt': 'README.md',
  'gitignore.txt': '.gitignore',
  'host.ts.txt': 'host.ts',
  'lib.rs.txt': 'src/lib.rs',
  'package.json.txt': 'package.json',
  'plugin.test.mjs.txt': 'plugin.test.mjs',
  'tsconfig.json.txt': 'tsconfig.json',
}

/** Words of Rust that no crate can be named, and names of crates that the new one would hide. */
const RESERVED = new Set(
  `abstract alloc as async await become box break const continue core crate do dyn else enum extern false final fn for gen if impl
in let loop macro match mod move mut override priv proc_macro pub ref relinkable relinkable_macros return self static std struct
super test trait true try type typeof unsafe unsized use virtual where while yield`.split(/\s+/),
)

/** The files in a folder; none if there is no such folder. */
function filesIn(folder) {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}

/** Writes a new plugin into a folder, which is named like it. Returns what to do next. */
function newPlugin(path) {
  const folder = resolve(path)
  const name = basename(folder)
  const crate = name.replaceAll('-', '_')
  if (!/^[a-z][a-z0-9]*([-_][a-z0-9]+)*$/.test(name) || RESERVED.has(crate)) {
    throw new ExpectedFailure(
      `${JSON.stringify(name)} is no name for a plugin: write lower-case words with - between them, such as my-plugin, and no word of Rust`,
    )
  }
  if (filesIn(folder).length > 0)
    throw new ExpectedFailure(`${path} is there already, and is not empty: name another folder`)

  mkdirSync(join(folder, 'src'), { recursive: true })
  for (const [from, to] of Object.entries(FILES)) {
    const text = readFileSync(join(GUEST, 'template', from), 'utf8')
    const filled = text.replaceAll('NAME', name).replaceAll('CRATE', crate).replaceAll('VERSION', version)
    writeFileSync(join(folder, to), filled)
  }
  for (const each of CRATES) {
    cpSync(join(GUEST, each), join(folder, 'vendor', each), {
      recursive: true,
      filter: (file) => !['target', 'tests'].includes(basename(file)),
    })
  }
  const shown = printable(relative('', folder) || '.')
  return `${shown}: a plugin in src/lib.rs, its host in host.ts\n\n  cd ${shown}\n  npm install\n  npm test\n`
}

module.exports = { newPlugin }
