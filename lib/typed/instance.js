'use strict'

// The typed functions of an instance.

const { exportedFunction, importedFunction } = require('./functions')
const { Guest } = require('./guest')
const { hastened } = require('./one-crossing')
const { camelCase } = require('./conversions')

const POST = 'cabi_post_'

/** The typed functions of an instance: its exports and slots, and the imports that it was given. */
class TypedInstance {
  guest
  /** The core exports that typed functions use */
  exports = {}
  /** The deadline of each call, in milliseconds; undefined for that of the store */
  timeout
  #state
  #types
  /** The typed originals of the slots, and the functions given for imports, by name of the slot */
  #originals = new Map()
  /** The functions that free results, by the names of the core functions that return these */
  #posts = new Map()

  /** `types` are the typed functions of the module. */
  constructor(store, types) {
    this.store = store
    this.#types = types
    this.guest = new Guest(types.some(({ wit }) => wit !== null))
  }

  /** The compiler of the instance's code. */
  get compiler() {
    return this.#state.compiler
  }

  /** See `hastened` in one-crossing.js; its transfer instances, by id, with the functions that let go of them. */
  hastened = hastened
  transfers = []

  /** Ends what would keep the memory of the instance, which is being closed. */
  close(silent) {
    for (const { id, end } of this.transfers) {
      end()
      this.store.closeInstance(id, silent)
    }
    this.transfers = []
  }

  /** Whether the instance will get other code soon. */
  get isTieringUp() {
    return this.#state.tierUp !== undefined
  }

  get closed() {
    return this.#state === undefined || this.#state.closed || this.store.closed
  }

  /** The names under which the user may give an import, in the order of preference. */
  namesOf({ module, name }) {
    return this.#find('import', module, name) === undefined ? [name] : [camelCase(name), name]
  }

  /** The function that the user gives for a typed import, for messages: `function fetchPrice(sku: &str) -> u64`. */
  describe({ module, name }) {
    const type = this.#find('import', module, name)
    return type && `function ${camelCase(name)}${type.signature ?? ''}`
  }

  /** Whether the module says that an import may suspend its caller. */
  suspends({ module, name }) {
    return this.#find('import', module, name)?.suspend === true
  }

  /** The core function for a function that the user gives for an import; `suspends` says whether that may return promises. */
  imported({ module, name }, fn, suspends) {
    const type = this.#find('import', module, name)
    if (type === undefined || this.store.isWasmFunction(fn)) return fn
    const subject = `import ${JSON.stringify(module)}.${JSON.stringify(name)}`
    this.#originals.set(`${module}.${name}`, fn)
    return importedFunction({ guest: this.guest, plan: type.plan, subject, fn, suspends })
  }

  /** The id of the instance in its store. */
  get id() {
    return this.#state.id
  }

  /** Whether a core function is that of a typed export. */
  isExport(name) {
    return this.#types.some(({ kind, lifted }) => kind === 'export' && lifted === name)
  }

  /** The record of the slot of a typed export, by the name of its core function. */
  exportSlot(name) {
    const type = this.#types.find(({ kind, lifted }) => kind === 'export' && lifted === name)
    return { instance: this, name, type, plan: type.plan, subject: `export ${JSON.stringify(type.name)}` }
  }

  /** A typed function over the core function that a typed export holds now: for one that takes its place. */
  exportOver(name, raw) {
    const { type, plan, subject } = this.exportSlot(name)
    const post = this.#posts.get(name)
    return exportedFunction({ instance: this, plan, type, subject, name: camelCase(type.function.name), raw, post })
  }

  #find(kind, module, name) {
    return this.#types.find((type) => type.kind === kind && type.module === module && type.name === name)
  }

  /**
   * Takes the exports of the instance, once it is made. `state` is what the Instance knows, `timeout` that of each call, in
   * milliseconds; returns all exports.
   */
  complete(state, exports, timeout) {
    this.#state = state
    this.timeout = timeout
    const core = Object.fromEntries(exports)
    const { memory, cabi_realloc } = core
    this.exports = { memory, cabi_realloc }
    this.guest.bind(this.exports)
    const typed = []
    for (const type of this.#types.filter(({ lifted }) => core[lifted] !== undefined)) {
      const isSlot = type.kind === 'slot'
      this.#posts.set(type.lifted, core[POST + type.lifted])
      const fn = exportedFunction({
        instance: this,
        plan: type.plan,
        type,
        subject: `${type.kind} ${JSON.stringify(type.name)}`,
        name: camelCase(type.function.name),
        raw: core[type.lifted],
        post: core[POST + type.lifted],
        lowered: isSlot ? core[`relink:${type.name}`] : undefined,
      })
      if (isSlot) this.#originals.set(type.name, fn)
      else typed.push([camelCase(type.name), fn])
    }
    return [...exports, ...typed]
  }

  /** The record of a typed slot; undefined for a slot of core values. */
  slot(name, kind) {
    const type = this.#types.find((each) =>
      each.kind === 'slot' ? kind === 'declared' && each.name === name : kind === 'import' && nameOf(each) === name,
    )
    if (type === undefined) return undefined
    const original = this.#originals.get(name)
    const subject = `slot ${JSON.stringify(name)}`
    return { instance: this, name, type, plan: type.plan, subject, original }
  }
}

/** The name of the slot of an import. */
const nameOf = ({ module, name }) => `${module}.${name}`

module.exports = { TypedInstance }
