// A session: the same calls of one module on any engine, their results, and the state that they leave.
import { createHash } from 'node:crypto'
import type { ModuleReport } from '../..'
import { type ArgumentSet, type Scenario, externrefs, functionType, hostile, limits, mixed, visible } from './scenario'

/** An engine: its `WebAssembly`, and its messages for errors. */
export interface Engine {
  name: string
  /** Whether it puts a guest's stack pointer back after a failed call */
  restoresStackPointer: boolean
  instantiate(bytes: Uint8Array<ArrayBuffer>, imports: Record<string, Record<string, unknown>>): { exports: object }
  /** A helper module, compiled unchanged */
  provide(bytes: Uint8Array<ArrayBuffer>): any
  memory(descriptor: { initial: number; maximum?: number | undefined }): any
  table(descriptor: { element: any; initial: number; maximum?: number | undefined }): any
  global(descriptor: { value: any; mutable: boolean }, value: number | bigint): any
  /** The name of the trap that an error is; undefined for other errors */
  trap(error: any): string | undefined
}

/** One action, and its outcome. */
export interface Step {
  what: string
  outcome: string
  /** The engine's own message */
  detail?: string | undefined
}

export interface Session {
  steps: Step[]
  /** Index of the first step that cannot be compared; the steps after it cannot either */
  cut?: number
}

/** The limit of steps in one call, for a module that counts its steps. */
const FUEL = 1000

/** The object that an import throws; the caller must get this same object. */
class ThrownByImport extends Error {}

/** Runs a module on an engine. */
export function run(engine: Engine, scenario: Scenario): Session {
  return new Run(engine, scenario).session()
}

class Run {
  readonly steps: Step[] = []
  cut: number | undefined
  exports: Record<string, any> = {}
  /** Imported objects that the module can change, by the import's index */
  given: Record<number, any> = {}
  imported = 0
  depth = 0

  constructor(
    readonly engine: Engine,
    readonly scenario: Scenario,
  ) {}

  session(): Session {
    this.instantiate()
    for (const values of this.scenario.argumentSets ?? hostile) {
      this.callAll(values)
      this.look()
    }
    this.disturb()
    return { steps: this.steps, ...(this.cut !== undefined && { cut: this.cut }) }
  }

  get functions() {
    const functions = this.scenario.report.exports.filter(({ kind }) => kind === 'function')
    return functions.map(({ name, type }) => ({ name, ...functionType(type) }))
  }

  get callable() {
    return this.functions.filter(({ parameters, results }) => visible([...parameters, ...results]))
  }

  /** Objects of one kind that the module shares with JavaScript, without objects whose values some engines do not show. */
  objects(kind: string): [string, any][] {
    const { imports, exports } = this.scenario.report
    const own = exports.map((each): [any, string, any] => [each, `exports.${each.name}`, this.exports[each.name]])
    const given = imports.map((each, index): [any, string, any] => [each, `import ${index}`, this.given[index]])
    const shown = ({ kind: its, type }: { kind: string; type: string }) => its === kind && visible(type.split(' '))
    return [...own, ...given]
      .filter(([each, , object]) => shown(each) && object)
      .map(([, name, object]) => [name, object])
  }

  /** Runs an action, and records its outcome. */
  step(what: string, action: () => unknown) {
    if (this.cut !== undefined) return
    try {
      const value = action()
      this.steps.push({
        what,
        outcome: Array.isArray(value) ? value.map((each) => this.say(each)).join() : this.say(value),
      })
    } catch (error) {
      this.steps.push({ what, ...this.fault(error) })
    }
  }

  fault(error: any): { outcome: string; detail?: string } {
    if (error instanceof ThrownByImport) return { outcome: `throws ${error.message}` }
    const trap = this.engine.trap(error)
    // Engines differ in the depth of the stack, so nothing after its end is comparable.
    if (trap === 'stack-overflow') this.cut ??= this.steps.length
    if (trap) return { outcome: `traps: ${trap}`, detail: error.trap ?? error.message }
    return { outcome: `throws a ${error?.name}`, detail: error?.message }
  }

