// Packages from npm with Rust-built WebAssembly, run by any engine: their JavaScript uses the global `WebAssembly`, which a
// test replaces.
import { createHash } from 'node:crypto'
import { type CompileOptions, type Imports, Instance, Module, instantiate } from '../..'
import { STACK_POINTER, withStackPointer } from './stack-pointer'

/** A replacement for the global `WebAssembly`, and the instances that it has made. */
export interface PackageEngine<I extends WebAssembly.Instance = WebAssembly.Instance> {
  WebAssembly: object
  instances: I[]
}

const v8 = globalThis.WebAssembly

/** Size in bytes of the stack of a Rust guest; it begins at address 0. */
const STACK_SIZE = 2 ** 20

/** An instance on V8 that puts the guest's stack pointer back after a failed call, as this package does. */
class RestoringInstance extends v8.Instance {
  readonly #exports: WebAssembly.Exports

  constructor(module: WebAssembly.Module, imports: WebAssembly.Imports) {
    super(module, imports)
    const { [STACK_POINTER]: pointer, ...exports } = super.exports
    this.#exports = pointer === undefined ? exports : restoring(exports, pointer as WebAssembly.Global)
  }

  override get exports(): WebAssembly.Exports {
    return this.#exports
  }
}

function restoring(exports: WebAssembly.Exports, pointer: WebAssembly.Global): WebAssembly.Exports {
  const entries = Object.entries(exports).map(([name, value]): [string, WebAssembly.ExportValue] => {
    if (typeof value !== 'function') return [name, value]
    const call = (...values: unknown[]) => {
      const before = pointer.value
      try {
        return value(...values)
      } catch (error) {
        pointer.value = before
        throw error
      }
    }
    return [name, call]
  })
  return Object.fromEntries(entries)
}

/** V8, with the bytes that `prepare` returns. */
export function onV8(
  prepare: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> = (bytes) => bytes,
): PackageEngine {
  const instances: WebAssembly.Instance[] = []
  const prepared = (bytes: ArrayBuffer | Uint8Array<ArrayBuffer>) =>
    withStackPointer(prepare(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)))
  class PreparedModule extends v8.Module {
    constructor(bytes: ArrayBuffer | Uint8Array<ArrayBuffer>) {
      super(prepared(bytes))
    }
  }
  class CollectedInstance extends RestoringInstance {
    constructor(module: WebAssembly.Module, imports: WebAssembly.Imports) {
      super(module, imports)
      instances.push(this)
    }
  }
  return {
    instances,
    WebAssembly: {
      Module: PreparedModule,
      Instance: CollectedInstance,
      async instantiate(bytes: ArrayBuffer | Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports) {
        const module = await v8.compile(prepared(bytes))
        return { module, instance: new CollectedInstance(module, imports) }
      },
    },
  }
}

/** This package. */
export function onWasmer(options: CompileOptions): PackageEngine<Instance> {
  const instances: Instance[] = []
  return {
    instances,
    WebAssembly: {
      Module: class extends Module {
        constructor(bytes: ArrayBuffer) {
          super(bytes, options)
        }
      },
      Instance: class extends Instance {
        constructor(module: Module, imports: Imports) {
          super(module, imports)
          instances.push(this)
        }
      },
      async instantiate(bytes: ArrayBuffer, imports: Imports) {
        const made = await instantiate(bytes, imports, options)
        instances.push(made.instance)
        return made
      },
    },
  }
}

/** Runs a function while the global `WebAssembly` is the engine's. */
export async function runOn<T>(engine: PackageEngine, run: () => T | Promise<T>): Promise<T> {
  Object.assign(globalThis, { WebAssembly: engine.WebAssembly })
  try {
    return await run()
  } finally {
    Object.assign(globalThis, { WebAssembly: v8 })
  }
}

/** The answers of a package, by question: short texts, so that a difference is readable. */
export class Answers {
  readonly all: Record<string, string> = {}

  /** The result of `ask`, or the error that it throws. */
  add(question: string, ask: () => unknown): void {
    let answer
    try {
      answer = inWords(ask())
    } catch (error) {
      answer = error instanceof v8.RuntimeError ? 'a trap' : `throws ${error}`
    }
    if (question in this.all) throw new Error(`asked twice: ${question}`)
    this.all[question] = answer.length > 2000 ? `${answer.length} characters, ${digest(answer)}` : answer
  }

  /** The contents of the memory of the engine's last instance, without its stack, in which ended calls leave what no guest reads. */
  addMemory(question: string, { instances }: PackageEngine): void {
    const { buffer } = instances.at(-1)!.exports.memory as WebAssembly.Memory
    this.add(question, () => `${buffer.byteLength} bytes, ${digest(new Uint8Array(buffer, STACK_SIZE))}`)
  }
}

function inWords(answer: unknown): string {
  if (typeof answer === 'string') return answer
  return String(JSON.stringify(answer, (_, value) => (value === Infinity ? 'Infinity' : value)))
}

function digest(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex').slice(0, 16)
}

/** Pseudo-random numbers below `limit`, the same in every run. */
export function numbers(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}
