// The specification's own tests of what the engine lacks, and the load-time pass adds (fixtures/spec).
import { Instance, Module, type SlotSelection, validate } from '../..'
import { compilers, thrownBy } from '../support'
import { type Command, readScript } from '../support/wast'

const scripts = ['return_call.wast', 'return_call_indirect.wast']
const selections: SlotSelection[] = ['none', 'all']
const imports = { spectest: { print_i32_f32() {} } }
const ways = compilers.flatMap((compiler) => selections.map((slots) => ({ compiler, slots })))

/** Runs a command. The result is true if it does what the specification says. */
function holds(command: Command, exports: Record<string, any>): boolean {
  if (command.kind === 'module') return validate(command.bytes)
  if (command.kind === 'invalid') return !validate(command.bytes) && !WebAssembly.validate(command.bytes)
  const { name, args } = command.call
  if (command.kind === 'traps') {
    return /^(signature-mismatch|table-out-of-bounds)$/.test(thrownBy(() => exports[name](...args)).trap)
  }
  const results = [exports[name](...args)].flat().filter((result) => result !== undefined)
  return results.length === command.results.length && results.every((each, at) => Object.is(each, command.results[at]))
}

describe.each(scripts)('%s', (name) => {
  test.each(ways)('holds on $compiler with slots $slots', async (options) => {
    const commands = await readScript(name)
    let exports: Record<string, any> = {}
    const failed: number[] = []
    for (const command of commands) {
      if (!holds(command, exports)) failed.push(command.line)
      if (command.kind === 'module') exports = new Instance(new Module(command.bytes, options), imports).exports
    }
    expect(failed).toEqual([])
    expect(commands.filter(({ kind }) => kind === 'returns').length).toBeGreaterThan(30)
    expect(commands.filter(({ kind }) => kind === 'invalid').length).toBeGreaterThan(8)
  })
})
