// Calls that an import may suspend until a promise is settled.

/**
 * An import, or a function for {@link link}, that may return a promise: then the WebAssembly that has called it is suspended
 * until the promise is settled. It must have been called through {@link promising}, or belong to an instance with the option
 * `suspending`. A function that returns no promise suspends nothing.
 *
 * ```js
 * const imports = { env: { fetch_price: new Suspending(async (id) => (await prices.get(id)).cents) } }
 * const plugin = await load('plugin.wasm', imports)
 * const total = promising(plugin.exports.total)
 * await Promise.all([total(1), total(2)]) // both wait at the same time
 * ```
 *
 * `docs/suspending.md` has more.
 */
export class Suspending<P extends unknown[] = any, R = any> {
  /** @throws {TypeError} `ERR_INVALID_ARG_TYPE`: no function */
  constructor(fn: (...parameters: P) => R | Promise<R>)
  /** For the type checker only: this property does not exist. */
  private readonly fn: (...parameters: P) => R | Promise<R>
}

/**
 * Exports whose functions return promises: those of an instance with the option `suspending`. {@link load} and
 * {@link instantiate} return it for that option; for the constructor, write `Instance<PromisingExports<Exports>>`.
 */
export type PromisingExports<E> = {
  [Name in keyof E]: E[Name] extends (...parameters: infer P) => infer R
    ? (...parameters: P) => Promise<Awaited<R>>
    : E[Name]
}

/**
 * Imports of a generated file (`wasm-relink types`), each of whose functions may also return a promise, or be a
 * {@link Suspending}: those that the option `suspending` names.
 *
 * ```ts
 * const imports: SuspendingImports<PluginImports> = { env: { fetchPrice: async (id) => (await prices.get(id)).cents } }
 * const plugin = await load<Plugin>('plugin.wasm', imports, { suspending: ['env.fetchPrice'] })
 * ```
 */
export type SuspendingImports<I> = { [Module in keyof I]: { [Name in keyof I[Module]]: MaySuspend<I[Module][Name]> } }
type MaySuspend<T> = T extends (...parameters: infer P) => infer R
  ? ((...parameters: P) => R | Promise<Awaited<R>>) | Suspending<P, Awaited<R>>
  : T

/**
 * A function that calls an exported function, and returns a promise of its result. While the call is suspended by a
 * {@link Suspending} import, other calls of the same instance may begin, be suspended and end, in any order.
 *
 * The promise is rejected with what the call throws: a trap, the reason of a rejected promise that WebAssembly has not caught,
 * or a {@link SuspendError}, if JavaScript stands on the stack between the call and the import.
 *
 * ```js
 * const total = promising(plugin.exports.total)
 * const cents = await total(1)
 * ```
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`: no exported WebAssembly function; `ERR_RELINK_UNSUPPORTED`: on this platform, calls
 * cannot be suspended
 */
export function promising<P extends unknown[], R>(
  fn: (...parameters: P) => R,
): (...parameters: P) => Promise<Awaited<R>>
