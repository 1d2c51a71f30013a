/**
 * wasm-relink: change what a running WebAssembly plugin does.
 *
 * ```js
 * import { load, link } from 'wasm-relink'
 *
 * const plugin = await load('pricing.wasm')
 * const update = await load('pricing-2.wasm')
 *
 * plugin.exports.total(1000n) // as it was built
 * const change = link(update.exports.discount, plugin.slot('discount'))
 * plugin.exports.total(1000n) // every path to `discount` now runs the other module's
 * change.undo()
 * ```
 *
 * The first half is the WebAssembly JS API, run by wasmer. What WebAssembly lacks is added to it: a *slot*,
 * a place in a module where an implementation can be changed, and {@link link}, which changes it.
 *
 * Every error has a `code`, and `docs/errors.md` lists them all. When a call is refused, nothing has changed.
 *
 * Two kinds of objects go to other threads, with `postMessage` as well as `structuredClone`: a Module that was made by
 * {@link WebAssembly}, and a shared {@link Memory}. To post any other is a `DataCloneError` from Node 22.10 on; Node 20
 * has no way to say so, and an empty object arrives. A thread that compiles what another one has compiled, with the same
 * options, gets the same code at once.
 */

/// <reference lib="es2020.bigint" />
/// <reference lib="esnext.disposable" />

// ---------------------------------------------------------------------------------------------------------
// Functions and their types
// ---------------------------------------------------------------------------------------------------------

/** The types of WebAssembly: `i32`, `f32` and `f64` are a `number` in JavaScript, `i64` is a `bigint`. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref'

/** The type of a function: `(i64, i32) -> i64` is `{ parameters: ['i64', 'i32'], results: ['i64'] }`. */
export interface FunctionType {
  readonly parameters: readonly ValueType[]
  readonly results: readonly ValueType[]
}

/** Makes `P` and `R` count exactly: neither more nor fewer parameters, and no wider or narrower type. */
declare const signature: unique symbol
type Exactly<P, R> = (type: [parameters: P, result: R]) => [parameters: P, result: R]

/**
 * An exported WebAssembly function.
 *
 * `P` are the parameters and `R` is the result in JavaScript's types: `number` for `i32`, `f32` and `f64`,
 * `bigint` for `i64`, `void` for no result, and an array for several. One WebAssembly function is one
 * JavaScript function: it may be compared with `===`. Its `name` is its index in the module.
 *
 * A call throws a {@link RuntimeError} for a trap. An error that an import throws comes out as it is: the
 * same object.
 */
export interface WasmFunction<P extends unknown[] = any, R = any> {
  (...parameters: P): R
  readonly name: string
  readonly length: number
  /**
   * Calls the function once for each row of the columns, all in one crossing, which costs a few nanoseconds a call. Takes
   * a typed array for each parameter, all of one length, and gives one of the results; for several results, an array of
   * them; for none, undefined.
   *
   * ```js
   * const sums = add.map(Int32Array.of(1, 2, 3), Int32Array.of(10, 20, 30)) // Int32Array [11, 22, 33]
   * add.map(sums, sums, { into: sums }) // Int32Array [22, 44, 66]
   * ```
   *
   * `i32` stands in an `Int32Array` or a `Uint32Array`, `i64` in a `BigInt64Array` or a `BigUint64Array`, `f32` in a
   * `Float32Array`, `f64` in a `Float64Array`. Where no array is given, results go into the first of these.
   *
   * When a call throws, those after it are not made. What those before it did stays done, and `into` may hold the results
   * of some of them.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: an array of another type; `ERR_INVALID_ARG_VALUE`: too many arrays, too
   * few, or one that was detached meanwhile; `ERR_RELINK_UNSUPPORTED`: a value that stands in no array
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: arrays of different lengths, or too little room in `into`
   */
  map(...columns: [...Columns<P>, options?: { into?: Mapped<R> | undefined }]): Mapped<R>
  /** For the type checker only; there is no such property. */
  readonly [signature]: Exactly<P, R>
}

/** A typed array of values of a type. */
type Column<T> = 0 extends 1 & T
  ? AnyColumn
  : [T] extends [bigint]
    ? BigInt64Array | BigUint64Array
    : [T] extends [number]
      ? Int32Array | Uint32Array | Float32Array | Float64Array
      : never
type AnyColumn = Int32Array | Uint32Array | Float32Array | Float64Array | BigInt64Array | BigUint64Array
type Columns<P extends unknown[]> = { [Index in keyof P]: Column<P[Index]> }
/** What {@link WasmFunction.map} gives. */
type Mapped<R> = 0 extends 1 & R ? any : [R] extends [void] ? undefined : R extends unknown[] ? Columns<R> : Column<R>

/**
 * What a slot takes: an exported WebAssembly function of exactly its type, or a JavaScript function.
 *
 * A JavaScript function is called with the slot's arguments in JavaScript's types, and what it returns is
 * converted as for an import: `number` for `i32`, `f32` and `f64`, `bigint` for `i64`.
 */
export type Implementation<P extends unknown[] = any, R = any> =
  WasmFunction<P, R> | (((...parameters: P) => R) & { readonly [signature]?: undefined })

