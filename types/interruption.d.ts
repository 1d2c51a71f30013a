// Ending calls: deadlines of blocks, and interrupts from any thread.

/**
 * Calls `block` and returns its result. WebAssembly of this thread that has not ended after so many milliseconds ends with
 * `ERR_RELINK_TIMEOUT`.
 *
 * ```js
 * const answer = withTimeout(50, () => plugin.exports.parse(address))
 * ```
 *
 * The deadline is for all instances of all stores that `block` calls. JavaScript is not cut off: the deadline acts when
 * WebAssembly begins or goes on. Of nested deadlines, the nearest holds. A promise that `block` returns is not awaited: what
 * runs later has no deadline.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: not a number and a function; `ERR_RELINK_UNSUPPORTED`: this platform cannot
 * interrupt WebAssembly
 * @throws {RangeError} `ERR_OUT_OF_RANGE`: not a positive number; `ERR_RELINK_MEMORY`: no room for the thread that watches
 */
export function withTimeout<T>(milliseconds: number, block: () => T): T

/** An `AbortSignal`: this interface needs no types of Node or of a browser. See {@link InterrupterOptions}. */
export interface AbortSignalLike {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
}

/** Options of an {@link Interrupter}. */
export interface InterrupterOptions {
  /** An `AbortSignal`. When it aborts, it interrupts with its reason; at once if it has. */
  signal?: AbortSignalLike | undefined
}

/**
 * Ends the calls that run in a {@link Store}, from any thread. It keeps nothing alive, and can be posted to other threads: a
 * plain object arrives, of which {@link Interrupter.from} makes an Interrupter again.
 *
 * ```js
 * // in a worker
 * parentPort.postMessage(store.interrupter())
 * // in the main thread
 * worker.once('message', (posted) => setTimeout(() => Interrupter.from(posted).interrupt('too long'), 1000))
 * ```
 */
export class Interrupter {
  private constructor()
  /** Names the store; not to be guessed. */
  readonly token: string
  /** Names the thread of the store. */
  readonly origin: string
  /**
   * An Interrupter of a posted one.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: nothing that was an Interrupter, or no AbortSignal
   */
  static from(value: unknown, options?: InterrupterOptions): Interrupter
  /**
   * Ends the calls that run in the store now: each throws `ERR_RELINK_INTERRUPTED` with this `reason`, as soon as WebAssembly
   * runs; a suspended call ({@link promising}) when it would go on. It does nothing to later calls. Returns false once the store has been collected. True does not mean that a call
   * was interrupted.
   *
   * The reason is cloned, as by `postMessage`, unless the store is of this thread.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE`: a reason that cannot be cloned; `ERR_INVALID_ARG_TYPE`: not an Interrupter
   */
  interrupt(reason?: unknown): boolean
}
