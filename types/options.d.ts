// Options of compiling and instantiating, and the arguments that several functions share.

import type { Global } from './global'
import type { CompileLimits, InstanceLimits } from './limits'
import type { Memory } from './memory'
import type { RecycleEvent } from './recycling'
import type { Store } from './store'
import type { Table } from './table'
import type { Tag } from './exception'
import type { WASIGuestOptions } from './wasi'

/** The bytes of a module. A function reads or copies them before it returns, so you may reuse them at once.
 * For an example, see {@link compile}. */
export type Bytes = ArrayBufferLike | ArrayBufferView

/** A `file:` URL, as {@link load} takes it. A `URL` object fits; this interface needs no types of Node or of a browser. */
export interface FileUrl {
  readonly href: string
  readonly protocol: string
}

/**
 * Which functions of a module become slots.
 *
 * By default, functions become slots that are declared (`#[relinkable]`), imported or exported, or whose address is taken. A
 * list adds functions to these. A string in the list is a name, the end of a Rust path (`discount`), or a glob over names and
 * paths (`guest::pricing::*`), in which `*` matches any characters and `?` any one character. A RegExp is tested against names
 * and paths. If several functions have the same path and differ only in a number, that path selects all of them. A name that
 * no function has is not an error: {@link Module.slots} reports it.
 *
 * `'all'` selects every function. `'none'` selects none, not even declared ones, and leaves the module as it is, except
 * that tables of fixed size become writable.
 *
 * ```js
 * await load('plugin.wasm', {}, { slots: ['discount', 'guest::pricing::*', /tax$/] })
 * ```
 */
export type SlotSelection = 'all' | 'none' | readonly (string | RegExp)[]

/**
 * The address space that a memory reserves. Address space is not memory: it costs nothing unless it is limited
 * (`ulimit -v`, some containers).
 *
 * - `full`: 8 GiB, all that an instruction can address. An access outside of the memory faults, so the code needs no checks.
 * - `small`: the memory's size and 64 KiB. The memory grows into the addresses after it, up to its maximum. The code compares
 *   each access with the memory's length, which makes it 7 % slower on average and up to a fifth slower.
 *
 * Code that was compiled for `full` imports only memories with `full`; code for `small` takes both. Shared memories are
 * neither: their accesses are always checked. Default: `full`, but `small` in a process whose address space is limited or that
 * cannot reserve 8 GiB. A module that is `full` by default is compiled again as `small` where an instance needs it and the
 * module's bytes are at hand. For an example, see `docs/memory.md`.
 */
export type Reserve = 'full' | 'small'

/** Options of compiling. For an example, see {@link compile}. */
export interface CompileOptions {
  /**
   * The compiler. `cranelift` makes faster code; `singlepass` compiles several times as fast, but supports neither SIMD nor
   * exceptions. Default: `cranelift`.
   *
   * Singlepass also takes the place of `cranelift` for a module with functions of extreme shapes, on which Cranelift would
   * spend too long: see {@link ModuleReport.costlyFunctions}. `instance.compiler` tells the compiler.
   *
   * `auto` starts with the code of Singlepass while Cranelift compiles on another thread. When that code is ready, every
   * instance tiers up to it between two turns of the event loop. Memories and globals stay the same, and so do the functions,
   * links and other objects that you hold. For modules where tier-up would be unsound, `auto` uses Cranelift from the start:
   * `docs/loading.md` lists the cases.
   */
  compiler?: 'auto' | 'cranelift' | 'singlepass' | undefined
  /** The address space that the memories reserve: see {@link Reserve}. */
  reserve?: Reserve | undefined
  /** Which functions become slots: see {@link SlotSelection}. */
  slots?: SlotSelection | undefined
  /**
   * Whether to read the compiled module from the disk {@link cache} and to write it there. Default: true for a module that
   * comes from a file ({@link load}, {@link compileFile}), otherwise false.
   */
  cache?: boolean | undefined
  /** Limits of the compile: see {@link CompileLimits}. */
  limits?: CompileLimits | undefined
  /**
   * The SHA-256 hash that the bytes must have: 32 bytes, or their text in hex or base64. Other bytes are refused with
   * `ERR_RELINK_UNTRUSTED` before anything reads them. For an example, see `docs/safety.md`.
   */
  sha256?: string | Uint8Array | undefined
  /** The signature that the bytes must have: see {@link ModuleSignature}. */
  signature?: ModuleSignature | undefined
}

/** The option of {@link load} for generated types. */
export interface TypesOption {
  /**
   * The file of types that `wasm-relink types` has written, as a path or a `file:` URL. A module that has not the shape of these
   * types is refused with `ERR_RELINK_ABI`, and `differences` says what differs. Default: the file `plugin.wasm.d.ts` beside
   * `plugin.wasm`, if there is one. With `false`, nothing is checked.
   */
  types?: string | FileUrl | false | undefined
}

