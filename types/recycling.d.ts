// Recycling: an instance that begins again after a trap.

import type { RuntimeError } from './errors'
import type { Instance } from './instance'

/**
 * An instance was recycled after a trap, or was to be. Its memories, tables and globals are those of a new instance, its start
 * function and `_initialize` have run, and its exports, slots, links and imports are the same as before.
 *
 * ```js
 * const plugin = await load('plugin.wasm', {}, {
 *   onTrap: { recycle: { most: 5, within: 60_000 } },
 *   onRecycle({ error, recycled }) {
 *     console.error(recycled ? 'began again after' : 'is left as it was by', error)
 *   },
 * })
 * ```
 */
export interface RecycleEvent {
  readonly instance: Instance<any, any>
  /** The error of the trap, which the caller gets */
  readonly error: RuntimeError
  /** Whether the instance was recycled. If not, it is what it was after the trap */
  readonly recycled: boolean
  /** Number of times that it was recycled, this one included */
  readonly count: number
  /** Why it was not: `ERR_RELINK_LIMIT` if it was recycled too often, or the error of its start function */
  readonly failure?: unknown
}
