// Compares the behaviour of a module, original and rewritten, on V8 and on wasmer.
import { setFlagsFromString } from 'node:v8'
import {
  type CompileOptions,
  Global,
  Instance,
  Memory,
  Module,
  type ObjectReport,
  type SlotSelection,
  Store,
  Table,
  inspect,
  rewrite,
} from '../..'
import { type Helpers, type Scenario, helperTexts } from './scenario'
import { type Engine, type Session, run } from './session'
import { compilers, wat } from '.'

/** The outcome of one module. */
export interface Verdict {
  /** The differences between engines, as text; empty if they agree */
  differences: string[]
  /** The engines that ran it */
  ran: string[]
  /** The engines that did not run it, and why */
  refused: Record<string, string>
  /** Known differences that were ignored */
  known: string[]
  /** Number of compared steps on each engine */
  steps: number
  /** Number of these that were calls without an error */
  returned: number
}

// Features that wasmer has by default, and V8 behind a flag: the flag of Node 20, and later ones.
const flag = process.versions.v8.startsWith('11.') ? 'extended-const' : 'exnref'
setFlagsFromString(`--experimental-wasm-${flag}`)

const V8 = globalThis.WebAssembly as any

/** V8's message for each trap, and this package's name for it. */
const v8Traps: [RegExp, string][] = [
  [/^unreachable/, 'unreachable'],
  [/memory access out of bounds|data segment/, 'memory-out-of-bounds'],
  [/table (index|access)|element segment|table initializer/, 'table-out-of-bounds'],
  [/null function|function signature mismatch/, 'bad-call'],
  [/(divide|remainder) by zero/, 'divide-by-zero'],
  [/divide result unrepresentable|float unrepresentable/, 'unrepresentable'],
  [/unaligned/, 'memory-out-of-bounds'],
  [/Maximum call stack/, 'stack-overflow'],
]

/** Traps for which V8 has one message, or which it checks in another order. */
const common: Record<string, string> = {
  'unaligned-atomic': 'memory-out-of-bounds',
  'null-function': 'bad-call',
  'signature-mismatch': 'bad-call',
  'integer-overflow': 'unrepresentable',
  'float-unrepresentable': 'unrepresentable',
}

function v8(name: string, slots?: SlotSelection): Engine {
  return {
    name,
    restoresStackPointer: false,
    instantiate(bytes, imports) {
      return new V8.Instance(new V8.Module(slots === undefined ? bytes : rewrite(bytes, { slots })), imports)
    },
    provide: (bytes) => new V8.Instance(new V8.Module(bytes)).exports,
    memory: (descriptor) => new V8.Memory(descriptor),
    table: (descriptor) => new V8.Table(descriptor),
    global: (descriptor, value) => new V8.Global(descriptor, value),
    trap(error) {
      if (error?.name !== 'RuntimeError' && error?.name !== 'RangeError') return undefined
      return v8Traps.find(([words]) => words.test(error.message))?.[1]
    },
  }
}

function wasmRelink({ compiler, slots, reserve }: CompileOptions): Engine {
  const store = new Store()
  const options = { compiler, slots, reserve }
  return {
    name: `${compiler}, ${slots ?? 'default'}${reserve ? `, ${reserve}` : ''}`,
    restoresStackPointer: true,
    instantiate: (bytes, imports) => new Instance(new Module(bytes, options), imports as any, { store }),
    provide: (bytes) => new Instance(new Module(bytes, { compiler, slots: 'none' }), {}, { store }).exports,
    memory: (descriptor) => new Memory(descriptor, { store, reserve }),
    table: (descriptor) => new Table(descriptor, null, { store }),
    global: (descriptor, value) => new Global(descriptor, value as any, { store }),
    trap(error) {
      // The end of a stack that JavaScript and WebAssembly share may be reached in either.
      if (error?.name === 'RangeError' && /Maximum call stack/.test(error.message)) return 'stack-overflow'
      return error?.trap && (common[error.trap] ?? error.trap)
    },
  }
}

let helpers: Promise<Helpers> | undefined

async function makeHelpers(): Promise<Helpers> {
  return { references: await wat(helperTexts.references), vectors: await wat(helperTexts.vectors) }
}

