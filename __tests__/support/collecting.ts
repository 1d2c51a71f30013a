// What the tests of the collector share: V8's own collection, on demand, and a store to look at.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Freed, Instance, type Imports, Module, Store } from '../..'
import { wat } from '.'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** A turn of the event loop, in which V8 lets go of what a WeakRef has held for this one. */
export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** Lets V8 collect all that it can. */
export async function collectGarbage(): Promise<void> {
  await turn()
  gc()
}

/** Collects at once, in the middle of whatever runs. */
export const collectNow = gc

/** Lets V8 collect, then the store. */
export async function collect(store: Store): Promise<Freed> {
  await collectGarbage()
  const freed = store.collect()
  if (freed === null) throw new Error('no WebAssembly runs between tests')
  return freed
}

/** A store, and a way to make instances of text in it. */
export class Yard {
  readonly store = new Store()
  readonly #modules = new Map<string, Module>()

  /** Compiles ahead, so that instances are made without a turn of the event loop. */
  static async of(...texts: string[]): Promise<Yard> {
    const yard = new Yard()
    for (const text of texts) yard.#modules.set(text, new Module(await wat(text)))
    return yard
  }

  make(text: string, imports?: Imports): Instance {
    const module = this.#modules.get(text)
    if (module === undefined) throw new Error('this text was not compiled ahead')
    return new Instance(module, imports, { store: this.store })
  }

  /** The texts, in order. */
  get texts(): IterableIterator<string> {
    return this.#modules.keys()
  }

  get instances(): number {
    return this.store.stats().instances
  }
}
