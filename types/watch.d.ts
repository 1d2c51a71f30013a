// Watching: an instance runs the newest version of its file.

import type { Instance } from './instance'
import type { AbortSignalLike } from './interruption'
import type { FileUrl, Imports, LoadOptions, TypesOption } from './options'
import type { ExportsOf, PluginShape, SlotsOf } from './plugin'
import type { Relink, RelinkOptions } from './relink'

/** A new version runs: see {@link WatchOptions.onReload}. */
export interface ReloadEvent {
  /** The path of the file */
  readonly file: string
  /** The instance whose slots were relinked: that of {@link Watcher.instance} */
  readonly instance: Instance<any, any>
  /** The version that was replaced; the first time, it is {@link instance} */
  readonly previous: Instance<any, any>
  /** The new version. It belongs to the watcher, which closes it when it is replaced twice, or undone */
  readonly next: Instance<any, any>
  /** The commit, with `skipped`, `undo()` and `settled` */
  readonly change: Relink
  /** The hash of the new module, as in the history */
  readonly hash: string
  /** From the finished file to the commit, in milliseconds */
  readonly duration: number
}

/** Where an error comes from: see {@link WatchOptions.onError}. */
export interface WatchProblem {
  /**
   * `load`: the file is broken, half-written or unreadable, or its imports do not fit; `relink`: the commit was refused, or a hook
   * threw; `watch`: the file system. After these three, what ran before runs on. `onReload`: the callback threw, and the new version
   * runs. `close`: an old version could not be closed.
   */
  readonly stage: 'load' | 'relink' | 'watch' | 'onReload' | 'close'
  /** The path of the file */
  readonly file: string
}

/** Options of {@link watch}: its own, and those of {@link relink}, which each commit gets. */
export interface WatchOptions extends RelinkOptions {
  /** The instance to relink. Without it, `watch` loads one from the file. */
  instance?: Instance<any, any> | undefined
  /** The imports of each version. */
  imports?: Imports | undefined
  /** The options of {@link load} for each version. They are loaded into the store of the instance. */
  load?: (LoadOptions & TypesOption) | undefined
  /** Refuses a version that lacks one of the slots. Default: false; `change.skipped` lists these slots. */
  strict?: boolean | undefined
  /** Called after each commit. If it returns a promise, the next reload waits for it. */
  onReload?: ((event: ReloadEvent) => unknown) | undefined
  /** Called with each error. Default: a warning of the process. */
  onError?: ((error: any, problem: WatchProblem) => void) | undefined
  /** An `AbortSignal`: closes the watcher when it aborts. */
  signal?: AbortSignalLike | undefined
  /** Milliseconds for which the file must stay the same before it is read: 1 to 60,000. Default: 50. */
  settle?: number | undefined
}

/**
 * Relinks an instance to each new version of its file, until it is closed: see {@link watch}. It does not keep the process alive.
 */
export class Watcher<E extends object = Record<string, any>, S extends object = Record<string, any>> {
  #private
  private constructor()
  /** The absolute path of the file. */
  readonly file: string
  /** The instance that is relinked: hold it, and call its exports. */
  readonly instance: Instance<E, S>
  /** Whether it has ended: by {@link close}, by the signal, or at the first change after its instance was closed. */
  readonly closed: boolean
  /**
   * Looks at the file now, without waiting for an event, for file systems that have none. Resolves when the reload has ended; errors
   * go to `onError`.
   */
  reload(): Promise<void>
  /**
   * Ends the watching. The instance and the version that it runs stay open. A commit whose hooks are running is still made. Closing
   * twice is fine.
   */
  close(): void
  /** {@link close}, for `using`. */
  [Symbol.dispose](): void
}

/**
 * Loads a plugin, and relinks it to each new version of its file, as `relink(instance, next)` does. A file is read when its writer
 * has finished. A file that cannot be loaded or linked changes nothing and goes to `onError`; one with the same bytes does nothing.
 *
 * ```js
 * const watcher = await watch('plugin.wasm', {
 *   onReload: ({ change, duration }) => console.log(`${change.slots.length} slots in ${duration} ms`),
 *   onError: (error) => console.error(error.message),
 * })
 * watcher.instance.exports.total(1000n)
 * ```
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: wrong arguments, or an unknown option
 * @throws {RangeError} `ERR_OUT_OF_RANGE`: an option out of its range
 * @throws rejects with the errors of {@link load} if there is no `instance`, with the reason of an aborted signal, or with Node's own
 * error if the directory cannot be watched
 */
export function watch<T extends PluginShape = {}>(
  file: string | FileUrl,
  options?: WatchOptions,
): Promise<Watcher<ExportsOf<T>, SlotsOf<T>>>
