// Watching: an instance runs the newest version of its file, a store the newest version of its manifest.

import type { Instance } from './instance'
import type { AbortSignalLike } from './interruption'
import type { Applied, ApplyOptions, Manifest } from './manifest'
import type { FileUrl, Imports, LoadOptions, TypesOption } from './options'
import type { ExportsOf, PluginShape, SlotsOf } from './plugin'
import type { Relink, RelinkOptions } from './relink'
import type { Store } from './store'

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
   * runs. `close`: an old version could not be closed. `apply`: the manifest cannot be read or applied, and the state before stays.
   */
  readonly stage: 'load' | 'relink' | 'apply' | 'watch' | 'onReload' | 'close'
  /** The path of the file; undefined for a manifest that is no file */
  readonly file: string | undefined
}

/** A manifest was applied and has changed something: see {@link WatchManifestOptions.onReload}. */
export interface ManifestReloadEvent extends Applied {
  /** The path of the manifest; undefined for one that is no file */
  readonly file: string | undefined
  /** From the finished files to the new state, in milliseconds */
  readonly duration: number
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

/** Options of {@link watch} for a manifest: its own, and those of {@link apply}, which each commit gets. */
export interface WatchManifestOptions extends ApplyOptions {
  /** The store that is brought to the manifest's state. Default: the default store. */
  store?: Store | undefined
  /** Called after each change of the store. If it returns a promise, the next one waits for it. */
  onReload?: ((event: ManifestReloadEvent) => unknown) | undefined
  /** Called with each error. Default: a warning of the process. */
  onError?: ((error: any, problem: WatchProblem) => void) | undefined
  /** An `AbortSignal`: closes the watcher when it aborts. */
  signal?: AbortSignalLike | undefined
  /** Milliseconds for which the files must stay the same before they are read: 1 to 60,000. Default: 50. */
  settle?: number | undefined
}

/** The {@link Watcher} of a manifest. */
export interface ManifestWatcher extends Omit<Watcher, 'file' | 'instance' | 'instances'> {
  /** The absolute path of the manifest; undefined for one that is no file. */
  readonly file: string | undefined
  readonly instance: undefined
  /** The instance of each module of the manifest, as it was last applied. */
  readonly instances: Readonly<Record<string, Instance>>
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
  /** Undefined, unless a manifest is watched: see {@link ManifestWatcher}. */
  readonly instances: Readonly<Record<string, Instance>> | undefined
  /** Whether it has ended: by {@link close}, by the signal, or at the first change after its instance was closed. */
  readonly closed: boolean
  /**
   * Looks at the file now, without waiting for an event, for file systems that have none. Resolves when the reload has ended; errors
   * go to `onError`.
   *
   * @throws {LinkError} rejects with `ERR_RELINK_REENTRANT`: called by a hook of a commit of the same store, or by `onReload` of this
   * watcher, for which it would wait
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
 * Applies a manifest, and applies it again after each change of it or of the file of one of its modules, as {@link apply} does. A
 * manifest or a file that is broken, half-written or refused changes nothing and goes to `onError`.
 *
 * ```js
 * const watcher = await watch('release.json', {
 *   store,
 *   onReload: ({ linked, loaded }) => console.log(linked, loaded),
 *   onError: (error) => console.error(error.message),
 * })
 * ```
 *
 * A manifest is a path or `file:` URL that ends in `.json`, an object, or a text that begins with `{`.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: wrong arguments, or an unknown option
 * @throws {RangeError} `ERR_OUT_OF_RANGE`: an option out of its range
 * @throws rejects with the errors of {@link apply}, with the reason of an aborted signal, or with Node's own error if the directories
 * cannot be watched
 */
export function watch(manifest: `${string}.json` | Manifest, options?: WatchManifestOptions): Promise<ManifestWatcher>
/** {@link watch} of a manifest by a path of type `string`, or by a URL. */
export function watch(
  manifest: string | FileUrl,
  options: WatchManifestOptions & { store: Store },
): Promise<ManifestWatcher>
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