/**
 * An Ed25519 signature over the bytes of a module. Bytes that the key has not signed are refused with `ERR_RELINK_UNTRUSTED`
 * before anything reads them.
 *
 * ```js
 * await load('plugin.wasm', {}, { signature: { publicKey: await readFile('vendor.pem', 'utf8') } }) // and plugin.wasm.sig
 * ```
 */
export interface ModuleSignature {
  /** The key: a `KeyObject` or `CryptoKey`, a PEM text, a JWK, DER bytes, or the key's 32 bytes, also as hex or base64 */
  publicKey: string | Uint8Array | object
  /**
   * The signature: 64 bytes, or their text in hex or base64. Default, for a file: the content of the file beside it that has
   * the same name and `.sig` after it.
   */
  value?: string | Uint8Array | undefined
}

/** Where an object is made. For an example, see {@link Store}. */
export interface StoreOptions {
  /** The store to make the object in. Default: {@link Store.default}. */
  store?: Store | undefined
}

/** {@link InstanceOptions.suspending}, if it is given: then the exports return promises. */
export interface SuspendingOption {
  suspending: readonly string[]
}

/** Options of making an instance. For an example, see `docs/deadlines.md` and {@link ResourceLimits}. */
export interface InstanceOptions extends StoreOptions {
  /** Limits of the instance: see {@link InstanceLimits}. */
  limits?: InstanceLimits | undefined
  /**
   * Names of imported functions, as `module.name`, that may return promises, like {@link Suspending}. With this option, every
   * exported function returns a promise, like those of {@link promising}.
   */
  suspending?: readonly string[] | undefined
  /**
   * The timeout of each call from JavaScript into the instance, and of its start function, in milliseconds: a call that takes
   * longer ends with `ERR_RELINK_TIMEOUT`. If the store has one too, the shorter one holds. Positive and finite; leave it out
   * for none.
   */
  timeout?: number | undefined
  /**
   * Gives the instance WASI, for its imports from `wasi_snapshot_preview1` and `wasi_unstable`. A reactor is initialized; a
   * command is run by `instance.start()`. Closing the instance closes all that the guest has open. See docs/wasi.md.
   */
  wasi?: WASIGuestOptions | undefined
  /**
   * The text of one WIT world, for a guest of wit-bindgen, which has no records of its typed functions: its functions then take
   * and return strings, records and so on. Imports of the world's own functions are those of the module `$root`.
   */
  wit?: string | undefined
  /**
   * The effect of a trap that ends a call of the instance's functions. Timeouts and interrupts count as traps. `keep` leaves the
   * memory as it is, half-written perhaps. `recycle` makes the instance begin again, see {@link RecycleEvent}: at most 1,000 times
   * within 1,000 milliseconds, or as often as `most` and `within` say; a further trap leaves it as it is. Default: `keep`.
   */
  onTrap?: 'keep' | 'recycle' | { recycle: { most?: number | undefined; within?: number | undefined } } | undefined
  /** Called each time that the instance was recycled, or was to be recycled. For an example, see {@link RecycleEvent}. */
  onRecycle?: ((event: RecycleEvent) => void) | undefined
}

/** Options of {@link load} and {@link instantiate}, which compile and make an instance. For an example, see {@link load}. */
export interface LoadOptions extends Omit<CompileOptions, 'limits'>, Omit<InstanceOptions, 'limits'> {
  /** Limits of the compile and of the instance: see {@link ResourceLimits}. */
  limits?: (CompileLimits & InstanceLimits) | undefined
}

/** Options of closing an instance or a store. For an example, see {@link Instance.close}. */
export interface CloseOptions {
  /**
   * The effect of later uses of a closed object: `throw` throws `ERR_RELINK_CLOSED` at the caller, `ignore` does nothing and
   * returns 0, null or undefined. Default: `throw`.
   */
  lateCalls?: 'throw' | 'ignore' | undefined
}

/**
 * The values for a module's imports: by module name, then by field name.
 *
 * A function is any JavaScript function, or an exported WebAssembly function of an instance of the same store.
 * A memory, a table, a global or a tag is an object of this package and of the same store. An immutable global may
 * also be a plain `number`, or a `bigint` for an `i64`.
 *
 * ```js
 * const imports = { env: { now: () => Date.now(), memory: new Memory({ initial: 1 }), limit: 10 } }
 * ```
 */
export type Imports = Record<string, Record<string, ImportValue>>
/** A value of {@link Imports}. */
export type ImportValue =
  ((...parameters: any[]) => unknown) | Memory<any> | Table<any> | Global | Tag | {} | null | undefined