/** A record of functions as one writes it down, with each function an exported WebAssembly function. */
type Exports<E> = { readonly [Name in keyof E]: Export<E[Name]> }
/** Of an optional function, each member of the union by itself. */
type Export<T> = T extends (...parameters: infer P) => infer R ? WasmFunction<P, R> : T

/** A record of functions as one writes it down, with each function a slot of its type. */
type Slots<S> = { readonly [Name in keyof S]: Declared<S[Name]> }
type Declared<T> = T extends (...parameters: infer P) => infer R ? Slot<P, R> : T

/**
 * What a plugin has, for the type checker: its exports, and its slots by their full names.
 *
 * ```ts
 * interface Pricing {
 *   exports: { total(cents: bigint): bigint; memory: Memory }
 *   slots: { 'pricing::discount': (cents: bigint) => bigint }
 * }
 * const plugin = await load<Pricing>('pricing.wasm')
 * ```
 *
 * Nothing checks it against the file: it is a promise that you make.
 */
export interface PluginShape {
  exports?: object
  slots?: object
}

type ExportsOf<T> = T extends { exports: infer E extends object } ? E : Record<string, any>
type SlotsOf<T> = T extends { slots: infer S extends object } ? S : Record<string, Slot>

// ---------------------------------------------------------------------------------------------------------
// Options
// ---------------------------------------------------------------------------------------------------------

/** The bytes of a module. They are read before the call returns, and are not kept. */
export type Bytes = ArrayBufferLike | ArrayBufferView

/**
 * Which functions of a module become slots.
 *
 * Without a word, these do: the ones that are declared (`#[relinkable]`), imported, exported, or whose address is
 * taken. A list adds others to them: a string is a name, the end of a Rust path (`discount`), or a glob over names and
 * paths, in which `*` stands for any characters and `?` for any one (`guest::pricing::*`); a RegExp is tested against
 * names and paths. Functions that share a path, and have numbers in their names, are all found by that path. A name
 * that no function has is no error: {@link Module.slots} tells of it.
 *
 * `'all'` takes every function. `'none'` takes none, not even declared ones, and leaves the module as it is, except
 * that tables of fixed size can be written.
 */
export type SlotSelection = 'all' | 'none' | readonly (string | RegExp)[]

/**
 * How many addresses a memory reserves. Address space is not memory: it costs nothing but where it is limited
 * (`ulimit -v`, some containers).
 *
 * - `full`: 8 GiB, all that an instruction can reach. What lies outside of the memory faults, so that code looks at nothing.
 * - `small`: what the memory has, and 64 KiB. It grows into what lies behind it, up to its maximum. Code compares each access
 *   with the length, which makes it up to a fifth slower, by 7 % on average.
 *
 * Code that was compiled for `full` imports only memories of that kind; code for `small` takes both. Memories that threads
 * share are neither, and always checked. Default: `full`, but `small` in a process whose address space is limited, or to
 * which the system gives no 8 GiB.
 */
export type Reserve = 'full' | 'small'

export interface CompileOptions {
  /**
   * Which of wasmer's compilers to use. `cranelift` makes the faster code; `singlepass` compiles several
   * times as fast, and takes no SIMD and no exceptions. Default: `cranelift`.
   *
   * `auto` starts with the code of Singlepass, and compiles with Cranelift meanwhile, on another thread. When that code is
   * there, it takes over from the other in every instance, at a turn of the event loop, with the same memories and globals;
   * functions, links and all else that you hold stay what they are. Where that would not be sound, it compiles with
   * Cranelift at once: `docs/loading.md` says where.
   */
  compiler?: 'auto' | 'cranelift' | 'singlepass' | undefined
  /** What memories reserve, and so how the code keeps within them: see {@link Reserve}. */
  reserve?: Reserve | undefined
  /** Which functions become slots. */
  slots?: SlotSelection | undefined
  /**
   * Whether to take the compiled module from the disk, and to keep it there: see {@link cache}. Default: true where the
   * module comes from a file ({@link load}, {@link compileFile}), else false.
   */
  cache?: boolean | undefined
}

export interface StoreOptions {
  /** The store to make it in. Default: the one that this thread has for everything without a store of its own. */
  store?: Store | undefined
}

/**
 * What a module imports: by module name, then by field name.
 *
 * A function is any JavaScript function, or an exported WebAssembly function of an instance of the same store.
 * A memory, a table or a global is an object of this package and of the same store; an immutable global may
 * also be a plain `number`, or a `bigint` for an `i64`.
 */
export type Imports = Record<string, Record<string, ImportValue>>
export type ImportValue =
  ((...parameters: any[]) => unknown) | Memory | Table<any> | Global | Tag | {} | null | undefined

// ---------------------------------------------------------------------------------------------------------
// The WebAssembly JS API
// ---------------------------------------------------------------------------------------------------------

export type Kind = 'function' | 'table' | 'memory' | 'global' | 'tag'
export interface ExportDescriptor {
  name: string
  kind: Kind
}
export interface ImportDescriptor {
  module: string
  name: string
  kind: Kind
}

/** Where a slot comes from: a function under `#[relinkable]`, one that the module defines or imports, a table's entry. */
export type SlotKind = 'declared' | 'function' | 'import' | 'table'

