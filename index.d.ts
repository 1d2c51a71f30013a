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
 * plugin.exports.total(1000n) // every call of `discount` now runs the other module's
 * change.undo()
 * ```
 *
 * Most of this is the WebAssembly JS API, run by wasmer. The package adds *slots*, places in a module where an implementation
 * can be changed, and {@link link}, which changes them.
 *
 * Every error has a `code`; `docs/errors.md` lists them all. A refused call has changed nothing.
 *
 * Two kinds of objects can be posted to other threads, with `postMessage` or `structuredClone`: a Module that
 * {@link WebAssembly} made, and a shared {@link Memory}. Posting any other object throws a `DataCloneError` from Node 22.10 on;
 * on Node 20, an empty object arrives. Threads that compile the same bytes with the same options share one compiled module.
 */

/// <reference lib="es2020.bigint" />
/// <reference lib="esnext.disposable" />

export {
  type Applied,
  type ApplyOptions,
  type Manifest,
  type ManifestLink,
  type ManifestModule,
  apply,
} from './types/manifest'
export { type CacheEntry, cache } from './types/cache'
export {
  CompileError,
  type ErrorOptions,
  type LimitError,
  LinkError,
  type ManifestMistake,
  type Panic,
  type Refusal,
  RuntimeError,
  SuspendError,
} from './types/errors'
export { Exception, Tag } from './types/exception'
export type { FunctionType, Implementation, ValueType, WasmFunction } from './types/function'
export { Global, type GlobalDescriptor, type GlobalType } from './types/global'
export type { ActiveLink, FunctionRecord, SlotChange, SlotCommit } from './types/history'
export { Instance, type InstanceOf, instantiate, load } from './types/instance'
export { type AbortSignalLike, Interrupter, type InterrupterOptions, withTimeout } from './types/interruption'
export { Link, type LinkOptions, link, wrap } from './types/link'
export { type PromisingExports, Suspending, type SuspendingImports, promising } from './types/promising'
export { Memory, type MemoryDescriptor, type MemoryOptions } from './types/memory'
export {
  type ExportDescriptor,
  type ExternKind,
  type ImportDescriptor,
  Module,
  type SlotDescriptor,
  type SlotKind,
  type WhyNot,
  compile,
  compileFile,
  validate,
} from './types/module'
export type { CompileLimits, InstanceLimits, ResourceLimits } from './types/limits'
export type {
  Bytes,
  CloseOptions,
  CompileOptions,
  SuspendingOption,
  TypesOption,
  FileUrl,
  ImportValue,
  Imports,
  InstanceOptions,
  LoadOptions,
  ModuleSignature,
  Reserve,
  SlotSelection,
  StoreOptions,
} from './types/options'
export type { PluginShape } from './types/plugin'
export type { RecycleEvent } from './types/recycling'
export {
  type Change,
  type CommitPlan,
  Relink,
  type RelinkOptions,
  type Skipped,
  type Verdict,
  relink,
} from './types/relink'
export {
  type CostlyReason,
  type ModuleReport,
  type ObjectReport,
  type RewriteOptions,
  inspect,
  rewrite,
} from './types/rewrite'
export { type ActiveImplementation, Slot } from './types/slot'
export { Split, type SplitOptions, split } from './types/split'
export { type Freed, type NewStoreOptions, Store, type StoreStats } from './types/store'
export { Table, type TableDescriptor, type TableKind } from './types/table'
export type { TrialOptions, TrialResult } from './types/trial'
export {
  type ManifestReloadEvent,
  type ManifestWatcher,
  type ReloadEvent,
  type WatchManifestOptions,
  type WatchOptions,
  type WatchProblem,
  Watcher,
  watch,
} from './types/watch'
export { WebAssembly } from './types/webassembly'
