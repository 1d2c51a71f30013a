// Guests of typed functions, written as text: they forward a call from an export to a slot, for any type.
import { wat, withSection } from '.'

const native = require('../../lib/native/typed-functions.js')

export interface Type {
  kind: string
  flat: string[] | null
  size: number
  align: number
}
export interface FunctionOf {
  parameters: { name: string; type: Type }[]
  result: Type | null
}

const record = (more: Record<string, unknown>) =>
  `${JSON.stringify({ signature: '()', types: { parameters: [], results: [] }, version: 2, ...more })}\n`

/** The description of the one function in a WIT interface's text. */
export async function described(wit: string): Promise<FunctionOf> {
  const bytes = withSection(await wat('(module)'), 'relink', record({ kind: 'import', name: 'f', wit }))
  return JSON.parse(native.typedFunctions(bytes))[0].function
}

/** The core types of a function: of its parameters, of a result that is one flat value, and whether it has a return area. */
function core({ parameters, result }: FunctionOf) {
  const flat = parameters.flatMap(({ type }) => type.flat ?? Array<string>(17).fill('i32'))
  const own = flat.length > 16 ? ['i32'] : flat
  const area = result !== null && result.flat?.length !== 1
  return { own, area, result: result === null || area ? [] : result.flat! }
}

const list = (word: string, types: string[]) => (types.length === 0 ? '' : `(${word} ${types.join(' ')})`)

export interface Forwarding {
  /** Text besides, or instead of the function that allocates */
  more?: string
  realloc?: string
  slot?: string
}

export const bump = `(global $top (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $top (i32.add (local.get $at) (local.get $new)))
    (if (i32.gt_u (global.get $top) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.div_u (local.get $new) (i32.const 65536)) (i32.const 16))))))
    (memory.copy (local.get $at) (local.get $old) (local.get $size))
    (local.get $at))`

/**
 * A guest whose export `run` calls its slot `t::run` with its own arguments, and returns what that returns. The original of the
 * slot traps. `wit` is an interface with the function `run`; freed results are counted by the export `freed`.
 */
export async function forwarder(wit: string, { more = '', realloc = bump, slot = 't::run' }: Forwarding = {}) {
  const { own, area, result } = core(await described(wit))
  const lowered = `${list('param', area ? [...own, 'i32'] : own)} ${list('result', result)}`
  const lifted = `${list('param', own)} ${list('result', area ? ['i32'] : result)}`
  const given = own.map((_, index) => `(local.get ${index})`).join(' ')
  const text = `(module
    (import "relink" "${slot}" (func $slot ${lowered}))
    (memory (export "memory") 1)
    ${realloc}
    (global $freed (mut i32) (i32.const 0))
    (func (export "relink:${slot}") ${lowered} unreachable)
    (func (export "relink:lifted:${slot}") ${lifted} unreachable)
    (func (export "run") ${lifted} (call $slot ${given} ${area ? '(i32.const 64)' : ''}) ${area ? '(i32.const 64)' : ''})
    (func (export "freed") (result i32) (global.get $freed))
    (func (export "cabi_post_run") ${list('param', area ? ['i32'] : result)}
      (global.set $freed (i32.add (global.get $freed) (i32.const 1))))
    ${more})`
  const records = record({ kind: 'slot', name: slot, wit }) + record({ kind: 'export', name: 'run', wit })
  return withSection(await wat(text), 'relink', records)
}

/** Calls a typed function so often that its calls cross to wasm once from then on. */
export function callOften(run: () => unknown) {
  for (let call = 0; call <= 1000; call++) run()
}