/** What is known of a slot, or of a function that is none, before there is an instance. */
export interface SlotDescriptor {
  /**
   * Its one name, the same after every build: the declared name; else the export name; else `module.field` for an
   * import; else the Rust path without its hash; else `func[12]`, with its index. Several functions of one name get
   * numbers: `guest::max#2`.
   */
  name: string
  kind: 'declared' | 'function' | 'import'
  /** Missing only for a name that no function has */
  type?: FunctionType | undefined
  /** The Rust path, or whatever the name section calls it */
  path?: string | undefined
  /** The function's index in the module; missing only for a name that no function has */
  functionIndex?: number | undefined
  /** The entry of the function table that holds it: what `f as usize` is in Rust */
  tableIndex?: number | undefined
  /** Other names that {@link Instance.slot} knows it by */
  aliases: string[]
  /** Why it is no slot, or what linking it asks for */
  whyNot?: WhyNot | undefined
  /** The signature as it stands in the Rust source: `(cents: u64) -> u64`. Of declared slots. */
  rust?: string | undefined
  /** The function's documentation comment. Of declared slots. */
  docs?: string | undefined
}

/** Why a function cannot simply be linked. `docs/what-can-be-relinked.md` says what to do about each. */
export interface WhyNot {
  /**
   * - `merged`: it is one function for several; it is a slot, and `{ merged: true }` links it
   * - `not-selected`: the option `slots` did not name it
   * - `not-found`: the option `slots` named it, but no function has that name
   * - `identity`: it only returns its parameter, and its calls were removed
   * - `original`: it is the original of a declared slot
   */
  reason: 'merged' | 'not-selected' | 'not-found' | 'identity' | 'original'
  message: string
}

/**
 * Compiled code: immutable, and good for any number of instances in any store.
 *
 * The constructor compiles at once, on this thread; {@link compile} does it on another one.
 */
export class Module {
  #private
  /**
   * @throws {CompileError} `ERR_RELINK_INVALID_WASM` (with `offset`), `ERR_RELINK_UNSUPPORTED`,
   * `ERR_RELINK_DECLARATION`, `ERR_RELINK_COMPILE`
   */
  constructor(bytes: Bytes, options?: CompileOptions)
  static exports(module: Module): ExportDescriptor[]
  /** What an instance needs. The imports of declared slots are not among them: they start as their originals. */
  static imports(module: Module): ImportDescriptor[]
  /** The contents of the custom sections of that name, each in a buffer of its own. */
  static customSections(module: Module, name: string): ArrayBuffer[]
  /**
   * The slots, and the names that were asked for in vain. With `all`, every other function too, each with the reason
   * why it is no slot.
   */
  static slots(module: Module, options?: { all?: boolean | undefined }): SlotDescriptor[]
}

/**
 * A module at work in a store.
 *
 * `E` and `S` say what it has: see {@link PluginShape}.
 */
export class Instance<E extends object = Record<string, any>, S extends object = Record<string, Slot>> {
  #private
  /**
   * Reads the imports in the order of the binary, then runs the start function, if the module has one.
   *
   * @throws {TypeError} The imports are missing, or hold no object where the module names one
   * @throws {LinkError} `ERR_RELINK_IMPORT` (with `module`, `field`, `expected`, `actual`), `ERR_RELINK_STORE`,
   * `ERR_RELINK_CLOSED`, `ERR_RELINK_SIGNATURE_HASH`
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: the module defines a table of more than 10,000,000 entries
   * @throws {RuntimeError} `ERR_RELINK_TRAP`: the start function, or a segment that does not fit, trapped
   */
  constructor(module: Module, imports?: Imports, options?: StoreOptions)
  /** What the module exports, by name. Frozen, without a prototype. */
  readonly exports: Exports<E>
  /** The slots, by their full names. Frozen, without a prototype; {@link slot} takes other names too. */
  readonly slots: Slots<S>
  /**
   * The slot of that name, or the only one that has it among its aliases, or whose path ends with it: `discount` or
   * `pricing::discount` for `shop::pricing::discount`, `price` for the import `env.price`. The types of a generic
   * function may be left out: `max` for `shop::max::<u32>`. A number is the function's index in the module.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE`: a number that is no index: negative, a fraction, or beyond 32 bits
   * @throws {LinkError} `ERR_RELINK_UNKNOWN_SLOT` or `ERR_RELINK_AMBIGUOUS_SLOT`, both with `candidates`;
   * `ERR_RELINK_CLOSED`
   */
  slot<Name extends keyof S>(name: Name): Slots<S>[Name]
  slot<P extends unknown[] = any, R = any>(name: string | number): Slot<P, R>
  /**
   * Ends the instance for JavaScript: its exports, its slots and links, and the memories, tables and globals that it
   * defines throw `ERR_RELINK_CLOSED` from now on. Code of it that is linked elsewhere runs on; when nothing runs it any
   * more, the instance is freed. A memory, table or global that an open instance imports stays usable as long as that is
   * open. Closing twice is fine.
   *
   * Buffers that there are of its memories stay as they are, since requests of Node's may be using them (`fs.read`, zlib,
   * sockets): their bytes are given back once V8 has collected them all.
   *
   * Uses by callbacks of a `FinalizationRegistry`, where nobody could catch an error, do nothing instead of throwing.
   * `lateCalls: 'ignore'` says the same of all later calls of its functions and uses of its memories, tables and globals:
   * for a plugin whose glue has timers or promises pending.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: no such option
   */
  close(options?: CloseOptions): void
  readonly closed: boolean
  /** What compiled the code that it runs now. */
  readonly compiler: 'cranelift' | 'singlepass'
  /** What its memories reserve. */
  readonly reserve: Reserve
  /**
   * Resolves when it runs the best code that it is going to run: at once, unless it was compiled with `auto`. Whoever waits
   * for it keeps the process from ending.
   */
  readonly optimized: Promise<void>;
  /** {@link close}, for `using`. */
  [Symbol.dispose](): void
}

