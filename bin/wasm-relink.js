#!/usr/bin/env node
'use strict'

// The command line.

const { Argument, Command, CommanderError, Option } = require('commander')
const { version } = require('../package.json')
const cached = require('./cached')
const { checkManifest } = require('./check')
const { ExpectedFailure, about, failuresOf, toFailure } = require('./failure')
const { isTerminal, print, read, subject, write } = require('./files')
const { newPlugin } = require('./new')
const { printable, printableJson } = require('./printable')
const { toJson, toText } = require('./report')
const { addSlots } = require('./slots')

const SLOTS =
  `which functions become slots, besides the declared, imported, exported and address-taken ones: a name, the end of
a Rust path, a glob over paths, or a RegExp as /…/flags; may be given several times. Or one word: "all", "none"`.replace(
    '\n',
    ' ',
  )

const program = new Command('wasm-relink')
  .description(
    'Shows what can be relinked in a WebAssembly module, runs the load-time pass on it, and looks after the compiled modules on disk.',
  )
  .version(version)
  .showHelpAfterError()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'wasm-relink:')) })
  .exitOverride()

// The package is loaded on first use, so that the help works on a machine without a binary.
const face = () => require('..')

program
  .command('new')
  .description('Writes a new plugin: a Rust crate, its test, and a host in TypeScript.')
  .argument('<FOLDER>', 'the folder to make; its name is the name of the plugin')
  .addHelpText('after', examples('new my-plugin'))
  .action(async (folder) => print(await about(folder, async () => newPlugin(folder))))

program
  .command('inspect')
  .description('Prints what there is in a module: imports, exports, slots, and what cannot be linked and why.')
  .argument('<FILE>', 'the module; - for standard input')
  .option('--all', "also the slots of Rust's standard library, which are there for its vtables")
  .option('--json', 'the whole report of inspect() as JSON')
  .option('--slots <PATTERN>', SLOTS, addSlots)
  .addHelpText(
    'after',
    examples('inspect plugin.wasm', "inspect plugin.wasm --slots 'guest::pricing::*' --slots '/tax$/'"),
  )
  .action(async (file, { all, json, slots }) => {
    const { inspect } = face()
    const report = await about(subject(file), async () => inspect(await read(file), { slots }))
    print(json ? toJson(report) : toText(report, subject(file), { all: all ?? slots !== undefined }))
  })

program
  .command('rewrite')
  .description('Writes the module that the load-time pass makes: valid WebAssembly for any engine.')
  .argument('<FILE>', 'the module; - for standard input')
  .requiredOption('-o, --output <OUT>', 'the file to write; - for standard output')
  .option('--slots <PATTERN>', SLOTS, addSlots)
  .addHelpText(
    'after',
    examples('rewrite plugin.wasm -o rewritten.wasm', 'rewrite plugin.wasm -o rewritten.wasm --slots all'),
  )
  .action(async (file, { output, slots }, command) => {
    if (isTerminal(output)) command.error('error: a module is binary, and not written to a terminal')
    const { inspect, rewrite } = face()
    const rewritten = await about(subject(file), async () => {
      const bytes = await read(file)
      // Only names in a list can be missing.
      if (Array.isArray(slots)) warn(subject(file), inspect(bytes, { slots }))
      return rewrite(bytes, { slots })
    })
    await about(output, () => write(output, rewritten))
  })

program
  .command('types')
  .description('Writes the TypeScript types of a module: the shape for load<T>(), with its documentation.')
  .argument('<FILE>', 'the module; - for standard input')
  .option('-o, --output <OUT>', 'the file to write, such as plugin.d.ts; - for standard output', '-')
  .option('--beside', 'write plugin.wasm.d.ts beside plugin.wasm, where load() finds it and import statements do')
  .addHelpText('after', examples('types plugin.wasm -o plugin.d.ts', 'types plugin.wasm --beside'))
  .action(async (file, { output, beside }, command) => {
    if (beside && file === '-') command.error('error: --beside needs a file, not standard input')
    if (beside && output !== '-') command.error('error: --beside and --output name two files: give one of them')
    const { declarationsOf } = require('../lib/shape/declarations')
    const text = await about(subject(file), async () =>
      declarationsOf(await read(file), file === '-' ? 'plugin.wasm' : file),
    )
    const target = beside ? `${file}.d.ts` : output
    await about(target, () => write(target, text))
  })

