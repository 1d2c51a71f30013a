// The history of a store: what commits changed, and what is linked at this moment.

import type { WasmFunction } from './function'
import type { Relink } from './relink'
import type { SlotKind } from './module'
import type { Slot } from './slot'

/**
 * A function in the history: see {@link SlotChange}. `hash` and `file` are those of its module; a JavaScript function has neither,
 * and a module that was not loaded from a file has no `file`.
 */
export interface FunctionRecord {
  /** Its Rust path, or the name of a JavaScript function */
  readonly function: string
  /** BLAKE3 hash of the module's bytes, in hex */
  readonly hash?: string
  readonly file?: string | undefined
}

/** The change that a commit made to one slot: see {@link Relink.slots}. */
export interface SlotChange {
  /** The slot's name */
  readonly slot: string
  readonly kind: SlotKind
  /** Null for an empty table entry; undefined if the slot's instance was closed before anyone asked */
  readonly before: FunctionRecord | null | undefined
  readonly after: FunctionRecord | null
}

/** A commit in the history of one slot: see {@link Slot.history}. */
export interface SlotCommit {
  /** The commit's id */
  readonly id: number
  readonly label?: string
  readonly by?: string
  readonly time: Date
  readonly before: FunctionRecord | null | undefined
  readonly after: FunctionRecord | null
  /** Whether the slot's change was undone or reset */
  readonly undone: boolean
}

/** A slot with an active link: see {@link Store.links}. */
export interface ActiveLink {
  readonly slot: Slot
  /** The function that the slot holds */
  readonly implementation: WasmFunction | null
  readonly after: FunctionRecord | null
  /** The commit that linked it; undefined if it has left the history */
  readonly commit: Relink | undefined
}
