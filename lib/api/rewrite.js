'use strict'

// `rewrite` and `inspect`.

const { toBytes, toOptions } = require('../options/arguments')
const { defaultReserve, functionNames, inspectModule, rewriteModule } = require('../native/module-bytes')
const { describe, describeMissing } = require('../internal/slot-descriptor')
const { select, toSelection } = require('../options/slot-selection')
const { TRUST, toTrust } = require('../options/trust')

/** Converts the arguments: the bytes, the native selection, and the patterns that matched no function. */
function prepare(bytes, options) {
  const known = toOptions(options, ['slots', ...TRUST])
  const [{ kind, patterns }, trust] = [toSelection(known), toTrust(known)]
  const source = toBytes(bytes)
  trust?.verify(source)
  if (patterns === undefined) return { source, selection: { kind }, missing: [] }
  return { source, ...select(patterns, functionNames(source)) }
}

/** Runs the load-time pass and returns the new module. Compiles nothing. */
function rewrite(bytes, options = undefined) {
  const { source, selection } = prepare(bytes, options)
  return rewriteModule(source, selection)
}

/** Reports what is in a module, and what can be relinked. Compiles nothing. */
function inspect(bytes, options = undefined) {
  const { source, selection, missing } = prepare(bytes, options)
  const report = inspectModule(source, selection)
  return {
    size: source.byteLength,
    rewrittenSize: report.rewrittenSize,
    sections: report.sections,
    imports: report.imports.map(({ module, name, kind, type }) => ({ module, name, kind, type })),
    exports: report.exports,
    functions: { imported: report.importedFunctions, defined: report.definedFunctions, named: report.namedFunctions },
    cutFunctions: report.cutFunctions,
    compiler: report.compiler,
    costlyFunctions: report.costlyFunctions,
    slots: [...[...report.slots, ...report.others].map(describe), ...missing.map(describeMissing)],
    tables: report.tables,
    memories: report.memories,
    reserve: defaultReserve(),
  }
}

module.exports = { inspect, rewrite }
