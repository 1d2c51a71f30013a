'use strict'

// Real packages from npm, as programs with one answer: a source map that is parsed and read, and text that is compressed.

const { readFileSync } = require('node:fs')
const { dirname, join } = require('node:path')

/** Lines of the source map, and repetitions of the text. */
const [LINES, TEXT] = [400, 'a plugin cannot take the server down; '.repeat(200)]

/** The mappings of a source map, in its base64 variables. */
const mappings = Array.from({ length: LINES }, () => 'AAAA,IAAI,CAAC,KAAK,SAAS').join(';')

/** The parts of source-map whose times it may log. */
const LOGGED = [
  'all_generated_locations_for',
  'compute_column_spans',
  'generated_location_for',
  'original_location_for',
  'parse_mappings',
  'sort_by_generated_location',
  'sort_by_original_location',
]

function nothing() {}

/**
 * The bytes of the module; whether it has no JavaScript with state of its own, which a deadline would leave in the middle; and
 * `make`, which returns a program. `instance` makes the instance for it, of given imports.
 */
const PACKAGES = {
  'source-map'() {
    const bytes = readFileSync(join(dirname(require.resolve('source-map')), 'lib/mappings.wasm'))
    return {
      bytes,
      isAlone: true,
      make(instance) {
        let sum = 0
        const log = Object.fromEntries(
          LOGGED.flatMap((name) => [
            [`start_${name}`, nothing],
            [`end_${name}`, nothing],
          ]),
        )
        const env = { ...log, mapping_callback: (line, column) => (sum += 31 * line + column) }
        const { exports } = instance({ env })
        return () => {
          sum = 0
          const at = exports.allocate_mappings(mappings.length) >>> 0
          new Uint8Array(exports.memory.buffer, at, mappings.length).set(Buffer.from(mappings))
          const parsed = exports.parse_mappings(at)
          if (parsed === 0) throw new Error(`source-map: error ${exports.get_last_error()}`)
          exports.by_generated_location(parsed)
          exports.by_original_location(parsed)
          exports.free_mappings(parsed)
          return sum
        }
      },
    }
  },
  'brotli-wasm'() {
    const folder = join(dirname(require.resolve('brotli-wasm')), 'pkg.node')
    const glue = readFileSync(join(folder, 'brotli_wasm.js'), 'utf8')
    const bytes = readFileSync(join(folder, 'brotli_wasm_bg.wasm'))
    const input = Buffer.from(TEXT)
    return {
      bytes,
      isAlone: false,
      make(instance) {
        const module = { exports: {} }
        // The glue makes the instance itself.
        class Instance {
          constructor(_, imports) {
            this.exports = instance(imports).exports
          }
        }
        const own = { Module: nothing, Instance }
        new Function('module', 'require', '__dirname', 'WebAssembly', glue)(module, require, folder, own)
        const { compress, decompress } = module.exports
        return () => {
          const packed = compress(input, { quality: 5 })
          return `${packed.length} ${Buffer.from(decompress(packed)).equals(input)}`
        }
      },
    }
  },
}

module.exports = { PACKAGES }
