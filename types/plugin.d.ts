// Plugin shapes: what an instance has, for the type checker.

import type { WasmFunction } from './function'
import type { Slot } from './slot'

/** Turns the functions of a record into exported WebAssembly functions. */
export type Exports<E> = { readonly [Name in keyof E]: Export<E[Name]> }
/** Distributes over unions: the type of an optional function is one. */
type Export<T> = T extends (...parameters: infer P) => infer R
  ? WasmFunction<P, R>
  : T extends string | number | bigint | boolean | symbol | null
    ? NoExport
    : T
/** The type of an export that is declared as a string or another primitive value, which no module exports. */
interface NoExport {
  readonly [noExport]: 'an export is a function, a Memory, a Table, a Global or a Tag'
}
declare const noExport: unique symbol

/** Turns the functions of a record into slots. */
export type Slots<S> = { readonly [Name in keyof S]: Declared<S[Name]> }
type Declared<T> = T extends (...parameters: infer P) => infer R ? Slot<P, R> : T

/** The names by which `instance.slot` finds a declared slot: its full name, and the ends of its path. */
export type SlotNames<S> = string extends keyof S ? keyof S : keyof S | Ends<keyof S>
type Ends<Name> = Name extends `${string}::${infer Rest}`
  ? Rest | Ends<Rest>
  : Name extends `${string}.${infer Rest}`
    ? Rest
    : never
/** The slot with this name or path. */
export type SlotNamed<S, Name> = Name extends keyof S
  ? Slots<S>[Name]
  : { [Full in keyof S]: Name extends Ends<Full> ? Slots<S>[Full] : never }[keyof S]

/**
 * The exports of a plugin, and its slots by their full names, for the type checker.
 *
 * ```ts
 * interface Pricing {
 *   exports: { total(cents: bigint): bigint; memory: Memory }
 *   slots: { 'pricing::discount': (cents: bigint) => bigint }
 * }
 * const plugin: InstanceOf<Pricing> = await load<Pricing>('pricing.wasm')
 * ```
 *
 * `npx wasm-relink types plugin.wasm` writes it. {@link load} then checks that the file has this shape (see {@link TypesOption}). A
 * shape that you write yourself is not checked: it is your promise.
 */
export interface PluginShape {
  exports?: object
  slots?: object
}

export type ExportsOf<T> = T extends { exports: infer E extends object } ? E : Record<string, any>
export type SlotsOf<T> = T extends { slots: infer S extends object } ? S : Record<string, Slot>
