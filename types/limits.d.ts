// Limits: how much of each resource a compile, an instance or a store may have.

/** Limits of one compile: see {@link ResourceLimits}. */
export interface CompileLimits {
  /** Most bytes of the module. Default: 1,073,741,824 (1 GiB) */
  moduleSize?: number | undefined
  /** Most bytes of the compiled module: its machine code, data and metadata. Default: 1 GiB */
  codeSize?: number | undefined
  /**
   * Longest duration of the compile, in milliseconds, both compiles of `auto` together. It is checked after each function and each
   * section, and between the steps of a compile. Default: 180,000 (three minutes)
   */
  compileTime?: number | undefined
}

/** Limits of one instance: see {@link ResourceLimits}. */
export interface InstanceLimits {
  /**
   * Most bytes of the memories that the instance defines. Default: 1 GiB, or what they begin with, if that is more; none for a
   * module that `WebAssembly` has compiled, so that it runs as in Node
   */
  memorySize?: number | undefined
  /** Most entries of the tables that the instance defines. Default: none */
  tableElements?: number | undefined
  /** Most functions that the instance has, imported ones among them. Default: none */
  functions?: number | undefined
  /**
   * Most JavaScript values that were passed to the instance as `externref`, until WebAssembly no longer holds them: arguments of
   * its exports, results of its imports, values of its tables and globals. Default: none
   */
  externrefs?: number | undefined
  /** Most `ArrayBuffer` objects over memories that the instance defines, which V8 has not collected. Default: none */
  buffers?: number | undefined
}

/**
 * The option `limits` of a {@link Store}. Each limit is an integer from 0 on, or `Infinity` for none. The limits of a compile
 * hold for the modules that `load` and `instantiate` compile for this store.
 *
 * At a limit, the instructions `memory.grow` and `table.grow` return -1. Everything else throws a `RangeError` with the code
 * `ERR_RELINK_LIMIT`, and nothing has changed. Before that, the store collects what is not used any more; after a collection that
 * has made little room, it waits ten times as long as that took until the next one.
 *
 * ```js
 * const store = new Store({ limits: { memorySize: 64 * 1024 * 1024, instances: 10 } })
 * const plugin = await load('plugin.wasm', {}, { store, limits: { memorySize: 16 * 1024 * 1024, compileTime: 5000 } })
 * ```
 */
export interface ResourceLimits extends CompileLimits {
  /**
   * Most bytes of all memories, shared ones among them. Default: half of the memory of the machine or of its container, at least
   * 64 MiB
   */
  memorySize?: number | undefined
  /** Most entries of all tables; each takes 8 bytes. Default: 100,000,000 */
  tableElements?: number | undefined
  /** Most instances. Default: 100,000 */
  instances?: number | undefined
  /** Most functions of all instances, imported ones among them; each takes 32 bytes. Default: 20,000,000 */
  functions?: number | undefined
  /** Most JavaScript values that WebAssembly holds as `externref`. Default: 10,000,000 */
  externrefs?: number | undefined
  /** Most `ArrayBuffer` objects over memories that V8 has not collected. Default: 1,000,000 */
  buffers?: number | undefined
}
