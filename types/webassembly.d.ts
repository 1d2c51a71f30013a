// The WebAssembly JS API under its usual name.

import type { Exception, Tag } from './exception'
import type { Global } from './global'
import type { Instance } from './instance'
import type { Memory } from './memory'
import type { Module } from './module'
import type { Bytes, CompileOptions, Imports, InstanceOptions } from './options'
import type { Table } from './table'

/** The part of a `Response`, the result of `fetch`, that matters here. */
type ResponseLike = { arrayBuffer(): Promise<ArrayBuffer>; readonly headers: object; readonly ok: boolean }

/**
 * The WebAssembly JS API under its usual name: `import { WebAssembly } from 'wasm-relink'`, or
 * `node --require wasm-relink/register`, which puts it on `globalThis`. Code for Node's own WebAssembly runs
 * unchanged (docs/webassembly-api.md lists the differences).
 *
 * A module has no slots here unless the option `slots` selects some, and unknown options are ignored. The error classes are
 * Node's own; the error classes of this package are subclasses of them.
 *
 * ```js
 * const { instance } = await WebAssembly.instantiate(bytes, imports, { slots: 'all' })
 * ```
 */
export const WebAssembly: {
  /** Unlike the {@link Module} of this package, which is a subclass, it can be posted to other threads. */
  readonly Module: Omit<typeof Module, 'prototype'> & { new (bytes: Bytes, options?: CompileOptions): Module }
  readonly Instance: typeof Instance
  readonly Memory: typeof Memory
  readonly Table: typeof Table
  readonly Global: typeof Global
  readonly Tag: typeof Tag
  readonly Exception: typeof Exception
  readonly CompileError: ErrorConstructor
  readonly LinkError: ErrorConstructor
  readonly RuntimeError: ErrorConstructor
  compile(bytes: Bytes, options?: CompileOptions): Promise<Module>
  validate(bytes: Bytes, options?: CompileOptions): boolean
  instantiate(module: Module, imports?: Imports, options?: CompileOptions & InstanceOptions): Promise<Instance>
  instantiate(
    bytes: Bytes,
    imports?: Imports,
    options?: CompileOptions & InstanceOptions,
  ): Promise<{ module: Module; instance: Instance }>
  /**
   * Compiles the body of a `Response` with the type `application/wasm`.
   *
   * @throws {TypeError} rejects with `ERR_WEBASSEMBLY_RESPONSE`: a response with another type, without success, or whose body
   * was read already; `ERR_INVALID_ARG_TYPE`: not a Response
   */
  compileStreaming(source: ResponseLike | Promise<ResponseLike>, options?: CompileOptions): Promise<Module>
  /** Compiles as {@link WebAssembly.compileStreaming} does, and makes an instance. */
  instantiateStreaming(
    source: ResponseLike | Promise<ResponseLike>,
    imports?: Imports,
    options?: CompileOptions & InstanceOptions,
  ): Promise<{ module: Module; instance: Instance }>
}

/** The types of the objects, as in the global namespace: `WebAssembly.Module` is a type too. */
export namespace WebAssembly {
  type Module = ModuleOf
  type Instance = InstanceOf
  type Memory = MemoryOf<boolean>
  type Table = TableOf<any>
  type Global = GlobalOf
  type Tag = TagOf
  type Exception = ExceptionOf
}

type ModuleOf = Module
type InstanceOf = Instance
type MemoryOf<Shared extends boolean> = Memory<Shared>
type TableOf<Kind extends 'anyfunc' | 'externref'> = Table<Kind>
type GlobalOf = Global
type TagOf = Tag
type ExceptionOf = Exception
