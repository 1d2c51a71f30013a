'use strict'

// The content of a Module.

const { isAllowed } = require('../node/permission')
const { carried } = require('../node/posted-module')
const { compileForSmallMemories } = require('../native/compilation')
const { typedFunctionsOf, typedWorldOf } = require('../native/typed-functions')
const { describe, describeMissing } = require('./slot-descriptor')
const { Plan } = require('../typed/plan')
const { TierUpQueue } = require('./tier-up')

/**
 * The content of a Module. `file` is the file that it came from; `missing` has the patterns of `slots` that matched no function;
 * `carrier` is the module of Node's own that carries it to other threads, if it may be posted; `isPlugin` is whether this
 * package's own functions compiled it, not those of `WebAssembly`; `compileOptions` are for compiling it again; `selection` is what
 * the option `slots` selects, unless `compileOptions` have it.
 */
class ModuleContent {
  #slots
  #listed
  #selection
  #typed
  #compileOptions
  #forSmallMemories

  constructor(module, { file, missing = [], carrier, isPlugin = false, compileOptions, selection } = {}) {
    this.native = module
    this.file = file
    this.missing = missing
    this.carrier = carrier
    this.isPlugin = isPlugin
    this.#compileOptions = compileOptions
    this.#selection = selection ?? compileOptions?.slots
    this.tierUp = module.startTierUp() ? new TierUpQueue(module) : undefined
  }

  /** The slots. `instanceSlot` of the native store takes positions in this list. */
  get slots() {
    this.#slots ??= this.#describe()
    return this.#slots
  }

  /**
   * The positions of the slots that are listed: declared, imported, exported and explicitly selected functions. The others are
   * there because something takes their address, as the vtables of Rust's standard library do.
   */
  get listed() {
    this.#slots ??= this.#describe()
    return this.#listed
  }

  #describe() {
    const all = this.native.slots()
    const { kind, functions = [] } = this.#selection ?? {}
    const selected = new Set(functions)
    const isListed = (slot) =>
      kind === 'all' || slot.kind !== 'function' || slot.exported || selected.has(slot.functionIndex)
    this.#listed = [...all.keys()].filter((position) => isListed(all[position]))
    return all.map(describe)
  }

  /**
   * The typed functions, each with its plan: those of the module's records, or of the WIT text that the user gives for a module
   * without records.
   */
  typed(wit = undefined) {
    if (wit !== undefined) return withPlans(typedWorldOf(this.native, wit))
    return (this.#typed ??= withPlans((this.isPlugin && typedFunctionsOf(this.native)) || '[]'))
  }

  /**
   * The same module for small memories. Undefined if the user has chosen full ones, or if the bytes are not at hand: only the
   * carrier and the file have them, and the process or the disk cache may have the code.
   */
  forSmallMemories() {
    if (this.#forSmallMemories !== undefined) return this.#forSmallMemories
    const options = this.#compileOptions
    if (options === undefined || options.reserve !== undefined) return undefined
    const { file, missing, carrier, isPlugin } = this
    const selection = this.#selection
    const readable = file !== undefined && isAllowed('fs.read', file) ? file : undefined
    const source = carrier === undefined ? readable : carried(carrier).bytes
    const module = compileForSmallMemories(this.native, options, source)
    if (module !== null) this.#forSmallMemories = new ModuleContent(module, { file, missing, isPlugin, selection })
    return this.#forSmallMemories
  }

  /** The functions that are not slots, and the patterns that matched no function. */
  others() {
    return [...this.native.noSlots().map(describe), ...this.missing.map(describeMissing)]
  }
}

/** The typed functions that the native side describes. */
const withPlans = (json) => JSON.parse(json).map((type) => ({ ...type, plan: new Plan(type.function) }))

module.exports = { ModuleContent }
