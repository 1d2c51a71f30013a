// The disk cache of compiled modules.

import type { Reserve } from './options'

/** A compiled module on disk: see {@link cache}. */
export interface CacheEntry {
  /** The file that the module was first loaded from, if any */
  readonly file?: string | undefined
  /** Size of the module, in bytes */
  readonly moduleSize: number
  /** Size of the entry, in bytes */
  readonly size: number
  /** The compiler that made it */
  readonly compiler: 'cranelift' | 'singlepass'
  /** The address space that its memories reserve */
  readonly reserve: Reserve
  /** The selection of slots. A number counts the functions besides the default ones */
  readonly slots: 'default' | 'all' | 'none' | number
  /** Time of its last use */
  readonly used: Date
  /** Whether it is intact, and this version of the package can use it on this processor */
  readonly usable: boolean
}

/**
 * The compiled modules on disk.
 *
 * The key of an entry is made of the module's bytes, the options, the version of the package and the processor, so
 * entries are never out of date. Only their owner can read them, and each is authenticated: an entry that was altered counts
 * as missing. Any number of processes may share a cache. See also `docs/loading.md`.
 *
 * ```js
 * for (const { file, size, used } of cache.entries()) console.log(file, size, used)
 * cache.clear()
 * ```
 */
export const cache: {
  /**
   * The folder: the environment variable `WASM_RELINK_CACHE`, otherwise `wasm-relink` in the system's folder for a user's
   * caches (`~/.cache` on Linux). The cache writes only to a folder `wasm-relink-modules` inside of it. Undefined if the
   * variable is `off`, or if it is not set and the user has no home directory.
   */
  readonly directory: string | undefined
  /**
   * Greatest total size of the entries, in bytes: `WASM_RELINK_CACHE_SIZE`, which is in MiB, otherwise 1 GiB. The least
   * recently used entries are removed first.
   */
  readonly maximum: number
  /**
   * The entries, the most recently used first.
   *
   * @throws {Error} `ERR_RELINK_CACHE`: the folder cannot be read, or other users may write to it; `ERR_ACCESS_DENIED`: Node's
   * permission model does not allow it
   */
  entries(): CacheEntry[]
  /**
   * Removes all entries, and no other files, and returns their number. Modules that are loaded stay usable.
   *
   * @throws {Error} `ERR_RELINK_CACHE`: an entry cannot be removed, or other users may write to the folder;
   * `ERR_ACCESS_DENIED`: Node's permission model does not allow it
   */
  clear(): number
}
