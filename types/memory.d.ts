// Linear memories.

import type { Reserve, StoreOptions } from './options'

/** A memory to make: see {@link Memory}. `Shared` is whether threads share it. */
export interface MemoryDescriptor<Shared extends boolean = boolean> {
  /** Size at first, in pages of 64 KiB */
  initial: number
  /** Greatest size, in pages of 64 KiB. Required for a shared memory */
  maximum?: number | undefined
  /** Whether threads share the memory: then its buffer is a `SharedArrayBuffer` */
  shared?: Shared | undefined
}

/** Options of a new {@link Memory}. */
export interface MemoryOptions extends StoreOptions {
  /** The address space that it reserves. Ignored for a shared memory, whose accesses are always checked. */
  reserve?: Reserve | undefined
}

/**
 * A linear memory. `Memory<true>` is a shared memory, `Memory<boolean>` one of either kind.
 *
 * A shared memory can be posted to other threads. It arrives as a Memory of Node's own and becomes one of this package when it
 * is imported into an instance. `instanceof` is true from the beginning, as for a posted Module of {@link WebAssembly}.
 *
 * ```js
 * const memory = new Memory({ initial: 1, maximum: 100 })
 * new Uint8Array(memory.buffer).set(bytes, address)
 * ```
 */
export class Memory<Shared extends boolean = false> {
  #private
  /**
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: a wrong descriptor or option;
   * `ERR_RELINK_UNSUPPORTED`: a shared memory where Node runs without its own WebAssembly
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: more than 65,536 pages, or a maximum below `initial`; `ERR_RELINK_MEMORY`: no room
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the store is closed
   */
  constructor(descriptor: MemoryDescriptor<Shared>, options?: MemoryOptions)
  /**
   * The bytes themselves, not a copy.
   *
   * Growth, from JavaScript or from inside WebAssembly, detaches an `ArrayBuffer`, so read this property again after every
   * call. Until then it returns the same object. The buffer belongs to this thread: never transfer it to another one. Growth
   * does not detach a `SharedArrayBuffer`: this property returns a longer one.
   *
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the memory's instance, or its store, is closed
   */
  readonly buffer: Shared extends true ? SharedArrayBuffer : ArrayBuffer
  /**
   * Adds `delta` pages of 64 KiB, and returns the former number of pages.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE`: `delta` is no integer of 32 bits
   * @throws {RangeError} `ERR_OUT_OF_RANGE`: beyond the memory's maximum; `ERR_RELINK_MEMORY`: no room
   * @throws {RuntimeError} `ERR_RELINK_CLOSED`: the memory's instance, or its store, is closed
   */
  grow(delta: number): number
  /** For the type checker only, so that a Memory fits where the global `WebAssembly.Memory` is expected: does not exist. */
  readonly toFixedLengthBuffer: never
  /** For the type checker only, as `toFixedLengthBuffer`: does not exist. */
  readonly toResizableBuffer: never
}