export interface MemoryDescriptor {
  /** Pages of 64 KiB to begin with */
  initial: number
  /** Pages of 64 KiB at the most; a shared memory needs it */
  maximum?: number | undefined
  /** Whether threads share it: its buffer is a `SharedArrayBuffer` */
  shared?: boolean | undefined
}

export interface MemoryOptions extends StoreOptions {
  /** What it reserves. A shared memory is checked by the code in any case. */
  reserve?: Reserve | undefined
}

/**
 * A linear memory.
 *
 * A shared one may be posted to other threads, where it arrives as a Memory of Node's own: import it into an instance,
 * and it is one of this package. `instanceof` is true from the beginning, as for a posted Module of {@link WebAssembly}.
 */
export class Memory {
  #private
  /** @throws {RangeError} `ERR_OUT_OF_RANGE`, or `ERR_RELINK_MEMORY` if there is no room for it */
  constructor(descriptor: MemoryDescriptor, options?: MemoryOptions)
  /**
   * The bytes themselves, not a copy. Growth detaches the buffer, from JavaScript or from inside WebAssembly: take
   * it again after every call. Until then it is the same object. It belongs to this thread: never transfer it to
   * another one. That of a shared memory is a `SharedArrayBuffer`: growth detaches none, and brings a longer one.
   */
  readonly buffer: ArrayBuffer
  /**
   * Adds `delta` pages of 64 KiB and returns how many there were.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: the memory's maximum is reached; `ERR_RELINK_MEMORY`: the machine's is
   */
  grow(delta: number): number
}

/** What the entries of a table are: functions, or values of any kind. */
export type TableKind = 'anyfunc' | 'externref'
type Entry<K extends TableKind> = K extends 'externref' ? unknown : WasmFunction | null

export interface TableDescriptor<K extends TableKind = TableKind> {
  element: K
  /** Entries to begin with */
  initial: number
  /** Entries at the most */
  maximum?: number | undefined
}

/** A table of functions, or of values of any kind. */
export class Table<K extends TableKind = 'anyfunc'> {
  #private
  /**
   * `init` is what every entry holds to begin with. Default: null in a table of functions, else undefined.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: more than 10 000 000 entries
   */
  constructor(descriptor: TableDescriptor<K>, init?: Entry<K>, options?: StoreOptions)
  readonly length: number
  /** @throws {RangeError} `ERR_OUT_OF_RANGE` */
  get(index: number): Entry<K>
  /**
   * Writes an entry, without any check of types: `link(implementation, table.slot(index))` is the checked way,
   * with a way back.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`
   * @throws {LinkError} `ERR_RELINK_STORE`: the function lives in another store
   */
  set(index: number, value?: Entry<K>): void
  /** Adds `delta` entries and returns how many there were. */
  grow(delta: number, value?: Entry<K>): number
  /**
   * An entry as a slot, by number: what `replace_me as usize` is in Rust. Where the module that owns the table put one
   * of its functions there, this is that function's slot, and direct calls follow it too. Any other entry (of a table
   * that the module imports, or that someone wrote since) is a slot of its own, for calls through the table.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`
   * @throws {LinkError} `ERR_RELINK_EMPTY_SLOT`: the entry holds nothing, so that there is no type to check against
   */
  slot<P extends unknown[] = any, R = any>(index: number): Slot<P, R>
}

/** The types of globals, and of what exceptions carry. */
export type GlobalType = 'i32' | 'i64' | 'f32' | 'f64' | 'anyfunc' | 'externref'
type Value<T extends GlobalType> = T extends 'i64'
  ? bigint
  : T extends 'anyfunc'
    ? WasmFunction | null
    : T extends 'externref'
      ? unknown
      : number

export interface GlobalDescriptor<T extends GlobalType = GlobalType> {
  value: T
  mutable?: boolean | undefined
}

/** A global variable. */
export class Global<T extends GlobalType = any> {
  #private
  /** Without a `value`, it starts at zero, with null for a function, with undefined for a value of any kind. */
  constructor(descriptor: GlobalDescriptor<T>, value?: Value<T>, options?: StoreOptions)
  /** Setting it throws a TypeError if the global is immutable. */
  value: Value<T>
  valueOf(): Value<T>
}

/** A kind of exception, by which WebAssembly catches it. */
export class Tag {
  #private
  /** `parameters` are the types of the values that its exceptions carry. */
  constructor(descriptor: { parameters: Iterable<GlobalType> }, options?: StoreOptions)
}

/**
 * What WebAssembly throws and no WebAssembly has caught; and what JavaScript throws for WebAssembly to catch by its tag.
 * It is no `Error`. Any other value that JavaScript throws, `catch_all` catches.
 */
