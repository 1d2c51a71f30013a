// Stores: islands of instances.

import type { ResourceLimits } from './limits'
import type { Interrupter, InterrupterOptions } from './interruption'
import type { ActiveLink } from './history'
import type { CloseOptions } from './options'
import type { Manifest } from './manifest'
import type { Relink } from './relink'

/**
 * An island of instances. Objects of one store never mix with objects of another.
 *
 * You need not free anything. Objects that neither JavaScript nor WebAssembly can reach are freed, with their memory and
 * machine code (docs/memory.md). {@link Instance.close} and {@link Store.close} end things earlier.
 *
 * ```js
 * using store = new Store()
 * const plugin = await load('plugin.wasm', {}, { store })
 * store.stats().memoryBytes
 * ```
 */
export class Store {
  #private
  /**
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: an unknown option, or one of the wrong type;
   * `ERR_RELINK_UNSUPPORTED`: a `timeout` on a platform that cannot interrupt WebAssembly
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: a `stackSize` or a `timeout` out of its range
   */
  constructor(options?: NewStoreOptions)
  /** The store of this thread for everything that is made without the option `store`. */
  static readonly default: Store
  readonly closed: boolean
  /** All limits of the store: those of the option `limits`, and the defaults of the others. A new object each time. */
  readonly limits: Required<ResourceLimits>
  /**
   * The newest commits, the oldest first: at most {@link historyLimit}. They keep alive the functions that {@link rollback} would
   * put back.
   *
   * A store without the option `historyLimit` begins to keep commits at the first one with a `label` or a `by`, or
   * when this property is first read. Before, it lists those of `relink` that V8 has not collected: plain links cost nothing. See `docs/relinking.md`.
   */
  readonly history: readonly Relink[]
  /** Most commits in {@link history}: the option `historyLimit`. */
  readonly historyLimit: number
  /** Number of calls from JavaScript into WebAssembly of the store that have not ended, those that wait for an import or a promise too. */
  readonly activeCalls: number
  /** Resolves at a moment at which {@link activeCalls} is 0. See {@link Relink.drained}. */
  drained(): Promise<void>
  /** The slots with an active link, and what each holds at this moment. */
  links(): readonly ActiveLink[]
  /**
   * The manifest of the present state, for {@link apply}: the instances that were loaded from files, and the active links.
   *
   * @throws {LinkError} `ERR_RELINK_MANIFEST`: a slot holds a function that no module exports, like one of JavaScript, or a file
   * was changed after it was loaded
   */
  manifest(): Manifest
  /**
   * Returns to just after the commit with this id: undoes all later commits, the last one first, or none. 0 stands for the time
   * before the first commit of the history, if none has left it. Returns the commits that it has undone.
   *
   * @throws {RangeError} `ERR_RELINK_UNKNOWN_COMMIT`: the history does not have this commit
   * @throws {LinkError} `ERR_RELINK_UNDONE`: the commit, or one before it, was undone or reset later, so that state is gone;
   * otherwise as {@link Link.undo}
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a number
   */
  rollback(id: number): Relink[]
  /**
   * Makes an object by which any thread can end the calls that run in this store.
   *
   * ```js
   * worker.postMessage(store.interrupter())
   * ```
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: an unknown option, or one of the wrong type;
   * `ERR_RELINK_UNSUPPORTED`: this platform cannot interrupt WebAssembly
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the store is closed
   */
  interrupter(options?: InterrupterOptions): Interrupter
  /** Counts what is in the store and what was freed. It visits every instance: use it for reports, not for each call. */
  stats(): StoreStats
  /**
   * Collects now, as the store itself does from time to time, and returns what was freed.
   *
   * Objects that V8 has not collected yet count as reachable from JavaScript. While WebAssembly is on the stack, it frees
   * nothing and returns null; the store collects when the stack is empty.
   */
  collect(): Freed | null
  /**
   * Closes the store with everything in it: from then on each use throws `ERR_RELINK_CLOSED`. {@link Instance.close}, which
   * has the same option, lists the exceptions. Closing twice is fine.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: an unknown option or value
   */
  close(options?: CloseOptions): void
  /** {@link close}, for `using`. */
  [Symbol.dispose](): void
}

/** Options of a new {@link Store}: `new Store({ stackSize: 4 * 1024 * 1024 })`. */
export interface NewStoreOptions {
  /**
   * Size of the stack for each call from JavaScript into WebAssembly of the store, in bytes: from 65,536 (64 KiB) to
   * 67,108,864 (64 MiB), rounded up to a multiple of 64 KiB. Default: 1 MiB.
   *
   * A larger stack allows deeper recursion; the trap `stack-overflow` ends deeper recursion. Node's own options,
   * `--stack-size` and `resourceLimits.stackSizeMb`, only concern JavaScript's stack. Memory is allocated as the stack is
   * used. Each call within a call reserves address space: the largest `stackSize` of the process, and 1 MiB.
   * Without room for one such stack, no store is made: `ERR_RELINK_MEMORY`.
   */
  stackSize?: number | undefined
  /**
   * Most commits in {@link Store.history}: from 0 to 100,000. Default: 32. Each keeps alive the functions that it replaced, with
   * their instances.
   */
  historyLimit?: number | undefined
  /** Limits of what is in the store: see {@link ResourceLimits}. `stackSize` limits the depth of calls. */
  limits?: ResourceLimits | undefined
  /**
   * The timeout of each call from JavaScript into WebAssembly of the store, in milliseconds: a call that takes longer ends with
   * `ERR_RELINK_TIMEOUT`. See `docs/deadlines.md`. Positive and finite; leave it out for none.
   */
  timeout?: number | undefined
}

/** Number of things of each kind that were freed: see {@link Store.collect}. */
export interface Freed {
  instances: number
  /** Functions that the instances defined, and JavaScript functions that they imported */
  functions: number
  memories: number
  /** Size of the memories, in bytes */
  memoryBytes: number
  tables: number
  globals: number
  tags: number
  /** References from WebAssembly to JavaScript values */
  externrefs: number
}

/** Number of things of each kind in a store: see {@link Store.stats}. */
export interface StoreStats {
  /** Instances, including closed ones that are still linked somewhere */
  instances: number
  /** Functions that they define, and JavaScript functions that they import */
  functions: number
  memories: number
  /** Size of the memories, in bytes */
  memoryBytes: number
  /**
   * Size of freed memories of which JavaScript or a request in flight still has a buffer, in bytes. The bytes are freed after
   * V8 has collected the buffers (docs/memory.md)
   */
  retainedBytes: number
  tables: number
  globals: number
  tags: number
  /** Size of the machine code of the instances, in bytes. Instances of one module share it */
  codeBytes: number
  /** References from WebAssembly to JavaScript values, as of the last collection */
  externrefs: number
  /** Slots that JavaScript holds, that are linked, or whose exports are linked elsewhere */
  slots: number
  /** Slots with active links */
  links: number
  /** Things that were freed since the store was made */
  freed: Freed
  /** Number of collections */
  collections: number
  /** Total time of the collections, in milliseconds */
  collectionTime: number
}
