// Manifests: documents that say which modules a store has, and what their slots hold.

import type { Instance } from './instance'
import type { FileUrl, Imports } from './options'
import type { Relink, RelinkOptions } from './relink'
import type { Store } from './store'

/** A module of a {@link Manifest}. */
export interface ManifestModule {
  /** Its path, relative to the manifest's file, or to {@link ApplyOptions.base}. */
  file: string
  /** The SHA-256 hash of the file, in hex. A file with another hash is never loaded. */
  sha256: string
  /**
   * For a namespace that it imports, the module of the manifest, or the member of {@link ApplyOptions.imports}, that gives it. Other
   * namespaces come from the member of their own name.
   */
  imports?: Readonly<Record<string, string>>
}

/** The function that a slot holds, in a {@link Manifest}. */
export interface ManifestLink {
  /** The module that has the slot. */
  module: string
  /** The name of the slot, as {@link Instance.slot} takes it. */
  slot: string
  /** The module that has the implementation. */
  from: string
  /** The export that is the implementation, or the slot whose original function is. */
  function: string
}

/** A JSON document, which `wasm-relink/manifest.schema.json` describes; see `docs/manifest.md`. */
export interface Manifest {
  $schema?: string
  version: 1
  /** The label of the commit. */
  label?: string
  modules: Record<string, ManifestModule>
  /** All other slots hold their originals. */
  links?: ManifestLink[]
}

/** Options of {@link apply}: those of the commit, and these. */
export interface ApplyOptions extends Omit<RelinkOptions, 'type'> {
  /** Imports from JavaScript, by the names that the manifest uses. */
  imports?: Imports | undefined
  /** The folder of relative files; by default, that of the manifest's file, else the current one. */
  base?: string | FileUrl | undefined
}

/** The result of {@link apply}. */
export interface Applied {
  /** Whether it has changed anything. */
  readonly changed: boolean
  /** The commit; undefined if no slot has changed. */
  readonly change: Relink | undefined
  /** The instance of each module of the manifest. */
  readonly instances: Readonly<Record<string, Instance>>
  /** Names of the modules that were loaded: new ones, and those whose file, hash or imports are others than before. */
  readonly loaded: readonly string[]
  /** Names of the modules that the previous manifest had and this one does not. */
  readonly removed: readonly string[]
  /** The links that were made. */
  readonly linked: readonly Readonly<ManifestLink>[]
  /** Names of the slots whose links were ended. */
  readonly unlinked: readonly string[]
}

/**
 * Brings a store to the state of a manifest, from whatever state it is in: all or nothing. If the store is in this state, nothing
 * changes.
 *
 * ```js
 * const { instances, change } = await apply(store, 'release.json')
 * ```
 *
 * `manifest` is an object, the text of a manifest, or the path or `file:` URL of its file.
 *
 * @throws {LinkError} `ERR_RELINK_MANIFEST`: with every mistake in `mistakes`; otherwise as {@link relink}, for its hooks
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: an argument or an option of the wrong type
 */
export function apply(store: Store, manifest: Manifest | string | FileUrl, options?: ApplyOptions): Promise<Applied>
