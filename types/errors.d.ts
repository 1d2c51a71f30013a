// Errors. `docs/errors.md` explains every code, and has an example.

import type { ResourceLimits } from './limits'
import type { WhyNot } from './module'

/** Why a change of a {@link relink} cannot be made. */
export interface Refusal {
  /** Index of the change, from 0 */
  index: number
  code: string
  message: string
  slot?: string
  expected?: string
  actual?: string
}

/** A mistake in a manifest, which `docs/manifest.md` describes. */
export interface ManifestMistake {
  /** The JSON path of the item, like `$.links[0].slot` */
  readonly path: string
  readonly message: string
  /** The code of the error that the item has caused, if there is one */
  readonly code?: string
}

/**
 * A Rust panic, as {@link RuntimeError.panic} has it.
 *
 * ```js
 * try {
 *   plugin.exports.run()
 * } catch (error) {
 *   if (error.panic) console.error(`${error.panic.file}:${error.panic.line}`, error.panic.message)
 * }
 * ```
 */
export interface Panic {
  /** The message, if it was found; `…` stands for values that were not understood */
  readonly message?: string
  /** The source file, as the compiler was given it */
  readonly file: string
  /** Line in the file, from 1 */
  readonly line: number
  /** Column in the line, from 1 */
  readonly column: number
}

/** Options of the constructors of the error classes, for example {@link LinkError}. */
export interface ErrorOptions {
  cause?: unknown
  code?: string
  /** Further properties of the error */
  details?: object
}

/**
 * `ERR_RELINK_SUSPEND`: a call cannot be suspended where it is; see docs/errors.md. Extends `WebAssembly.SuspendError` where Node
 * has that class.
 */
export class SuspendError extends Error {
  constructor(message?: string, options?: ErrorOptions)
  readonly code: string
}

/** The bytes are not a module that this package can run. Extends `WebAssembly.CompileError`; see docs/errors.md. */
export class CompileError extends Error {
  constructor(message?: string, options?: ErrorOptions)
  readonly code: string
  /** `ERR_RELINK_INVALID_WASM`: byte offset of the fault in the module */
  readonly offset?: number
  /** `ERR_RELINK_UNTRUSTED`: the option that the bytes do not meet */
  readonly check?: 'sha256' | 'signature'
  /** `ERR_RELINK_UNTRUSTED`: the hash in the option `sha256`, in hex */
  readonly expected?: string
  /** `ERR_RELINK_UNTRUSTED`: the hash of the bytes, in hex */
  readonly actual?: string
  /** The file that was given to {@link load} or {@link compileFile} */
  readonly file?: string
}

/**
 * An import, a slot or a link does not fit, and nothing has changed. Extends `WebAssembly.LinkError`; see docs/errors.md.
 *
 * ```js
 * try {
 *   link(update.exports.discount, plugin.slot('discount'))
 * } catch (error) {
 *   if (!(error instanceof LinkError)) throw error
 *   console.error(error.code, error.slot, error.expected, error.actual)
 * }
 * ```
 */
export class LinkError extends Error {
  constructor(message?: string, options?: ErrorOptions)
  readonly code: string
  /** The slot's name */
  readonly slot?: string
  /** The expected type or value, as text */
  readonly expected?: string
  /** The given type or value, as text */
  readonly actual?: string
  /**
   * `ERR_RELINK_UNKNOWN_SLOT`, `ERR_RELINK_AMBIGUOUS_SLOT`: the slots that may be meant, or the first of all;
   * `ERR_RELINK_MERGED`: the names of the slot's function
   */
  readonly candidates?: readonly string[]
  /** `ERR_RELINK_ABI` of typed functions: a sentence for each place where the types differ */
  readonly differences?: readonly string[]
  /** `ERR_RELINK_ABI` of `load`: the file of generated types with which the module was compared */
  readonly types?: string
  /** `ERR_RELINK_UNKNOWN_SLOT`: why a function is not a slot, as {@link WhyNot.reason}. `ERR_RELINK_VETO`: the reason
   * that `check` gave, or what it returned
   */
  readonly reason?: WhyNot['reason'] | (string & {}) | boolean
  /** `ERR_RELINK_ORDER`, `ERR_RELINK_UNDONE`: the ids of the commits in the way */
  readonly commits?: readonly number[]
  /** `ERR_RELINK_REFUSED`: every change that cannot be made */
  readonly refusals?: readonly Refusal[]
  /** `ERR_RELINK_MANIFEST`: every mistake that was found */
  readonly mistakes?: readonly ManifestMistake[]
  /** `ERR_RELINK_MANIFEST`: the JSON path of the first mistake, like `$.links[0].slot` */
  readonly path?: string
  /** `ERR_RELINK_IMPORT`: `'full'` if the import is a memory that must be made with this `reserve` */
  readonly reserve?: 'full'
  /** Module name of the import that the error is about */
  readonly module?: string
  /** Field name of the import that the error is about */
  readonly field?: string
  /** The file that was given to {@link load} or {@link compileFile} */
  readonly file?: string
}

/**
 * A trap, a call that was ended from outside, or a use of something closed. Its `stack` has the WebAssembly functions on top. Extends
 * `WebAssembly.RuntimeError`; see docs/errors.md.
 */
export class RuntimeError extends Error {
  constructor(message?: string, options?: ErrorOptions)
  readonly code: string
  /** `ERR_RELINK_TRAP`: which trap */
  readonly trap?: string
  /** `ERR_RELINK_TRAP`: the Rust panic that ended in it, if that was found */
  readonly panic?: Panic
  /** `ERR_RELINK_TRAP`: the slot through which a function on the stack was called, while a link was active */
  readonly slot?: string
  /** `ERR_RELINK_TRAP`: the name of the function that {@link slot} held */
  readonly implementation?: string
  /**
   * Whether all instances with the option `onTrap: 'recycle'` whose functions it ended have begun again; undefined if there are
   * none, and while WebAssembly of their store is still on the stack
   */
  readonly recycled?: boolean
  /** `ERR_RELINK_VALUE`: the place in the value, like `result.items[3].name` */
  readonly path?: string
  /** `ERR_RELINK_TIMEOUT`: the timeout that has passed, in milliseconds */
  readonly timeout?: number
  /** `ERR_RELINK_INTERRUPTED`: the reason that was given */
  readonly reason?: unknown
  /** `ERR_RELINK_WASI_EXIT`: the exit code that the guest has given to `proc_exit` */
  readonly exitCode?: number
  /** The file that was given to {@link load} or {@link compileFile} */
  readonly file?: string
}

/**
 * A limit was reached, and nothing has changed. An ordinary RangeError; see docs/errors.md.
 *
 * ```ts
 * const isLimit = (error: unknown): error is LimitError =>
 *   error instanceof RangeError && 'code' in error && error.code === 'ERR_RELINK_LIMIT'
 * ```
 */
export interface LimitError extends RangeError {
  readonly code: 'ERR_RELINK_LIMIT'
  /** The name of the limit: a member of {@link ResourceLimits} */
  readonly limit: keyof ResourceLimits | 'recycle'
  /** The limit, in the unit of its option */
  readonly value: number
  /** What there would have been, in the same unit; for `compileTime`, one more than the limit */
  readonly asked: number
}