  say(value: unknown): string {
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value === 'function') return this.sayFunction(value)
    return Object.is(value, -0) ? '-0' : String(value)
  }

  /** A function, by its export, else by its index in the module. */
  sayFunction(value: Function): string {
    const own = this.functions.find(({ name }) => this.exports[name] === value)
    return `function ${JSON.stringify(own?.name ?? `[${value.name}]`)}`
  }

  instantiate() {
    const { bytes, report } = this.scenario
    const imports: Record<string, Record<string, unknown>> = Object.create(null)
    report.imports.forEach((each, index) => {
      const values = (imports[each.module] ??= Object.create(null))
      values[each.name] = this.import(each, index)
    })
    this.step('instantiate', () => {
      this.exports = this.engine.instantiate(bytes, imports).exports
    })
  }

  import({ module, name, kind, type }: ModuleReport['imports'][number], index: number): unknown {
    if (kind === 'function') return this.importedFunction(module, name, functionType(type), index)
    const made = this.importedObject(kind, type, index)
    this.given[index] = made
    return made
  }

  importedObject(kind: string, type: string, index: number): unknown {
    const { engine, scenario } = this
    if (kind === 'memory') return engine.memory(limits(type))
    if (kind === 'table')
      return type.includes('externref') ? engine.provide(externrefs(limits(type)))['table'] : this.table(type)
    const value = type.replace(/global (mut )?/, '')
    if (value === 'v128') return engine.provide(scenario.helpers.vectors)[type]
    if (!visible([value]) || value === 'funcref') return engine.provide(scenario.helpers.references)[type]
    return engine.global({ value, mutable: type.includes('mut ') }, value === 'i64' ? BigInt(index) : index)
  }

  table(type: string): unknown {
    const table = this.engine.table({ element: 'anyfunc', ...limits(type) })
    const provided = Object.values(this.engine.provide(this.scenario.helpers.references))
    const functions = provided.filter((each) => typeof each === 'function').slice(0, table.length)
    functions.forEach((each, entry) => table.set(entry, each))
    return table
  }

  importedFunction(
    module: string,
    name: string,
    { parameters, results }: ReturnType<typeof functionType>,
    index: number,
  ) {
    if (module === 'relink') {
      // For engines without slots: connects a declared slot's import to its original.
      return (...values: unknown[]) => this.exports[`relink:${name}`](...values)
    }
    if (!visible([...parameters, ...results])) {
      // Not all engines have such values in JavaScript, so no session uses them.
      return () => {
        throw new TypeError('a value of a type that not all engines take')
      }
    }
    return (...values: unknown[]) => {
      const count = this.imported++
      this.steps.push({
        what: `  call ${count} of an import, ${index}`,
        outcome: values.map((each) => this.say(each)).join(),
      })
      const number = mixed(index * 1000 + count)
      if (number % 16 === 0) throw new ThrownByImport(`import ${index}`)
      if (number % 8 === 1) this.reenter(number)
      const value = (type: string, position: number) => this.result(type, mixed(number + position))
      return results.length > 1 ? results.map(value) : results.map(value)[0]
    }
  }

  result(type: string, number: number): unknown {
    const small = number % 3 === 0 ? number % 5 : number
    if (type === 'funcref')
      return this.callable[number % 4] ? (this.exports[this.callable[number % 4]!.name] ?? null) : null
    return type === 'i64' ? BigInt(small) * 0x1_0000_0001n : type === 'i32' ? small | 0 : small / 8
  }

  /** The actions of an import while its caller waits: it calls back, and uses a memory. */
  reenter(number: number) {
    const callable = this.callable
    const target = callable[number % (callable.length || 1)]
    if (target === undefined || this.exports[target.name] === undefined || this.depth > 1) return
    this.depth++
    try {
      this.call('  call back', target, hostile[number % 2]!)
    } finally {
      this.depth--
    }
    const [memory] = this.objects('memory')
    if (memory && memory[1].buffer.byteLength > 0) new Uint8Array(memory[1].buffer)[number % 64] = number
  }

  callAll(values: ArgumentSet) {
    for (const each of this.callable) {
      if (this.exports[each.name] === undefined) continue
      if (this.exports.fuel?.value !== undefined) this.exports.fuel.value = FUEL
      this.call('call', each, values)
      for (const [name, table] of this.objects('table')) this.lookAtTable(name, table)
      for (const [name, global] of this.objects('global')) this.step(`  value of ${name}`, () => global.value)
    }
  }

  call(what: string, { name, parameters }: Run['functions'][number], values: ArgumentSet) {
    const given = parameters.map((type) => values[type as keyof ArgumentSet])
    this.step(`${what} ${name}(${given.map((each) => this.say(each)).join()})`, () =>
      this.restoring(() => this.exports[name](...given)),
    )
  }

  /** The guest's stack pointer, if the scenario names it. */
  get stackPointer(): { value: number } | undefined {
    const { stackPointer } = this.scenario
    return stackPointer === undefined ? undefined : this.exports[stackPointer]
  }

  /** Makes a call. If it fails, the stack pointer is afterwards what it was before, on any engine. */
  restoring(call: () => unknown) {
    const pointer = this.stackPointer
    const before = pointer?.value
    try {
      return call()
    } catch (error) {
      if (pointer && !this.engine.restoresStackPointer) pointer.value = before!
      throw error
    }
  }

  lookAtTable(name: string, table: any) {
    this.step(`  ${name}.length`, () => table.length)
    for (let index = 0; index < Math.min(table.length, 30); index++) {
      this.step(`  ${name}.get(${index})`, () => table.get(index))
    }
  }

  look() {
    for (const [name, memory] of this.objects('memory')) {
      this.step(`bytes of ${name}`, () => {
        const { buffer } = memory
        // Below the stack pointer lie frames of functions that have ended: the guest never reads them.
        const alive = new Uint8Array(buffer, this.stackPointer?.value ?? 0)
        return `${buffer.byteLength}: ${createHash('sha1').update(alive).digest('hex')}`
      })
    }
  }

  /** Writes to the exported objects from JavaScript, and calls everything again. */
  disturb() {
    // Not the original of a declared slot: written to an entry of the slot, it would be read as the slot's thunk.
    const first = this.callable.find(({ name }) => this.exports[name] && !name.startsWith('relink:'))
    for (const [name, table] of this.objects('table')) {
      if (this.scenario.grows !== false) this.step(`${name}.grow(1)`, () => table.grow(1))
      if (first) this.step(`${name}.set(0)`, () => table.set(0, this.exports[first.name]))
    }
    for (const [name, memory] of this.objects('memory')) this.step(`${name}.grow(1)`, () => memory.grow(1))
    this.callAll((this.scenario.argumentSets ?? hostile)[1]!)
    this.look()
  }
}