/** Runs a module on every engine, also with a reservation of its memories if one is given, and compares. */
export async function compare(
  bytes: Uint8Array<ArrayBuffer>,
  { reserve, ...options }: Pick<Scenario, 'argumentSets' | 'stackPointer'> & Pick<CompileOptions, 'reserve'> = {},
): Promise<Verdict> {
  const verdict: Verdict = { differences: [], ran: [], refused: {}, known: [], steps: 0, returned: 0 }
  const scenario = { bytes, report: inspect(bytes), helpers: await (helpers ??= makeHelpers()), ...options }

  // The pass must accept its own output.
  for (const slots of ['none', 'all'] as const) inspect(rewrite(bytes, { slots }))
  const reference = V8.validate(bytes) ? run(v8('v8'), scenario) : undefined
  if (reference) note(verdict, 'v8', reference)
  else verdict.refused['v8'] = 'not valid there'
  if (reference) {
    const [plain, all] = (['none', 'all'] as const).map((slots) => {
      const session = run(v8(`v8, ${slots}`, slots), scenario)
      note(verdict, `v8, ${slots}`, session)
      return [`v8, ${slots}`, session] as const
    })
    const same = { words: true, functions: false }
    verdict.differences.push(...differ(plain!, all!, same))
    if (!scenario.report.tables.some(isFixed)) verdict.differences.push(...differ(['v8', reference], plain!, same))
    // The pass adds one to the maximum of such a table; the package removes it when it makes the table, other engines do not.
    else if (Buffer.from(bytes).includes(TABLE_GROW)) verdict.known.push('v8: growth of a table of fixed size')
    else {
      const still = { ...scenario, grows: false }
      const [before, after] = [run(v8('v8'), still), run(v8('v8, none', 'none'), still)]
      verdict.differences.push(...differ(['v8', before], ['v8, none', after], same))
    }
  }
  for (const compiler of compilers) {
    const why = unsupported(bytes, compiler)
    if (why !== undefined) {
      verdict.refused[compiler] = why
      continue
    }
    const ways: CompileOptions[] = [{ slots: 'none' }, {}, { slots: 'all' }]
    if (reserve !== undefined) ways.push({ slots: 'none', reserve })
    const [plain, ...others] = ways.map((way) => {
      const engine = wasmRelink({ compiler, ...way })
      const session = run(engine, scenario)
      note(verdict, engine.name, session)
      return [engine.name, session] as const
    })
    const found = reference ? differ(['v8', reference], plain!, { words: false, functions: true }) : []
    for (const other of others) found.push(...differ(plain!, other, { words: true, functions: true }))
    // Singlepass loses the address of an atomic operation if it is the result of a call into the engine, such as `table.size`.
    if (compiler === 'singlepass' && found.length > 0 && updatesAtomically(bytes))
      verdict.known.push('singlepass: atomic read-modify-write')
    else verdict.differences.push(...found)
  }
  return verdict
}

/** The opcode before the index of a table. */
const TABLE_GROW = Buffer.from([0xfc, 0x0f])

/** Tells if a module seems to contain these instructions with their alignment. */
function updatesAtomically(bytes: Uint8Array) {
  const at = (index: number) =>
    bytes[index] === 0xfe && bytes[index + 1]! >= 0x1e && bytes[index + 1]! <= 0x4e && bytes[index + 2]! <= 3
  return bytes.some((_, index) => at(index))
}

function isFixed({ type, import: imported }: ObjectReport) {
  const [, minimum, maximum] = /^table funcref (\d+)\.\.(\d*)$/.exec(type) ?? []
  return imported === undefined && minimum !== undefined && minimum === maximum
}

/** A compiler's message for a feature that it lacks for a module. */
function unsupported(bytes: Uint8Array<ArrayBuffer>, compiler: CompileOptions['compiler']): string | undefined {
  try {
    new Module(bytes, { compiler, slots: 'none' })
    return undefined
  } catch (error: any) {
    if (error.code === 'ERR_RELINK_UNSUPPORTED') return error.message
    throw error
  }
}

function note(verdict: Verdict, name: string, { steps }: Session) {
  verdict.ran.push(name)
  verdict.steps = Math.max(verdict.steps, steps.length)
  const calls = steps.filter(({ what }) => what.startsWith('call '))
  verdict.returned = Math.max(verdict.returned, calls.filter(({ outcome }) => !/^(throws|traps)/.test(outcome)).length)
}

/**
 * The first difference of two sessions, up to the earlier one of their cuts; none if they agree. With `words`, messages of the
 * engines count too. With `functions`, the identity of functions counts too.
 */
function differ(
  [nameA, a]: readonly [string, Session],
  [nameB, b]: readonly [string, Session],
  { words, functions }: { words: boolean; functions: boolean },
): string[] {
  const end = Math.min(a.cut ?? Infinity, b.cut ?? Infinity, Math.max(a.steps.length, b.steps.length))
  for (let index = 0; index < end; index++) {
    const [stepA, stepB] = [a.steps[index], b.steps[index]].map((step) => {
      if (step === undefined) return 'nothing more'
      const said = `${step.what}: ${step.outcome}${words && step.detail ? ` (${step.detail})` : ''}`
      return functions ? said : said.replaceAll(/function "(?:[^"\\]|\\.)*"/g, 'function')
    })
    if (stepA === stepB) continue
    const before = a.steps.slice(Math.max(0, index - 3), index).map(({ what, outcome }) => `    ${what}: ${outcome}\n`)
    return [`step ${index}, after\n${before.join('')}  ${nameA}: ${stepA}\n  ${nameB}: ${stepB}`]
  }
  return []
}
