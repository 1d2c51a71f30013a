// Instances: modules at work in a store.

import type { Module } from './module'
import type {
  Bytes,
  CloseOptions,
  FileUrl,
  Imports,
  InstanceOptions,
  LoadOptions,
  Reserve,
  SuspendingOption,
  TypesOption,
} from './options'
import type { Exports, ExportsOf, PluginShape, SlotNamed, SlotNames, Slots, SlotsOf } from './plugin'
import type { PromisingExports } from './promising'
import type { Slot } from './slot'
import type { Store } from './store'

/**
 * A module at work in a store. `E` and `S` are the types of its exports and slots: see {@link PluginShape}.
 *
 * ```js
 * const plugin = new Instance(module, { env: { now: () => Date.now() } })
 * plugin.exports.total(1000n)
 * ```
 */
export class Instance<E extends object = Record<string, any>, S extends object = Record<string, Slot>> {
  #private
  /**
   * Reads the imports in the order of the binary, then runs the start function, if the module has one.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a Module; the imports are missing, or have no object for a module name
   * @throws {LinkError} `ERR_RELINK_IMPORT` (with `module`, `field`, `expected`, `actual`), `ERR_RELINK_STORE`,
   * `ERR_RELINK_CLOSED`, `ERR_RELINK_COMPILER`, `ERR_RELINK_SIGNATURE_HASH`
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: the module defines a table of more than 10,000,000 entries;
   * `ERR_RELINK_MEMORY`: no room for the instance; `ERR_RELINK_LIMIT` (with `limit`, `value`, `asked`)
   * @throws {RuntimeError} `ERR_RELINK_TRAP`: the start function trapped, or a segment is out of bounds; `ERR_RELINK_TIMEOUT`,
   * `ERR_RELINK_INTERRUPTED`
   */
  constructor(module: Module, imports?: Imports, options?: InstanceOptions)
  /**
   * The open instance that exports a function, also if only glue code keeps its exports, as wasm-bindgen's does. Undefined for any
   * other function. A function that an instance imports and exports again belongs to the one that defines it.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a function
   */
  static of(fn: (...parameters: any[]) => unknown): Instance | undefined
  /**
   * The open instances of a store in the order in which they were made, without those that V8 has collected. Default: the store of
   * this thread.
   *
   * ```js
   * const [greeter] = Instance.all().filter(({ exports }) => 'greeter_new' in exports)
   * ```
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a Store
   */
  static all(store?: Store): Instance[]
  /** The exports, by name. Frozen, without a prototype. */
  readonly exports: Exports<E>
  /**
   * The declared, imported and exported slots, and those that the option `slots` names, by their full names. Frozen, without a
   * prototype. {@link slot} takes other names and the other slots too, which `Module.slots(module, { all: true })` lists.
   *
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the instance was closed before this property was first read
   */
  readonly slots: Slots<S>
  /**
   * The slot with this name. Without such a slot, the only one with this alias, or whose path ends with it: `discount` or
   * `pricing::discount` for `shop::pricing::discount`, `price` for the import `env.price`. The types of a generic
   * function may be left out: `max` for `shop::max::<u32>`. A number is the function's index in the module. If a
   * {@link PluginShape} names the slots, the type checker accepts their names, ends of their paths, and numbers.
   *
   * ```js
   * plugin.slot('discount').original(1000n)
   * ```
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: neither a string nor a number; `ERR_INVALID_ARG_VALUE`: a number that is
   * negative, a fraction, or beyond 32 bits
   * @throws {LinkError} `ERR_RELINK_UNKNOWN_SLOT` or `ERR_RELINK_AMBIGUOUS_SLOT`, both with `candidates`;
   * `ERR_RELINK_CLOSED`
   */
  slot<Name extends SlotNames<S>>(name: Name): SlotNamed<S, Name>
  slot<P extends unknown[] = any, R = any>(name: string extends keyof S ? string | number : number): Slot<P, R>
  /**
   * Closes the instance. From then on its exports, its slots and links, and the memories, tables and globals that it defines
   * throw `ERR_RELINK_CLOSED`. Functions of it that are linked elsewhere go on running; the instance is freed when nothing
   * can call it any more. A memory, table or global that an open instance imports stays usable until that one is closed.
   * Closing twice is fine.
   *
   * Buffers over its memories stay as they are, since requests of Node's may be using them (`fs.read`, zlib, sockets). Their
   * bytes are freed after V8 has collected all of these buffers.
   *
   * In a callback of a `FinalizationRegistry`, where no caller could catch an error, a use of the closed instance does
   * nothing. With `lateCalls: 'ignore'`, every later call of its functions, and every use of its memories, tables and globals,
   * does nothing: for a plugin whose glue has timers or promises pending.
   *
   * ```js
   * plugin.close({ lateCalls: 'ignore' })
   * ```
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: an unknown option or value
   */
  close(options?: CloseOptions): void

