// Helpers for all tests: modules from text and from the built guests, and errors as values.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import loadWabt from 'wabt'
import { type CompileOptions, Instance, type Imports, Module, type StoreOptions } from '../..'

export const root = join(__dirname, '..', '..')

/** Both of the compilers, for `describe.each`. */
export const compilers = ['cranelift', 'singlepass'] as const

const wabt = loadWabt()

/** A module from its text; `more` are proposals that wabt accepts only on request. */
export async function wat(text: string, more: Record<string, boolean> = {}): Promise<Uint8Array<ArrayBuffer>> {
  const features = {
    mutable_globals: true,
    multi_value: true,
    bulk_memory: true,
    reference_types: true,
    sign_extension: true,
    sat_float_to_int: true,
    tail_call: true,
    ...more,
  }
  const parsed = (await wabt).parseWat('test.wat', text, features)
  try {
    parsed.resolveNames()
    // @ts-expect-error: its typings lack the parameter
    parsed.validate(features)
    return new Uint8Array(parsed.toBinary({ write_debug_names: true }).buffer)
  } finally {
    parsed.destroy()
  }
}

/** A number in LEB128. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...leb(Math.floor(value / 128))]
}

/** A module with a custom section at its end. */
export function withSection(bytes: Uint8Array, name: string, content: string): Uint8Array<ArrayBuffer> {
  const [title, payload] = [Buffer.from(name), Buffer.from(content)]
  const body = [...leb(title.length), ...title, ...payload]
  return Uint8Array.from([...bytes, 0, ...leb(body.length), ...body])
}

/** The expansion of `#[relinkable] fn name(x: type) -> type { x + step }`, and an export `call` that calls it. */
export interface DeclaredFunction {
  name: string
  call: string
  step: number
  type?: 'i32' | 'u32' | 'i64'
}

/** A module with declared slots, as the guest crate would make it; the imports are exported as `slot:<call>` too. */
export async function declaring(...slots: DeclaredFunction[]): Promise<Uint8Array<ArrayBuffer>> {
  const each = (line: (slot: DeclaredFunction, wasmType: string) => string) =>
    slots.map((slot) => line(slot, slot.type === 'i64' ? 'i64' : 'i32')).join('\n')
  const bytes = await wat(`(module
    ${each(({ name, call }, type) => `(import "relink" "${name}" (func $${call} (param ${type}) (result ${type})))`)}
    ${each(
      ({ name, call, step }, type) => `
      (func (export "relink:${name}") (param ${type}) (result ${type})
        (${type}.add (local.get 0) (${type}.const ${step})))
      (func (export "${call}") (param ${type}) (result ${type}) (call $${call} (local.get 0)))
      (export "slot:${call}" (func $${call}))`,
    )})`)
  const records = slots.map(({ name, type: rust = 'i32' }) =>
    JSON.stringify({
      name,
      signature: `(x: ${rust}) -> ${rust}`,
      types: { parameters: [rust], results: [rust] },
      version: 1,
    }),
  )
  return withSection(bytes, 'relink', records.map((record) => `${record}\n`).join(''))
}

/** An instance of a module in text format. */
export async function instanceOf(
  text: string,
  imports?: Imports,
  { compiler, slots, store }: CompileOptions & StoreOptions = {},
): Promise<Instance> {
  return new Instance(new Module(await wat(text), { compiler, slots }), imports, { store })
}

/** The path of a guest that is built from Rust: `guestPath('plugin')`. */
export function guestPath(name: string): string {
  return join(root, 'fixtures', 'target', 'modules', `${name}.wasm`)
}

/** The bytes of a guest that is built from Rust. */
export function guest(name: string): Uint8Array<ArrayBuffer> {
  const path = guestPath(name)
  if (!existsSync(path)) throw new Error(`the guest ${name} is not built: run \`npm run setup\``)
  return new Uint8Array(readFileSync(path))
}

type ThrownError = Error & Record<string, any>

/** The value that `run` throws. */
export function thrownBy(run: () => unknown): ThrownError {
  try {
    run()
  } catch (error) {
    return error as ThrownError
  }
  throw new Error('expected a throw, and there was none')
}

/** The value that a promise rejects with. */
export function rejectionOf(promise: Promise<unknown>): Promise<ThrownError> {
  return promise.then(
    () => {
      throw new Error('expected a rejection, and there was none')
    },
    (error) => error as ThrownError,
  )
}

/**
 * An expression for a program in a process of its own: the most memory that it has had, in KiB. On Linux, `maxRSS` of a new
 * process starts at its parent's peak; the kernel's own figure does not.
 */
export const PEAK =
  process.platform === 'linux'
    ? `Number(/VmHWM:\\s+(\\d+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1])`
    : 'process.resourceUsage().maxRSS'