export class Exception {
  #private
  /**
   * `payload` has one value for each parameter of the tag, and they are converted as for a call. With `traceStack` it
   * has a `stack`.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: too many values, or too few
   */
  constructor(tag: Tag, payload: Iterable<unknown>, options?: { traceStack?: boolean | undefined })
  /** Whether it has this tag. */
  is(tag: Tag): boolean
  /**
   * The value at `index` of those that it carries. `tag` must be its own.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE`: it has another tag; `ERR_RELINK_UNSUPPORTED`: a value of type `v128`
   * @throws {RangeError} `ERR_OUT_OF_RANGE`
   */
  getArg(tag: Tag, index: number): any
  readonly stack: string | undefined
}

export interface CloseOptions {
  /**
   * What becomes of later calls of what is closed: `throw` throws `ERR_RELINK_CLOSED` at the caller, `ignore` does nothing and
   * gives 0, null or undefined. 'throw' unless you say otherwise
   */
  lateCalls?: 'throw' | 'ignore' | undefined
}

/**
 * An island of instances. What lives in one store never mixes with what lives in another.
 *
 * Nobody has to free anything: what neither JavaScript nor WebAssembly reaches any more goes, with its memory and its
 * machine code (docs/memory.md). {@link Instance.close} and {@link Store.close} end things earlier.
 */
export class Store {
  #private
  /**
   * @throws {TypeError | RangeError} for an option that is unknown, of the wrong type or out of its range
   */
  constructor(options?: NewStoreOptions)
  /** The store that this thread uses where none is named. */
  static readonly default: Store
  /** Whether it was closed. */
  readonly closed: boolean
  /** Counts what there is in it, and what it has freed. It looks at every instance: for reports, not for each call. */
  stats(): StoreStats
  /**
   * Frees what nothing reaches, as the store itself does from time to time, and says what that was.
   *
   * It takes JavaScript's word for what JavaScript reaches: what V8 has not yet collected counts as reached. While
   * WebAssembly is on the stack, nothing is freed: then it gives null, and collects when none is.
   */
  collect(): Freed | null
  /**
   * Ends all that is in it: whatever is used of it from then on throws `ERR_RELINK_CLOSED`, but see {@link Instance.close},
   * whose option it has for all that is in it. Closing twice is fine.
   */
  close(options?: CloseOptions): void
  /** {@link close}, for `using`. */
  [Symbol.dispose](): void
}

/** How a store is made. */
export interface NewStoreOptions {
  /**
   * The call stack of each call from JavaScript into WebAssembly of the store, in bytes: from 65,536 to 67,108,864, which is
   * 64 KiB to 64 MiB; by default 1 MiB. It is rounded up to a multiple of 64 KiB.
   *
   * How deep functions can call each other grows with it; what goes deeper ends in the trap `stack-overflow`. Node's own
   * options, `--stack-size` and `resourceLimits.stackSizeMb`, are about JavaScript's stack alone. Memory is taken as it is
   * used; of address space, each call within a call takes as much as the largest `stackSize` of the process, and 1 MiB.
   * A process without room for one such stack makes no store: `ERR_RELINK_MEMORY`.
   */
  stackSize?: number | undefined
}

/** So many things of each kind were freed. */
export interface Freed {
  instances: number
  /** Functions that the instances defined, and JavaScript functions that they imported */
  functions: number
  memories: number
  /** What was in the memories, in bytes */
  memoryBytes: number
  tables: number
  globals: number
  tags: number
  /** References to JavaScript's values that WebAssembly has let go of */
  externrefs: number
}

/** So many things of each kind are in a store. */
export interface StoreStats {
  /** Instances, also those that are closed and still linked somewhere */
  instances: number
  /** Functions that they define, and JavaScript functions that they import */
  functions: number
  memories: number
  /** What is in the memories, in bytes */
  memoryBytes: number
  /**
   * What is in memories that are gone, and of which JavaScript or a request in flight still has a buffer, in bytes. They are
   * given back once V8 has collected the buffers (docs/memory.md)
   */
  retainedBytes: number
  tables: number
  globals: number
  tags: number
  /** The machine code of the instances in bytes; instances of one module share it */
  codeBytes: number
  /** References to JavaScript's values, as counted when they were last looked through */
  externrefs: number
  /** Slots that JavaScript holds, that are linked, or whose exports are linked elsewhere */
  slots: number
  /** Slots in which links stand */
  links: number
  /** What was freed since the store was made */
  freed: Freed
  /** How often it has collected */
  collections: number
  /** How long that took in all, in milliseconds */
  collectionTime: number
}

/**
 * Compiles on another thread, while the event loop keeps turning.
 *
 * It rejects as the constructor of {@link Module} throws.
 */
export function compile(bytes: Bytes, options?: CompileOptions): Promise<Module>

/**
 * Reads a file and compiles it on another thread: what {@link load} does before it makes an instance. It goes through
 * the {@link cache}, unless `options.cache` says no.
 *
 * It rejects with Node's own error (`ENOENT` and so on) when the file cannot be read, else as {@link compile} does.
 */
export function compileFile(file: string | FileUrl, options?: CompileOptions): Promise<Module>

