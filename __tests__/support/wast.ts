// A script of the specification's tests: modules, and assertions about calls of their exports.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import loadWabt from 'wabt'
import { root } from '.'

/** A word, a string with its quotes, or a list; a list knows where it begins and ends in the script. */
type Form = string | { items: Form[]; begin: number; end: number }

interface Call {
  name: string
  args: unknown[]
}

/** A command of a script. */
export type Command =
  | { line: number; kind: 'module'; bytes: Uint8Array<ArrayBuffer> }
  | { line: number; kind: 'invalid'; bytes: Uint8Array<ArrayBuffer> }
  | { line: number; kind: 'returns' | 'traps'; call: Call; results: unknown[] }

const features = { tail_call: true, multi_value: true, reference_types: true, bulk_memory: true }

/** The forms of a script. */
function read(text: string): Form[] {
  const open: { items: Form[]; begin: number; end: number }[] = [{ items: [], begin: 0, end: text.length }]
  for (const { 0: token, index } of text.matchAll(/;;.*|"(?:[^"\\]|\\.)*"|[()]|[^\s()";]+/g)) {
    if (token.startsWith(';;')) continue
    if (token === '(') open.push({ items: [], begin: index, end: index })
    else if (token === ')') {
      const done = open.pop()!
      done.end = index + 1
      open.at(-1)!.items.push(done)
    } else open.at(-1)!.items.push(token)
  }
  return open[0]!.items
}

const itemsOf = (form: Form | undefined) => (typeof form === 'object' ? form.items : [])

/** The JavaScript value of a constant, such as `(i64.const 1_000)`. */
function valueOf(form: Form): unknown {
  const [type, text] = itemsOf(form) as [string, string]
  const digits = text.replaceAll('_', '')
  if (type === 'i64.const') return BigInt.asIntN(64, digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits))
  if (type === 'i32.const') return Number(digits) | 0
  if (type === 'f32.const') return Math.fround(Number(digits))
  return type === 'f64.const' ? Number(digits) : null
}

function callOf(form: Form | undefined): Call {
  const [, name, ...args] = itemsOf(form)
  return { name: (name as string).slice(1, -1), args: args.map(valueOf) }
}

/**
 * The commands of a script under fixtures/spec. Its typed function references, which the engine lacks, become `funcref`. Left
 * out are assertions about the text format, and about subtypes of references.
 */
export async function readScript(name: string): Promise<Command[]> {
  const wabt = await loadWabt()
  const text = readFileSync(join(root, 'fixtures', 'spec', name), 'utf8')
    .replaceAll('(ref null $t)', 'funcref')
    .replaceAll('(ref.null $t)', '(ref.null func)')
  const bytes = (form: Form | undefined) => {
    const { begin, end } = form as { begin: number; end: number }
    const parsed = wabt.parseWat(name, text.slice(begin, end), features)
    parsed.resolveNames()
    return new Uint8Array(parsed.toBinary({}).buffer)
  }
  const commands: Command[] = []
  for (const form of read(text)) {
    const { begin, end } = form as { begin: number; end: number }
    const line = text.slice(0, begin).split('\n').length
    const [kind, first, ...others] = itemsOf(form)
    if (kind === 'module') commands.push({ kind, bytes: bytes(form), line })
    else if (kind === 'assert_return') {
      commands.push({ kind: 'returns', call: callOf(first), results: others.map(valueOf), line })
    } else if (kind === 'assert_trap') commands.push({ kind: 'traps', call: callOf(first), results: [], line })
    else if (kind === 'assert_invalid' && !text.slice(begin, end).includes('type-ref-vs-funcref')) {
      commands.push({ kind: 'invalid', bytes: bytes(first), line })
    }
  }
  return commands
}