  /**
   * Runs a command of WASI, that is `_start`, and returns its exit code. Only for an instance with the option `wasi`, and only
   * once.
   */
  start(): number
  readonly closed: boolean
  /** The compiler of the code that it runs now. */
  readonly compiler: 'cranelift' | 'singlepass'
  /** The address space that its memories reserve. */
  readonly reserve: Reserve
  /**
   * Resolves when the instance runs its final code: at once, unless the module was compiled with `auto`. The process does not
   * end while this promise is awaited.
   */
  readonly optimized: Promise<void>;
  /** {@link close}, for `using`. */
  [Symbol.dispose](): void
}

/** The type of an instance with this {@link PluginShape}, for variables and parameters: `InstanceOf<Pricing>`. */
export type InstanceOf<T extends PluginShape = {}> = Instance<ExportsOf<T>, SlotsOf<T>>

/**
 * Makes an instance, as `WebAssembly.instantiate` does. For a Module, it resolves to an Instance. Bytes are compiled on
 * another thread, and it resolves to both; the {@link CompileOptions} only matter there.
 *
 * ```js
 * const { module, instance } = await instantiate(bytes, imports)
 * ```
 *
 * @throws rejects with the errors of the constructors of {@link Module} and {@link Instance}
 */
export function instantiate<T extends PluginShape = {}>(
  module: Module,
  imports: Imports | undefined,
  options: LoadOptions & SuspendingOption,
): Promise<Instance<PromisingExports<ExportsOf<T>>, SlotsOf<T>>>
export function instantiate<T extends PluginShape = {}>(
  bytes: Bytes,
  imports: Imports | undefined,
  options: LoadOptions & SuspendingOption,
): Promise<{ module: Module; instance: Instance<PromisingExports<ExportsOf<T>>, SlotsOf<T>> }>
export function instantiate<T extends PluginShape = {}>(
  module: Module,
  imports?: Imports,
  options?: LoadOptions,
): Promise<Instance<ExportsOf<T>, SlotsOf<T>>>
export function instantiate<T extends PluginShape = {}>(
  bytes: Bytes,
  imports?: Imports,
  options?: LoadOptions,
): Promise<{ module: Module; instance: Instance<ExportsOf<T>, SlotsOf<T>> }>

/**
 * Reads a file, compiles it on another thread or takes the compiled module from the {@link cache}, and makes an instance.
 *
 * ```js
 * const plugin = await load(new URL('pricing.wasm', import.meta.url), { env: { now: () => Date.now() } })
 * ```
 *
 * @throws rejects with Node's own error (`ENOENT` and so on) if the file cannot be read, otherwise with the errors of the
 * constructors of {@link Module} and {@link Instance}. The message of an error about the module begins with the file's name,
 * and its `file` is that name.
 */
export function load<T extends PluginShape = {}>(
  file: string | FileUrl,
  imports: Imports | undefined,
  options: LoadOptions & TypesOption & SuspendingOption,
): Promise<Instance<PromisingExports<ExportsOf<T>>, SlotsOf<T>>>
export function load<T extends PluginShape = {}>(
  file: string | FileUrl,
  imports?: Imports,
  options?: LoadOptions & TypesOption,
): Promise<Instance<ExportsOf<T>, SlotsOf<T>>>
