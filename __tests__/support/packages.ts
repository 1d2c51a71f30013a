// Packages from npm with Rust-built WebAssembly inside, run by any engine: their own JavaScript asks the global
// `WebAssembly`, and gets what a test puts there.
import { createHash } from 'node:crypto'
import { type CompileOptions, type Imports, Instance, Module, instantiate } from '../..'

/** What stands in for the global `WebAssembly`, and what it has made. */
export interface Engine<I extends WebAssembly.Instance = WebAssembly.Instance> {
  WebAssembly: object
  instances: I[]
}

const v8 = globalThis.WebAssembly

/** V8, which gets what `prepare` makes of the bytes. */
export function onV8(prepare: (bytes: BufferSource) => BufferSource = (bytes) => bytes): Engine {
  const instances: WebAssembly.Instance[] = []
  return {
    instances,
    WebAssembly: {
      Module: class extends v8.Module {
        constructor(bytes: BufferSource) {
          super(prepare(bytes))
        }
      },
      Instance: class extends v8.Instance {
        constructor(module: WebAssembly.Module, imports: WebAssembly.Imports) {
          super(module, imports)
          instances.push(this)
        }
      },
      async instantiate(bytes: BufferSource, imports: WebAssembly.Imports) {
        const made = await v8.instantiate(prepare(bytes), imports)
        instances.push(made.instance)
        return made
      },
    },
  }
}

/** This package. */
export function onWasmer(options: CompileOptions): Engine<Instance> {
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

/** Runs what asks the global `WebAssembly`, which is the engine's until it is done. */
export async function runOn<T>(engine: Engine, run: () => T | Promise<T>): Promise<T> {
  Object.assign(globalThis, { WebAssembly: engine.WebAssembly })
  try {
    return await run()
  } finally {
    Object.assign(globalThis, { WebAssembly: v8 })
  }
}

/** What a package answered, by question: short texts, so that a difference can be read. */
export class Answers {
  readonly all: Record<string, string> = {}

  /** What `ask` returns, or the error that it throws. */
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

  /** What is in the memory of the engine's last instance. */
  addMemory(question: string, { instances }: Engine): void {
    const { buffer } = instances.at(-1)!.exports.memory as WebAssembly.Memory
    this.add(question, () => `${buffer.byteLength} bytes, ${digest(new Uint8Array(buffer))}`)
  }
}

function inWords(answer: unknown): string {
  if (typeof answer === 'string') return answer
  return String(JSON.stringify(answer, (_, value) => (value === Infinity ? 'Infinity' : value)))
}

function digest(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex').slice(0, 16)
}

/** Numbers that look like any, and are the same in every run: each below `limit`. */
export function numbers(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}
