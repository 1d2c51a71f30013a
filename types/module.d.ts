// Modules: compiled code, and what there is in it.

import type { FunctionType } from './function'
import type { Bytes, CompileOptions, FileUrl } from './options'

/** The kinds of imports and exports: see {@link Module.exports}. */
export type ExternKind = 'function' | 'table' | 'memory' | 'global' | 'tag'

/** An export of a module: see {@link Module.exports}. */
export interface ExportDescriptor {
  name: string
  kind: ExternKind
}

/** An import of a module: see {@link Module.imports}. */
export interface ImportDescriptor {
  module: string
  name: string
  kind: ExternKind
}

/**
 * The kinds of slots: a function with `#[relinkable]`, a function that the module defines or imports, a table entry. See
 * {@link Slot.kind}.
 */
export type SlotKind = 'declared' | 'function' | 'import' | 'table'

/** A slot of a module, or a function that is not a slot: see {@link Module.slots}. */
export interface SlotDescriptor {
  /**
   * The stable name, the same after every build. It is the first of these that the function has: the declared name; the export
   * name; `module.field` for an import; the Rust path without its hash; `func[12]`, with its index. Several functions with the
   * same name get numbers: `guest::max#2`.
   */
  name: string
  kind: 'declared' | 'function' | 'import'
  /** Missing only for a name that no function has */
  type?: FunctionType | undefined
  /** The Rust path, or the function's name in the name section */
  path?: string | undefined
  /** The function's index in the module. Missing only for a name that no function has */
  functionIndex?: number | undefined
  /** The index of the function's entry in the function table: `f as usize` in Rust */
  tableIndex?: number | undefined
  /** Other names that {@link Instance.slot} takes */
  aliases: string[]
  /** Why the function is not a slot, or what linking it takes */
  whyNot?: WhyNot | undefined
  /** The signature in the Rust source: `(cents: u64) -> u64`. Only for declared slots */
  rust?: string | undefined
  /** The documentation comment of the Rust function. Only for declared slots */
  docs?: string | undefined
  /** Whether a JavaScript function in it may return a promise: `#[relinkable(suspend)]`. Missing for other slots */
  suspend?: true | undefined
}

/** Why a function cannot simply be linked. `docs/what-can-be-relinked.md` says what to do in each case. */
export interface WhyNot {
  /**
   * - `merged`: the compiler merged several functions into this one. It is a slot, and `{ merged: true }` links it
   * - `not-selected`: the option `slots` did not select it
   * - `not-found`: the option `slots` has a name or pattern that no function matches
   * - `identity`: it only returns its parameter, and the calls of it were removed
   * - `original`: it is the original of a declared slot
   */
  reason: 'merged' | 'not-selected' | 'not-found' | 'identity' | 'original'
  message: string
}

/**
 * Compiled code: immutable, and usable for any number of instances in any store.
 *
 * The constructor compiles on this thread, while you wait; {@link compile} compiles on another thread.
 *
 * ```js
 * const module = new Module(bytes)
 * Module.imports(module) // [{ module: 'env', name: 'now', kind: 'function' }]
 * Module.slots(module, { all: true }) // every function, with the reason if it is not a slot
 * ```
 */
export class Module {
  #private
  /**
   * @throws {CompileError} `ERR_RELINK_INVALID_WASM` (with `offset`), `ERR_RELINK_UNSUPPORTED`,
   * `ERR_RELINK_DECLARATION`, `ERR_RELINK_COMPILE`
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: no bytes; `ERR_INVALID_ARG_VALUE`: an unknown option or value
   * @throws {RangeError} `ERR_RELINK_MEMORY`: no room to compile it; `ERR_RELINK_LIMIT`: see {@link CompileLimits}
   */
  constructor(bytes: Bytes, options?: CompileOptions)
  /** @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a Module */
  static exports(module: Module): ExportDescriptor[]
  /**
   * The imports that an instance needs. The imports of declared slots are not included: these slots start with their originals.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a Module
   */
  static imports(module: Module): ImportDescriptor[]
  /**
   * The contents of the custom sections with this name, each in a buffer of its own.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a Module, or no name
   * @throws {RangeError} `ERR_RELINK_MEMORY`: no room for a copy
   */
  static customSections(module: Module, name: string): ArrayBuffer[]
  /**
   * The slots that {@link Instance.slots} has, and the patterns in the option `slots` that matched no function. With `all`, also the
   * functions that are slots because something takes their address, as vtables do, and every function that is not a slot, with
   * the reason.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a Module; `ERR_INVALID_ARG_VALUE`: an unknown option
   */
  static slots(module: Module, options?: { all?: boolean | undefined }): SlotDescriptor[]
}

/**
 * Compiles on another thread, while the event loop runs.
 *
 * ```js
 * const module = await compile(bytes, { compiler: 'singlepass', slots: ['pricing::*'] })
 * ```
 *
 * @throws rejects with the errors of the constructor of {@link Module}
 */
export function compile(bytes: Bytes, options?: CompileOptions): Promise<Module>

/**
 * Reads a file and compiles it on another thread, as {@link load} does before it makes an instance. It uses the disk
 * {@link cache}, unless `options.cache` is false.
 *
 * ```js
 * const module = await compileFile('pricing.wasm')
 * const plugins = tenants.map(() => new Instance(module))
 * ```
 *
 * @throws rejects with Node's own error (`ENOENT` and so on) if the file cannot be read, otherwise with the errors of the
 * constructor of {@link Module}; their `file` is the path
 */
export function compileFile(file: string | FileUrl, options?: CompileOptions): Promise<Module>

/**
 * Whether {@link compile} with the same options would succeed.
 *
 * ```js
 * if (!validate(upload, { compiler: 'singlepass' })) return response.status(400).end()
 * ```
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: no bytes; `ERR_INVALID_ARG_VALUE`: an unknown option or value
 */
export function validate(bytes: Bytes, options?: CompileOptions): boolean
