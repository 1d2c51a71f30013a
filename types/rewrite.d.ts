// The load-time pass by itself, and reports on modules.

import type { ExternKind, SlotDescriptor } from './module'
import type { Bytes, CompileOptions, Reserve, SlotSelection } from './options'

/** Options of the load-time pass. For an example, see {@link rewrite}. */
export interface RewriteOptions extends Pick<CompileOptions, 'sha256' | 'signature'> {
  /** Which functions become slots: see {@link SlotSelection}. */
  slots?: SlotSelection | undefined
}

/**
 * Runs the load-time pass, which makes calls of slot functions go through tables, and returns the new module. That is valid
 * WebAssembly for any engine, and behaves as the original does. Compiles nothing.
 *
 * ```js
 * await writeFile('plugin.slots.wasm', rewrite(await readFile('plugin.wasm'), { slots: 'all' }))
 * ```
 *
 * @throws {CompileError} as {@link compile}
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: no bytes; `ERR_INVALID_ARG_VALUE`: an unknown option or value
 */
export function rewrite(bytes: Bytes, options?: RewriteOptions): Uint8Array

/**
 * A report on a module: see {@link inspect}. Sizes are in bytes; types are texts like `func (i32) -> i64` or `memory 17..`.
 */
export interface ModuleReport {
  size: number
  /** Size of the result of {@link rewrite} */
  rewrittenSize: number
  /** The sections in order, as `type`, `import` or `custom "name"`, each with the size of its content */
  sections: { name: string; size: number }[]
  imports: { module: string; name: string; kind: ExternKind; type: string }[]
  exports: { name: string; kind: ExternKind; type: string }[]
  /** Number of imported functions, of defined functions, and of functions of either kind with a name */
  functions: { imported: number; defined: number; named: number }
  /**
   * Indices of the functions to which calls of an identity function are added for `cranelift`: their control flow merges so
   * often that its time would grow with the square of their size
   */
  cutFunctions: number[]
  /**
   * The compiler that compiles the module where the options ask for `cranelift`: `singlepass`, if there are
   * {@link costlyFunctions} and Singlepass can take the place of Cranelift
   */
  compiler: 'cranelift' | 'singlepass'
  /** The functions, by index, for which Cranelift's time would grow faster than their size, each with the reason */
  costlyFunctions: { index: number; reason: CostlyReason }[]
  /** Every function, as {@link Module.slots} with `all` returns it */
  slots: SlotDescriptor[]
  tables: ObjectReport[]
  memories: ObjectReport[]
  /** The address space that its memories reserve in this process, unless the options say otherwise */
  reserve: Reserve
}

/**
 * Why Cranelift would spend long on a function (docs/loading.md): values that are alive over many instructions, locals that
 * are read many blocks after they were set, locals that are set in many nested blocks, the number of blocks, or
 * floating-point constants in code without side effects
 */
export type CostlyReason = 'live-values' | 'distant-reads' | 'merges' | 'blocks' | 'constants'

/** A table or a memory of a {@link ModuleReport}. */
export interface ObjectReport {
  type: string
  /** `module.field`, if it is imported */
  import?: string | undefined
  /** The names under which it is exported */
  exports: string[]
}

/**
 * Reports what is in a module, and what can be relinked. Compiles nothing.
 *
 * ```js
 * const { slots } = inspect(await readFile('plugin.wasm'))
 * console.log(slots.filter(({ whyNot }) => whyNot === undefined).map(({ name }) => name))
 * ```
 *
 * @throws as {@link rewrite}
 */
export function inspect(bytes: Bytes, options?: RewriteOptions): ModuleReport
