// Trials: commits that take themselves back.

/** The option `trial` of {@link relink}: when a commit takes itself back. See `docs/relinking.md`. */
export interface TrialOptions {
  /** Number of calls of the implementations after which the trial ends. `calls`, `for` or both must be given. */
  calls?: number | undefined
  /** Time after which it ends, in milliseconds or as text with a unit: `'30s'`, `'500ms'`, `'2m'`. */
  for?: number | string | undefined
  /** Number of calls that may trap or throw. Default: 0. */
  maxTraps?: number | undefined
  /** Longest mean time of a call, in milliseconds or as text with a unit: `'200us'`. */
  maxMean?: number | string | undefined
}

/** How a trial has ended: see {@link Relink.settled}. */
export interface TrialResult {
  /**
   * `'kept'`: the commit stays; `'undone'`: it was undone; `'blocked'`: it should have been undone, but `error` says why it could
   * not be, for example since a slot was linked again
   */
  readonly outcome: 'kept' | 'undone' | 'blocked'
  /** The reason of its end: the number of calls, the time, traps, the mean, an `undo` by the user, or something that was closed */
  readonly reason: 'calls' | 'time' | 'traps' | 'mean' | 'undo' | 'closed'
  /** Number of calls */
  readonly calls: number
  /** Number of calls that trapped or threw */
  readonly traps: number
  /** Mean time of a call, in milliseconds */
  readonly mean: number
  readonly error?: unknown
}