/**
 * Makes an instance, as `WebAssembly.instantiate` does: of a Module, an Instance; of bytes, which are
 * compiled first and on another thread, both.
 *
 * `options.compiler` is for bytes.
 */
export function instantiate<T extends PluginShape = {}>(
  module: Module,
  imports?: Imports,
  options?: CompileOptions & StoreOptions,
): Promise<Instance<ExportsOf<T>, SlotsOf<T>>>
export function instantiate<T extends PluginShape = {}>(
  bytes: Bytes,
  imports?: Imports,
  options?: CompileOptions & StoreOptions,
): Promise<{ module: Module; instance: Instance<ExportsOf<T>, SlotsOf<T>> }>

/** A compiled module on disk. */
export interface CacheEntry {
  /** The file that it was loaded from, the first time, if it was loaded from one */
  readonly file?: string | undefined
  /** The size of the module in bytes */
  readonly moduleSize: number
  /** The size of the entry in bytes */
  readonly size: number
  /** What compiled it */
  readonly compiler: 'cranelift' | 'singlepass'
  /** What its memories reserve */
  readonly reserve: Reserve
  /** Which functions are slots; a number says how many there are besides those by default */
  readonly slots: 'default' | 'all' | 'none' | number
  /** When it was last used */
  readonly used: Date
  /** Whether it is as it was written, and this version of the package uses it, on this processor */
  readonly usable: boolean
}

/**
 * The compiled modules on disk.
 *
 * An entry is found by the bytes of the module, the options, the version of the package and the processor, so that
 * nothing in it is ever out of date. Entries are for their owner's eyes, and sealed: one that is not as it was written is
 * not there. Any number of processes may share a cache. `docs/loading.md` says more.
 */
export const cache: {
  /**
   * Where it is: what the environment variable `WASM_RELINK_CACHE` says, else `wasm-relink` where the system keeps what a
   * user can do without (`~/.cache` on Linux). Its files are in a folder of their own inside of it, `wasm-relink-modules`.
   * Undefined where the variable says `off`, or it says nothing and the user has no home directory.
   */
  readonly directory: string | undefined
  /**
   * How many bytes the entries may have together, before those go that were not used for the longest time:
   * `WASM_RELINK_CACHE_SIZE`, in MiB, else 1 GiB.
   */
  readonly maximum: number
  /**
   * The entries, those that were used last first.
   *
   * @throws {Error} `ERR_RELINK_CACHE`: the folder cannot be read, or others may write to it; `ERR_ACCESS_DENIED`: Node's
   * permission model does not allow it
   */
  entries(): CacheEntry[]
  /**
   * Removes all entries, and no other files, and says how many there were. What is in memory goes on.
   *
   * @throws {Error} `ERR_RELINK_CACHE`: one cannot be removed, or others may write to the folder; `ERR_ACCESS_DENIED`: Node's
   * permission model does not allow it
   */
  clear(): number
}

/** Whether {@link compile} with the same options would take the bytes. */
export function validate(bytes: Bytes, options?: CompileOptions): boolean

/** What `fetch` gives, as far as it matters here. */
type ResponseLike = { arrayBuffer(): Promise<ArrayBuffer>; readonly headers: object; readonly ok: boolean }

/**
 * The WebAssembly JS API under the name that everybody knows: `import { WebAssembly } from 'wasm-relink'`, or
 * `node --require wasm-relink/register`, which puts it on `globalThis`. Code that is written for Node's own runs
 * unchanged (docs/webassembly-api.md says what differs).
 *
 * A module has no slots here unless `slots` asks for them, and options that are not known are ignored. The error
 * classes are those of Node, of which the ones of this package are subclasses.
 */
export const WebAssembly: {
  /** Unlike the {@link Module} of this package, which is a subclass, it may be posted to other threads. */
  readonly Module: Omit<typeof Module, 'prototype'> & { new (bytes: Bytes, options?: CompileOptions): Module }
  readonly Instance: typeof Instance
  readonly Memory: typeof Memory
  readonly Table: typeof Table
  readonly Global: typeof Global
  readonly Tag: typeof Tag
  readonly Exception: typeof Exception
  readonly CompileError: ErrorConstructor
  readonly LinkError: ErrorConstructor
  readonly RuntimeError: ErrorConstructor
  compile(bytes: Bytes, options?: CompileOptions): Promise<Module>
  validate(bytes: Bytes, options?: CompileOptions): boolean
  instantiate(module: Module, imports?: Imports, options?: CompileOptions & StoreOptions): Promise<Instance>
  instantiate(
    bytes: Bytes,
    imports?: Imports,
    options?: CompileOptions & StoreOptions,
  ): Promise<{ module: Module; instance: Instance }>
  /**
   * Compiles the body of a `Response` of type `application/wasm`.
   *
   * @throws {TypeError} `ERR_WEBASSEMBLY_RESPONSE`: it has another type, or its status is that of a failure
   */
  compileStreaming(source: ResponseLike | Promise<ResponseLike>, options?: CompileOptions): Promise<Module>
  /** Compiles it, and makes an instance. */
  instantiateStreaming(
    source: ResponseLike | Promise<ResponseLike>,
    imports?: Imports,
    options?: CompileOptions & StoreOptions,
  ): Promise<{ module: Module; instance: Instance }>
}

