// The input of a session: a module, arguments for its functions, and values for its imports.
import type { ModuleReport } from '../..'

export interface Scenario {
  bytes: Uint8Array<ArrayBuffer>
  report: ModuleReport
  helpers: Helpers
  /** ArgumentSet by type; each function is called once for each set */
  argumentSets?: ArgumentSet[]
  /** Whether JavaScript grows tables; true by default */
  grows?: boolean
  /** The name of the export that is the guest's stack pointer */
  stackPointer?: string
}

/** Modules with exports that JavaScript cannot make. */
export interface Helpers {
  references: Uint8Array<ArrayBuffer>
  vectors: Uint8Array<ArrayBuffer>
}

export const helperTexts = {
  references: `(module
    (func (export "nothing"))
    (func (export "number") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func (export "long") (result i64) (i64.const 5))
    (global (export "global funcref") funcref (ref.null func))
    (global (export "global mut funcref") (mut funcref) (ref.null func))
    (global (export "global externref") externref (ref.null extern))
    (global (export "global mut externref") (mut externref) (ref.null extern)))`,
  vectors: `(module
    (global (export "global v128") v128 (v128.const i32x4 1 2 3 4))
    (global (export "global mut v128") (mut v128) (v128.const i32x4 5 6 7 8)))`,
}

export type ArgumentSet = Record<'i32' | 'i64' | 'f32' | 'f64' | 'funcref', unknown>

export const hostile: ArgumentSet[] = [
  { i32: 0, i64: 0n, f32: 0, f64: 0, funcref: null },
  { i32: 7, i64: 7n, f32: 1.5, f64: -2.25, funcref: null },
  { i32: -1, i64: -(2n ** 63n), f32: -0, f64: Infinity, funcref: null },
  { i32: 0x7fff_ffff, i64: 0x1_0000_0001n, f32: 3e38, f64: NaN, funcref: null },
]

/** Small arguments, for code that takes long with large numbers. */
export const gentle: ArgumentSet[] = [0, 1, 7].map((value) => ({
  i32: value,
  i64: BigInt(value),
  f32: value,
  f64: value + 0.5,
  funcref: null,
}))

/** Whether all engines convert values of these types to JavaScript. */
export const visible = (types: string[]) =>
  !types.some((type) => ['externref', 'v128', 'exnref', 'shared'].includes(type))

/** Parses a function type like `func (i32, i64) -> f32`. */
export function functionType(words: string) {
  const [, parameters, results = ''] = /^func \((.*?)\)(?: -> (.*))?$/.exec(words)!
  const list = (text: string) => text.replace(/[()]/g, '').split(', ').filter(Boolean)
  return { parameters: list(parameters!), results: list(results) }
}

/** Parses the limits of a type like `memory 1..4` or `table funcref 2..2`. */
export function limits(words: string): { initial: number; maximum?: number } {
  const [, initial, maximum] = /(\d+)\.\.(\d*)$/.exec(words)!
  return maximum ? { initial: Number(initial), maximum: Number(maximum) } : { initial: Number(initial) }
}

/** A module that exports a table of externref with these limits, below 128. */
export function externrefs({ initial, maximum }: ReturnType<typeof limits>): Uint8Array<ArrayBuffer> {
  const type = maximum === undefined ? [0x6f, 0, initial] : [0x6f, 1, initial, maximum]
  const section = (id: number, content: number[]) => [id, content.length, ...content]
  const name = [...Buffer.from('table')]
  const header = [...Buffer.from('\0asm'), 1, 0, 0, 0]
  return Uint8Array.from([...header, ...section(4, [1, ...type]), ...section(7, [1, name.length, ...name, 1, 0])])
}

/** A pseudo-random number from a seed. */
export function mixed(seed: number): number {
  let value = Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35)
  return (value ^ (value >>> 16)) >>> 0
}
