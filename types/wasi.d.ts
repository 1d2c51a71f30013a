// WASI: what a guest is given, and the class of the shape of `node:wasi`.

import type { Instance } from './instance'
import type { Memory } from './memory'

/** A stream to write to: a file descriptor, a function or a Writable that takes each chunk, a Buffer, or null for nothing. */
export type WASIOutput =
  number | { chunk(chunk: Uint8Array): void }['chunk'] | { write(chunk: Uint8Array): unknown } | null

/** A folder of the host that the guest may open, and what it may do there. */
export interface WASIPreopen {
  /** The path in the host. */
  path: string
  /** Whether the guest may not change anything. Default: false. */
  readOnly?: boolean | undefined
  /** Limits of all that the guest does through this preopen. Default: none. */
  limits?:
    | {
        /** Most bytes that the guest may write; then writes fail with `ENOSPC`. */
        bytesWritten?: number | undefined
        /** Most files and folders that the guest may have open; then opening fails with `EMFILE`. */
        openFiles?: number | undefined
      }
    | undefined
}

/** What a guest is given. It gets no argument, no variable and no folder that is not in here. */
export interface WASIGuestOptions {
  /** The arguments, of which the first is the name of the program. Default: none. */
  args?: readonly string[] | undefined
  /** The variables of the environment. Default: none. */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /** The guest's name of each folder, with its path in the host or a policy. Default: none. */
  preopens?: Readonly<Record<string, string | WASIPreopen>> | undefined
  /** A file descriptor, bytes to read, or null for nothing. Default: 0. */
  stdin?: number | ArrayBufferView | null | undefined
  /** Default: 1. */
  stdout?: WASIOutput | undefined
  /** Default: 2. */
  stderr?: WASIOutput | undefined
  /**
   * Tells the time in nanoseconds, instead of the system: of clock 0 since 1970, of clock 1 since any moment, of clocks 2 and 3
   * the processor time.
   */
  clock?: ((id: 0 | 1 | 2 | 3) => bigint | number) | undefined
  /** Fills bytes randomly, instead of the system. */
  random?: ((bytes: Uint8Array) => void) | undefined
}

/** The options of `WASI`. */
export interface WASIOptions extends WASIGuestOptions {
  version: 'preview1' | 'unstable'
  /** Whether `proc_exit` ends the guest only, not the process. Default: true. */
  returnOnExit?: boolean | undefined
}

/** The system interface of a guest, of the shape of `node:wasi`: see docs/wasi.md. */
export class WASI {
  constructor(options: WASIOptions)

  /** The functions, for imports of the module `wasi_snapshot_preview1` or `wasi_unstable`. */
  readonly wasiImport: Record<string, (...args: any[]) => any>

  /** The functions as an import object. */
  getImportObject(): Record<string, Record<string, (...args: any[]) => any>>

  /** Runs a command: calls its `_start`. Returns its exit code. */
  start(instance: Instance<any> | object): number

  /** Initializes a reactor: calls its `_initialize`, if it has one. */
  initialize(instance: Instance<any> | object): void

  /** Ties an instance to this object. `start` and `initialize` do it too. */
  finalizeBindings(instance: Instance<any> | object, options?: { memory?: Memory | undefined }): void
}
