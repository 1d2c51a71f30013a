// Helpers for tests of the collector: V8's collection on demand, and a store to inspect.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Freed, Instance, type Imports, Module, Store } from '../..'
import { wat } from '.'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** A turn of the event loop: a WeakRef that was read keeps its object until then. */
export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** Lets V8 collect as much as it can. If V8 was marking, the first collection only ends that: it keeps what was made meanwhile. */
export async function collectGarbage(): Promise<void> {
  await turn()
  gc()
  gc()
}

/** Collects at once, also while code runs. */
export const collectNow = gc

/** Lets V8 collect, then the store. */
export async function collect(store: Store): Promise<Freed> {
  await collectGarbage()
  const freed = store.collect()
  if (freed === null) throw new Error('no WebAssembly runs between tests')
  return freed
}

/** A store, and a function that makes instances in it from text. */
export class InstanceMaker {
  readonly store = new Store()
  readonly #modules = new Map<string, Module>()

  /** Compiles ahead, so that instances can be made without a turn of the event loop. */
  static async of(...texts: string[]): Promise<InstanceMaker> {
    const maker = new InstanceMaker()
    for (const text of texts) maker.#modules.set(text, new Module(await wat(text)))
    return maker
  }

  make(text: string, imports?: Imports): Instance {
    const module = this.#modules.get(text)
    if (module === undefined) throw new Error('this text was not compiled ahead')
    return new Instance(module, imports, { store: this.store })
  }

  /** The texts of the modules, in order. */
  get texts(): IterableIterator<string> {
    return this.#modules.keys()
  }

  get instances(): number {
    return this.store.stats().instances
  }
}