// ---------------------------------------------------------------------------------------------------------
// The load-time pass by itself
// ---------------------------------------------------------------------------------------------------------

export interface RewriteOptions {
  /** Which functions become slots. */
  slots?: SlotSelection | undefined
}

/**
 * The module as it is compiled: with every way to a slot led through a table. It is valid WebAssembly for any engine,
 * and does what the untouched one does. Compiles nothing.
 *
 * @throws {CompileError} as {@link compile}, except that it takes tail calls too, which wasmer has not
 */
export function rewrite(bytes: Bytes, options?: RewriteOptions): Uint8Array

/** What there is in a module. Sizes are in bytes; types are in words, as in `func (i32) -> i64` or `memory 17..`. */
export interface ModuleReport {
  size: number
  /** The size of what {@link rewrite} makes of it */
  rewrittenSize: number
  /** In order, as `type`, `import` or `custom "name"`, each with the size of its content */
  sections: { name: string; size: number }[]
  imports: { module: string; name: string; kind: Kind; type: string }[]
  exports: { name: string; kind: Kind; type: string }[]
  /** How many functions are imported, how many are defined, and how many of both have a name */
  functions: { imported: number; defined: number; named: number }
  /**
   * The functions, by index, whose code `cranelift` gets with calls of an identity function added, since it would take
   * too long for the many places in which their control flow merges
   */
  cutFunctions: number[]
  /** Every function, as {@link Module.slots} tells with `all` */
  slots: SlotDescriptor[]
  tables: ObjectReport[]
  memories: ObjectReport[]
  /** What its memories reserve if it is compiled in this process, and the options do not say */
  reserve: Reserve
}

/** A table or a memory. */
export interface ObjectReport {
  type: string
  /** `module.field`, if it is imported */
  import?: string | undefined
  /** The names under which it is exported */
  exports: string[]
}

/** Says what there is in a module, and what can be relinked. Compiles nothing; it throws as {@link rewrite}. */
export function inspect(bytes: Bytes, options?: RewriteOptions): ModuleReport

/** What a `file:` URL is made of. A `URL` object fits; this needs no types of Node or of a browser. */
export interface FileUrl {
  readonly href: string
  readonly protocol: string
}

/**
 * Reads a file, compiles it on another thread, or finds it compiled in the {@link cache}, and makes an instance of it.
 *
 * It takes a path or a `file:` URL, and rejects with Node's own error (`ENOENT` and so on) when the file cannot be
 * read, else as {@link compile} and the constructor of {@link Instance} do. Every error that is about the module in
 * the file begins with the file's name, and has it as `file`.
 */
export function load<T extends PluginShape = {}>(
  file: string | FileUrl,
  imports?: Imports,
  options?: CompileOptions & StoreOptions,
): Promise<Instance<ExportsOf<T>, SlotsOf<T>>>

// ---------------------------------------------------------------------------------------------------------
// What WebAssembly lacks
// ---------------------------------------------------------------------------------------------------------

/**
 * A place in a module where an implementation can be changed.
 *
 * `declared`: a Rust function under `#[relinkable]`. `table`: an entry of a table of functions.
 */
export class Slot<P extends unknown[] = any, R = any> {
  #private
  private constructor()
  /** As {@link SlotDescriptor.name}; `table[3]` for the entry of a table. */
  readonly name: string
  readonly kind: SlotKind
  readonly type: FunctionType
  /** What runs at this moment; null for an empty entry of a table. */
  readonly current: WasmFunction<P, R> | null
  /** What the module itself came with: its own function, or what it was given for an import. */
  readonly original: WasmFunction<P, R>
  /** Whether a link stands. */
  readonly linked: boolean
  /**
   * Puts the original back, in every place that links have written. The links that stand count as undone.
   *
   * @throws {LinkError} `ERR_RELINK_CYCLE`: the original, another slot's import, leads back here by now
   */
  reset(): void
  /** For the type checker only; there is no such property. */
  private readonly [signature]: Exactly<P, R>
}

/** One change of a slot, and the way back. */
export class Link<P extends unknown[] = any, R = any> {
  #private
  private constructor()
  readonly slot: Slot<P, R>
  /** The function that was given to {@link link}. */
  readonly implementation: Implementation<P, R>
  /**
   * What ran before; null if the entry was empty.
   *
   * @throws {LinkError} `ERR_RELINK_CLOSED`: the slot's instance, or the store, is closed
   */
  readonly previous: WasmFunction<P, R> | null
  /**
   * Puts back what was there before.
   *
   * @throws {LinkError} `ERR_RELINK_UNDONE`: it has been undone; `ERR_RELINK_ORDER`: the slot was linked again
   * since, and that link goes first; `ERR_RELINK_CHANGED`: the table entry was written since; `ERR_RELINK_CYCLE`:
   * what was there leads back to the slot by now. Nothing has changed.
   */
  undo(): void
  /**
   * {@link undo}, for `using`. A link that has been undone already is left alone; one that is covered by a later
   * link throws as {@link undo} does.
   */
  [Symbol.dispose](): void
}

