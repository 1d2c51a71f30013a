'use strict'

// The process that loads: arguments are a directory for its state, a seed, a number of rounds, and files with modules.

const { readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { random } = require('../random.cjs')
const { mutate } = require('./mutations.cjs')

/** The present step of the process, by the text in the file `state`. */
const PHASES = { '': 'began', compile: 'compiled', instantiate: 'instantiated', use: 'used it', next: 'went on' }

/** The codes with which a load may end. */
const EXPECTED = new Set([
  'ERR_RELINK_INVALID_WASM',
  'ERR_RELINK_UNSUPPORTED',
  'ERR_RELINK_DECLARATION',
  'ERR_RELINK_COMPILE',
  'ERR_RELINK_IMPORT',
  'ERR_RELINK_SIGNATURE_HASH',
  'ERR_RELINK_TRAP',
  'ERR_RELINK_MEMORY',
  'ERR_RELINK_LIMIT',
  'ERR_RELINK_TIMEOUT',
  'ERR_OUT_OF_RANGE',
])

const values = { i32: 1, i64: 1n, f32: 1, f64: 1, externref: {}, funcref: null }

/** An import that fits, if JavaScript can make one. */
function fitting(relink, store, { kind, type }) {
  if (kind === 'function') return () => values[/-> \((\w+)/.exec(type)?.[1]] ?? 0
  const { Global, Memory, Table, Tag } = relink
  if (kind === 'memory') return new Memory({ initial: 1, maximum: 65_536 }, { store })
  if (kind === 'table') return new Table({ element: 'anyfunc', initial: 100 }, null, { store })
  if (kind === 'tag') return new Tag({ parameters: [] }, { store })
  return new Global({ value: 'i32', mutable: false }, 1, { store })
}

function main([directory, seed, rounds, ...files]) {
  const relink = require('../..')
  const choices = random(Number(seed))
  const modules = files.map((file) => readFileSync(file))
  const outcomes = {}
  const note = (phase) => writeFileSync(join(directory, 'state'), phase)

  /** Runs a step of a load; undefined if it was refused. */
  const attempt = (phase, run) => {
    note(phase)
    try {
      return run()
    } catch (error) {
      const code = error?.code ?? 'none'
      outcomes[code] = (outcomes[code] ?? 0) + 1
      const panicked = /panicked/.test(error?.message)
      if (panicked) console.log(`panic, in ${join(directory, 'module.wasm')}: ${error.message.slice(0, 300)}`)
      // Imports return what does not fit their type now and then, which is JavaScript's own TypeError.
      const isConversion = code === 'none' && error instanceof TypeError && phase === 'instantiate'
      // A start function may throw an exception of its own.
      const isThrown = error instanceof relink.Exception && phase === 'instantiate'
      if (!EXPECTED.has(code) && !isConversion && !isThrown) throw error
      return undefined
    }
  }

  for (let round = 0; round < Number(rounds); round++) {
    let bytes = choices.pick(modules)
    for (let count = choices.below(3); count > 0; count--) bytes = mutate(choices, bytes, choices.pick(modules))
    writeFileSync(join(directory, 'module.wasm'), bytes)
    const options = {
      compiler: choices.pick(['cranelift', 'singlepass']),
      slots: choices.pick(['none', undefined, 'all']),
      reserve: choices.pick(['full', 'small']),
    }
    const module = attempt('compile', () => new relink.Module(bytes, options))
    if (module !== undefined) {
      outcomes.compiled = (outcomes.compiled ?? 0) + 1
      attempt('instantiate', () => {
        const store = new relink.Store()
        const imports = {}
        for (const each of relink.Module.imports(module)) {
          const of = (imports[each.module] ??= {})
          of[each.name] ??= fitting(relink, store, each)
        }
        const instance = new relink.Instance(module, imports, { store })
        outcomes.instances = (outcomes.instances ?? 0) + 1
        attempt('use', () => {
          for (const slot of relink.Module.slots(module).slice(0, 20)) instance.slot(slot.name)
          for (const value of Object.values(instance.exports)) {
            if (value instanceof relink.Memory && value.buffer.byteLength < 65_536) value.grow(1)
            if (value instanceof relink.Table && value.length > 0) value.get(0)
          }
        })
        store.close()
      })
    }
    note('next')
    if (round % 200 === 0) globalThis.gc()
  }
  console.log(JSON.stringify(outcomes))
}

if (require.main === module) main(process.argv.slice(2))

module.exports = { PHASES }