program
  .command('compile')
  .description('Compiles modules ahead into the cache on disk, from which load() takes them.')
  .argument('<FILE...>', 'the modules')
  .addOption(new Option('--compiler <NAME>', 'which compiler').choices(['cranelift', 'singlepass']))
  .addOption(new Option('--reserve <NAME>', 'what memories reserve').choices(['full', 'small']))
  .option('--slots <PATTERN>', SLOTS, addSlots)
  .addHelpText('after', examples('compile plugins/*.wasm', 'compile plugin.wasm --slots all'))
  .action(async (files, { compiler, reserve, slots }, command) => {
    const { Module, cache, compileFile } = face()
    if (cache.directory === undefined) command.error(`error: the cache is off: ${cached.whyOff()}`)
    const compileOne = async (file) => {
      const module = await about(file, () => compileFile(file, { compiler, reserve, slots }))
      warn(file, { slots: Module.slots(module) })
      // An unusable cache is not an error for `load`, but it is here.
      const entries = await about('cache', async () => cache.entries())
      if (!cached.holds(entries, file)) throw new ExpectedFailure(`${file}: compiled, but the cache did not take it`)
      print(`${printable(file)}: compiled\n`)
    }
    // A bad file does not keep the others from being compiled.
    for (const file of files) await compileOne(file).catch((error) => fail(toFailure(error)))
  })

program
  .command('check')
  .description('Says what apply() would refuse of a manifest: files, hashes, imports, slots and types.')
  .argument('<MANIFEST>', 'the manifest, a JSON file')
  .option(
    '--imports <FILE>',
    'an ES module that exports the imports from JavaScript; by default, functions that do nothing',
  )
  .addHelpText('after', examples('check manifest.json', 'check manifest.json --imports host.mjs'))
  .action(async (file, { imports }) => {
    try {
      const { modules, links } = await about(file, () => checkManifest(file, imports))
      print(`${printable(file)}: fine (${modules} modules, ${links} links)\n`)
    } catch (error) {
      for (const each of failuresOf(error, file)) fail(each)
    }
  })

program
  .command('watch')
  .description('Prints what watch() would do, each time that one of the files was rebuilt, until it is stopped.')
  .argument('<FILE...>', 'the modules, and manifests: files that end in .json')
  .option('--slots <PATTERN>', SLOTS, addSlots)
  .option('--imports <FILE>', 'for manifests, an ES module that exports the imports from JavaScript, as for check')
  .addHelpText(
    'after',
    examples('watch target/wasm32-unknown-unknown/release/plugin.wasm', 'watch manifest.json --imports host.mjs'),
  )
  .action((files, { slots, imports }) => {
    const { watchFiles } = require('./watching')
    watchFiles(files, { slots, imports, print, fail: (error) => fail(toFailure(error)) })
  })

program
  .command('cache')
  .description('Lists the compiled modules on disk, or removes them.')
  .addArgument(new Argument('[ACTION]', 'what to do').choices(['list', 'clear']).default('list'))
  .option('--json', 'the list as JSON')
  .addHelpText('after', examples('cache', 'cache clear'))
  .action(async (action, { json }) => {
    const { cache } = face()
    const { directory, maximum } = cache
    if (action === 'clear') {
      const count = await about('cache', async () => cache.clear())
      return print(`Removed ${cached.modules(count)}\n`)
    }
    const entries = await about('cache', async () => cache.entries())
    const listed = { directory, maximum, entries }
    print(json ? `${printableJson(JSON.stringify(listed, null, 2))}\n` : cached.toText(listed))
  })

function examples(...lines) {
  return ['', 'Examples:', ...lines.map((line) => `  $ npx wasm-relink ${line}`)].join('\n')
}

/** Warns of names that no function has. The module is still written. */
function warn(name, { slots }) {
  for (const slot of slots.filter(({ whyNot }) => whyNot?.reason === 'not-found')) {
    console.error(new ExpectedFailure(`${name}: no function fits ${JSON.stringify(slot.name)} of --slots`).line)
  }
}

/** Prints a failure in one line; the error of a bug in this program with its stack. */
function fail(error) {
  console.error(error instanceof ExpectedFailure ? error.line : error)
  process.exitCode = 1
}

process.stdout.on('error', (error) => {
  // The reader has closed the pipe.
  if (error.code === 'EPIPE') process.exit()
  fail(toFailure(error, 'standard output: '))
})

program.parseAsync().catch((error) => {
  // The parser has printed the mistake and the help.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else fail(toFailure(error))
})