/** Changes that were made together, and the way back. */
export class Relink {
  #private
  private constructor()
  /** A link for each change, in order. */
  readonly links: readonly Link[]
  /** Undoes all of them, last first, or none: it throws as {@link Link.undo} does. */
  undo(): void
  /** {@link undo}, for `using`. Links that have been undone already are left alone. */
  [Symbol.dispose](): void
}

/**
 * Makes every path that leads to `slot` run `implementation`, from the next call on: calls from JavaScript, from
 * other modules, and from inside the module, also while it is on the stack.
 *
 * The implementation is an exported WebAssembly function of an instance of the same store (an export, a slot's
 * `original` or `current`, what a table holds), or any JavaScript function: that is called as an import is, its
 * arguments and result are converted, and an error it throws comes out as it is. A function that Node's own
 * WebAssembly made is a JavaScript function here: nobody compares its type with the slot's.
 *
 * Before anything changes, it is checked that both are alive and of one store, that the types are the same and,
 * between two functions that Rust declares `#[relinkable]`, that the Rust types are.
 *
 * ```ts
 * const change = link(update.exports.discount, plugin.slots['pricing::discount'])
 * change.undo()
 * ```
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: the arguments are not a function and a Slot
 * @throws {LinkError} `ERR_RELINK_SIGNATURE` or `ERR_RELINK_ABI` (with `expected` and `actual`),
 * `ERR_RELINK_STORE`, `ERR_RELINK_CLOSED`, `ERR_RELINK_COMPILER`, `ERR_RELINK_CYCLE`, `ERR_RELINK_MERGED`; each
 * with the `slot`'s name
 */
export function link<P extends unknown[], R>(
  implementation: NoInfer<Implementation<P, R>>,
  slot: Slot<P, R>,
  options?: LinkOptions,
): Link<P, R>

export interface LinkOptions {
  /**
   * Take slots whose function stands for several that the compiler found equal: all of them change. Default: such a
   * slot is refused with `ERR_RELINK_MERGED`.
   */
  merged?: boolean | undefined
}

/** One change for {@link relink}. */
export type Change<P extends unknown[] = any, R = any> = readonly [
  implementation: Implementation<P, R>,
  slot: Slot<P, R>,
]

/**
 * Makes many changes, or none: all are checked before the first is made.
 *
 * ```ts
 * relink([
 *   [update.exports.discount, plugin.slots['pricing::discount']],
 *   [update.exports.tax, plugin.slots['pricing::tax']],
 * ])
 * ```
 *
 * @throws {LinkError} `ERR_RELINK_REFUSED`: `refusals` says of every change that cannot be made why
 */
export function relink<const C extends Iterable<Change>>(changes: C & CheckedChanges<C>, options?: LinkOptions): Relink

/** Each change of an array by its own types, so that a wrong pair is an error where it stands. */
type CheckedChanges<C> = C extends readonly unknown[]
  ? {
      readonly [Index in keyof C]: C[Index] extends readonly [unknown, Slot<infer P, infer R>] ? Change<P, R> : Change
    }
  : unknown

// ---------------------------------------------------------------------------------------------------------
// Errors
// ---------------------------------------------------------------------------------------------------------

/** Why one change of a {@link relink} cannot be made. */
export interface Refusal {
  /** Which of the changes, from 0 */
  index: number
  code: string
  message: string
  slot?: string
  expected?: string
  actual?: string
}

export interface ErrorOptions {
  cause?: unknown
  code?: string
  /** Further properties for the error to have */
  details?: object
}

/** The bytes are no module that this package can run. Extends `WebAssembly.CompileError`. */
export class CompileError extends Error {
  constructor(message?: string, options?: ErrorOptions)
  readonly code: string
  /** `ERR_RELINK_INVALID_WASM`: the byte at which it went wrong */
  readonly offset?: number
  /** The file that {@link load} was given */
  readonly file?: string
}

/** An import, a slot or a link does not fit, and nothing has changed. Extends `WebAssembly.LinkError`. */
export class LinkError extends Error {
  constructor(message?: string, options?: ErrorOptions)
  readonly code: string
  /** The slot's name */
  readonly slot?: string
  /** What would fit */
  readonly expected?: string
  /** What came */
  readonly actual?: string
  /**
   * `ERR_RELINK_UNKNOWN_SLOT`, `ERR_RELINK_AMBIGUOUS_SLOT`: the slots that may have been meant, or some of all;
   * `ERR_RELINK_MERGED`: the names of the slot's one function
   */
  readonly candidates?: readonly string[]
  /** `ERR_RELINK_UNKNOWN_SLOT`: why a function is no slot, as {@link WhyNot.reason} */
  readonly reason?: WhyNot['reason']
  /** `ERR_RELINK_REFUSED`: every change that cannot be made */
  readonly refusals?: readonly Refusal[]
  /** `ERR_RELINK_IMPORT`: the import, `module`.`field` */
  readonly module?: string
  readonly field?: string
  /** The file that {@link load} was given */
  readonly file?: string
}

/**
 * A trap, or a call of a closed instance. Its `stack` has the WebAssembly functions on top. Extends
 * `WebAssembly.RuntimeError`.
 */
export class RuntimeError extends Error {
  constructor(message?: string, options?: ErrorOptions)
  readonly code: string
  /** `ERR_RELINK_TRAP`: which trap */
  readonly trap?: string
  /** The file that {@link load} was given */
  readonly file?: string
}
