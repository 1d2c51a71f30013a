// Deadlines: each thread that loops in WebAssembly runs in a process of its own, which is killed if it does not end.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Instance, Module, Store, WebAssembly as ours, load, withTimeout } from '../..'
import { compilers, guestPath, root, thrownBy, wat } from '../support'

const PROGRAM = join(root, '__tests__', 'support', 'interruption.cjs')

const available = process.platform === 'linux' && process.arch === 'x64'
const where = available ? describe : describe.skip

const ended = (timeout: number) => `ERR_RELINK_TIMEOUT ${timeout}`

/** The lines of the program: the error of each endless call, and the result of a later call of the same instance. */
const EXPECTED = [
  ...['spin', 'calculate', 'callJs', 'fill', 'copy', 'grow', 'fillTable', 'reference', 'recurse', 'map'].map(
    (name) => `${name}: ${ended(20)}: 7`,
  ),
  `start: ${ended(20)}`,
  `of an instance: ${ended(15)}: 7`,
  `start of an instance: ${ended(15)}`,
  `the shorter: ${ended(5)}`,
  `the shorter of the store: ${ended(20)}`,
  `withTimeout: ${ended(10)}: 7`,
  'its result: 7',
  `an instance: ${ended(10)}`,
  `a bridge: ${ended(10)}: 7`,
  `a link: ${ended(10)}: 7`,
  `a link: ${ended(10)}: 7`,
  `JavaScript in between: ${ended(10)}: begin,end`,
  `JavaScript around it: ${ended(10)}`,
  `caught in between: ${ended(10)}: 7`,
  `nested: ${ended(10)}: ${ended(10)}`,
  `after an inner one: ${ended(10)},7`,
  'an error of the block: true',
  'the stack: true',
  `a long fill: ${ended(10)}`,
  `a long copy: ${ended(10)}`,
  'a long fill out of bounds: ERR_RELINK_TRAP: 0',
  `a wait: ${ended(10)}`,
  `before the tier-up: ${ended(20)}: 7`,
  `after the tier-up: ${ended(20)}: 7`,
]

where.each(compilers)('code of %s that does not end', (compiler) => {
  test.each(['main', 'worker'])('ends at its deadline in the %s thread', (thread) => {
    const how = { encoding: 'utf8', timeout: 50_000 } as const
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, compiler, thread], how)
    expect(stdout.trim().split('\n')).toEqual(EXPECTED)
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  })
})

where.each(compilers)('short instructions of %s that call the host', (compiler) => {
  test('end in a loop, at a deadline and with their worker', () => {
    const program = join(root, '__tests__', 'support', 'short-instructions.cjs')
    const how = { encoding: 'utf8', timeout: 50_000 } as const
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program, compiler], how)
    const memory = ['fill one', 'fill', 'copy', 'init', 'size', 'grow']
    const tables = ['fill', 'size', 'get', 'set'].map((name) => `table.${name}`)
    const names = [...memory, ...tables, 'own table.get', 'own table.set', 'table.grow']
    const terminated = ['fill', 'table.fill', 'table.size'].map((name) => `${name} 1`)
    expect(stdout.trim().split('\n')).toEqual([...names.map((name) => `${name} ERR_RELINK_TIMEOUT`), ...terminated])
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  })
})

where('the option timeout', () => {
  const seven = () => wat('(module (func (export "seven") (result i32) i32.const 7))')

  test('changes nothing for calls that end', async () => {
    const module = new Module(await seven())
    const { exports } = new Instance(module, {}, { store: new Store({ timeout: 60_000 }), timeout: 30_000 })
    expect(exports.seven()).toBe(7)
    expect(exports.seven.map({ into: new Int32Array(2) })).toEqual(Int32Array.of(7, 7))
    const { instance } = await ours.instantiate(await seven(), {}, { timeout: 60_000 })
    expect((instance.exports.seven as () => number)()).toBe(7)
    const plugin = await load(guestPath('pricing'), {}, { timeout: 60_000 })
    expect(plugin.closed).toBe(false)
  })

  test.each([0, -1, Number.NaN, Infinity])('%d is out of range', async (timeout) => {
    const code = 'ERR_OUT_OF_RANGE'
    const module = new Module(await seven())
    expect(thrownBy(() => new Store({ timeout }))).toMatchObject({ name: 'RangeError', code })
    expect(thrownBy(() => new Instance(module, {}, { timeout }))).toMatchObject({ code })
    await expect(ours.instantiate(module, {}, { timeout })).rejects.toMatchObject({ code })
    expect(thrownBy(() => withTimeout(timeout, () => 1))).toMatchObject({ code })
  })

  test.each(['5', null, {}, 5n])('%p is no number', async (timeout: any) => {
    const code = 'ERR_INVALID_ARG_TYPE'
    expect(thrownBy(() => new Store({ timeout }))).toMatchObject({ name: 'TypeError', code })
    await expect(load(guestPath('pricing'), {}, { timeout })).rejects.toMatchObject({ code })
    expect(thrownBy(() => withTimeout(timeout, () => 1))).toMatchObject({ code })
  })

  test('withTimeout takes a function', () => {
    expect(thrownBy(() => withTimeout(5, 'f' as any))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(withTimeout(60_000, () => 'its result')).toBe('its result')
  })
})

;(available ? describe.skip : describe)('a platform without interruption', () => {
  test('refuses a timeout', () => {
    const code = 'ERR_RELINK_UNSUPPORTED'
    expect(thrownBy(() => new Store({ timeout: 5 }))).toMatchObject({ name: 'TypeError', code })
    expect(thrownBy(() => withTimeout(5, () => 1))).toMatchObject({ name: 'TypeError', code })
  })
})
