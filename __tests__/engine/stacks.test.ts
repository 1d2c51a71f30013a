// The call stack of WebAssembly: code of any kind that reaches its end traps. The store's option `stackSize` sets its size.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Instance, Module, Store, validate } from '../..'
import { compilers, instanceOf, root, thrownBy, wat } from '../support'

/** The output of a program that must succeed; `limits` are options of `ulimit`. */
function says(program: string, input: unknown, limits = ''): any {
  const path = join(root, '__tests__', 'support', program)
  const command = `${limits && `ulimit ${limits} && `}exec "$0" "$1"`
  const { status, signal, stdout, stderr } = spawnSync('sh', ['-c', command, process.execPath, path], {
    input: JSON.stringify(input),
    encoding: 'utf8',
  })
  expect([status, signal, stderr]).toEqual([0, null, ''])
  return JSON.parse(stdout)
}

const base64 = async (text: string) => Buffer.from(await wat(text)).toString('base64')
const many = (count: number, what: string) => `${what} `.repeat(count)

/** A recursive function, and one that calls `$shape` at its end; `definition` defines `$shape`. */
const shaped = (definition: string, call = 'call $shape') => `(module
  (type $big (func (param ${many(300, 'i64')})))
  ${definition}
  (table (export "table") 2 funcref)
  (memory (export "memory") 1)
  (func $shallow (export "shallow") (param i32)
    local.get 0 if local.get 0 i32.const 1 i32.sub call $shallow end)
  (func $deep (export "deep") (param i32)
    local.get 0 if local.get 0 i32.const 1 i32.sub call $deep else ${call} end))`

const consts = (count: number) => many(count, 'i64.const 1')
const drops = (count: number) => many(count, 'drop')

/** Functions with large frames of each kind, and host code that runs on the stack of WebAssembly. */
const shapes: Record<string, string> = {
  ...Object.fromEntries(
    [100, 511, 512, 600, 3000, 49_000].map((count) => [
      `${count} locals`,
      shaped(`(func $shape (local ${many(count, 'i64')}))`),
    ]),
  ),
  '520 parameters': shaped(`(func $shape (param ${many(520, 'i64')}))`, `${consts(520)} call $shape`),
  '900 parameters, 600 locals': shaped(
    `(func $shape (param ${many(900, 'i64')}) (local ${many(600, 'f64')}))`,
    `${consts(900)} call $shape`,
  ),
  '480 results': shaped(`(func $shape (result ${many(480, 'i64')}) ${consts(480)})`, `call $shape ${drops(480)}`),
  'an import of 260 parameters': shaped(
    `(import "env" "f" (func $shape (param ${many(260, 'i64')})))`,
    `${consts(260)} call $shape`,
  ),
  'an indirect call with 300 parameters': shaped(
    `(func $shape (param ${many(300, 'i64')})) (elem (i32.const 1) $shape)`,
    `${consts(300)} i32.const 1 call_indirect (type $big)`,
  ),
  '2000 operands': shaped(
    `(func $leaf) (func $shape (param i64) ${many(2000, 'local.get 0')} call $leaf ${drops(2000)})`,
    'i64.const 7 call $shape',
  ),
  '40 blocks of 300 results': shaped(
    `(func $leaf)
     (func $shape ${many(40, `block (result ${many(300, 'i64')})`)} call $leaf ${consts(300)} ${many(40, 'end')}
       ${drops(300)})`,
  ),
  'an entry beyond a table': shaped('(func $shape i32.const 99 table.get 0 drop)'),
  'a fill beyond a memory': shaped('(func $shape i32.const -1 i32.const 0 i32.const 99 memory.fill)'),
  'a memory that grows': shaped('(func $shape i32.const 0 memory.grow drop)'),
}

/** Outcomes that are allowed besides `stack-overflow`. */
const others: Record<string, string> = {
  'an entry beyond a table': 'table-out-of-bounds',
  'a fill beyond a memory': 'memory-out-of-bounds',
}

test.each([...compilers, 'auto'])('every end of the stack is a trap (%s)', async (compiler) => {
  // Some pages of the smallest frames: the engine's traps are slow at this depth.
  const last = (name: string) => (name in others ? 30 : 300)
  const encoded = await Promise.all(
    Object.entries(shapes).map(async ([name, text]) => [name, [await base64(text), last(name)]]),
  )
  const threads = says('stack-ends.cjs', { compiler, shapes: Object.fromEntries(encoded) })
  for (const shape of Object.keys(shapes)) {
    for (const outcomes of threads.map((thread: Record<string, object>) => thread[shape])) {
      const may = ['ok', 'stack-overflow', others[shape] ?? 'stack-overflow']
      expect([shape, Object.keys(outcomes).filter((outcome) => !may.includes(outcome))]).toEqual([shape, []])
      expect(outcomes).toHaveProperty('stack-overflow')
    }
  }
})

test('a function whose frame could step over the guard is refused by name, and Cranelift accepts it', async () => {
  const deep = `(func $leaf) (func $far (export "far") (param i64) (result i64)
    ${many(120_000, 'local.get 0 i64.const 1 i64.add')} call $leaf ${many(119_999, 'i64.add')})`
  const bytes = await wat(`(module (import "env" "f" (func)) ${deep})`)
  expect(thrownBy(() => new Module(bytes, { compiler: 'singlepass' }))).toMatchObject({
    name: 'CompileError',
    code: 'ERR_RELINK_COMPILE',
    message: expect.stringMatching(
      /^function 2, "far", needs 9\d{5} bytes of call stack in code of singlepass, which supports at most 786432: /,
    ),
  })
  expect(validate(bytes, { compiler: 'singlepass' })).toBe(false)
  for (const compiler of ['cranelift', 'auto'] as const) {
    expect(validate(bytes, { compiler })).toBe(true)
    expect(new Instance(new Module(bytes, { compiler }), { env: { f() {} } }).exports.far(1n)).toBe(240_000n)
  }
})

describe('functions of two compilers that call each other', () => {
  // g(n) = n ? f(n - 1) : 0
  const text = `(module (import "m" "f" (func $f (param i32) (result i32)))
    (func (export "g") (param i32) (result i32)
      local.get 0 if (result i32) local.get 0 i32.const 1 i32.sub call $f else i32.const 0 end))`

  test.each([
    ['on the main thread', 'main', '', 2000],
    ['where it has little stack', 'main', '-s 1500', 100],
    ['where its stack has no limit', 'main', '-s unlimited', 400],
    ['in a worker', {}, '', 100],
    ['in one with a small stack', { stackSizeMb: 1 }, '', 50],
    ['in one with a very small stack', { stackSizeMb: 0.5 }, '', 10],
  ])('end in a trap %s', async (_, where, limits, least) => {
    const depths = says('stack-borders.cjs', { bytes: await base64(text), in: where }, limits)
    expect(depths.map(([, trap]: [number, string]) => trap)).toEqual(Array(3).fill('stack-overflow'))
    expect(depths[0][0]).toBeGreaterThan(least)
  })
})

describe('without room for a call stack', () => {
  test('an error is thrown, and nothing is written', async () => {
    const program = `
      const { Instance, Module, Store } = require('.')
      const bytes = Buffer.from(require('fs').readFileSync(0, 'utf8'), 'base64')
      const store = new Store({ stackSize: 64 << 20 })
      let depth = 0
      const imports = { m: { f: () => { depth++; return again() } } }
      const again = new Instance(new Module(bytes), imports, { store }).exports.g
      const codes = [1, 2].map(() => { try { again(1) } catch (error) { return [error.name, error.code, depth > 5] } })
      console.log(JSON.stringify(codes))`
    const command = 'ulimit -v 4000000 && exec "$0" -e "$1"'
    const g = '(module (import "m" "f" (func $f (param i32))) (func (export "g") (param i32) local.get 0 call $f))'
    const options = { cwd: root, input: await base64(g), encoding: 'utf8' as const }
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command, process.execPath, program], options)
    expect([status, stderr]).toEqual([0, ''])
    const refused = ['RangeError', 'ERR_RELINK_MEMORY', true]
    expect(JSON.parse(stdout)).toEqual([refused, refused])
  })
})

describe.each(compilers)('the option stackSize (%s)', (compiler) => {
  const text = `(module (import "env" "f" (func $f))
    (func $down (export "down") (param i32) local.get 0 if local.get 0 i32.const 1 i32.sub call $down else call $f end))`

  /** The depth that a recursion reaches in a store. */
  async function reach(store?: Store) {
    const { down } = (await instanceOf(text, { env: { f() {} } }, { compiler, store })).exports
    let [low, high] = [1, 1 << 23]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      try {
        down(middle)
        low = middle
      } catch (error) {
        if ((error as { trap?: string }).trap !== 'stack-overflow') throw error
        high = middle
      }
    }
    return low
  }

  test('sets the depth of recursion, whatever other stores have', async () => {
    const standard = await reach()
    const sizes = [64, 512, 1024, 4096, 256].map((kilobytes) => kilobytes * 1024)
    for (const stackSize of sizes) {
      const share = (await reach(new Store({ stackSize }))) / standard
      expect(Math.abs(share / (stackSize / 2 ** 20) - 1)).toBeLessThan(0.02)
    }
    expect(await reach()).toBe(standard)
  })

  test('holds for calls within calls of other stores', async () => {
    const small = new Store({ stackSize: 64 * 1024 })
    const within = await reach(small)
    const { down } = (await instanceOf(text, { env: { f() {} } }, { compiler, store: small })).exports
    const outcomes: unknown[] = []
    const f = () => {
      // The start of a call takes some of the stack.
      for (const depth of [0.9, 1.1].map((share) => Math.floor(share * within))) {
        try {
          outcomes.push(down(depth))
        } catch (error) {
          outcomes.push((error as { trap?: string }).trap)
        }
      }
    }
    const outer = await instanceOf(text, { env: { f } }, { compiler, store: new Store({ stackSize: 2 ** 21 }) })
    outer.exports.down(10)
    outer.exports.down(10)
    expect(outcomes).toEqual([undefined, 'stack-overflow', undefined, 'stack-overflow'])
  })

  test('holds for the start function', async () => {
    const starting = (depth: number) => `(module
      (func $down (param i32) local.get 0 if local.get 0 i32.const 1 i32.sub call $down end)
      (func $start i32.const ${depth} call $down) (start $start))`
    const depth = 2 * (await reach())
    const start = async (store: Store) => instanceOf(starting(depth), {}, { compiler, store })
    await start(new Store({ stackSize: 4 << 20 }))
    await expect(start(new Store())).rejects.toMatchObject({ trap: 'stack-overflow' })
  })
})

describe('the options of a store', () => {
  test.each([
    [
      { stackSize: '1' },
      'TypeError',
      'ERR_INVALID_ARG_TYPE',
      "expected a number of bytes as `options.stackSize`, got '1'",
    ],
    [{ stackSize: 2 ** 30 }, 'RangeError', 'ERR_OUT_OF_RANGE', /^expected an integer from 65536 to 67108864 as/],
    [{ stackSize: 65_535 }, 'RangeError', 'ERR_OUT_OF_RANGE', /, got 65535$/],
    [{ stackSize: 2 ** 20 + 0.5 }, 'RangeError', 'ERR_OUT_OF_RANGE', /, got 1048576.5$/],
    [{ stackSize: NaN }, 'RangeError', 'ERR_OUT_OF_RANGE', /, got NaN$/],
    [{ stacksize: 1 }, 'TypeError', 'ERR_INVALID_ARG_VALUE', 'unknown option `stacksize`, did you mean `stackSize`?'],
    [7, 'TypeError', 'ERR_INVALID_ARG_TYPE', 'expected an object as `options`, got 7'],
  ])('%j are refused', (options, name, code, message) => {
    const thrown = thrownBy(() => new Store(options as object))
    expect(thrown).toMatchObject({ name, code })
    expect(thrown.message).toMatch(message)
  })

  test('may be missing', () => {
    for (const store of [new Store(), new Store({}), new Store(undefined), new Store({ stackSize: undefined })]) {
      expect(store.closed).toBe(false)
    }
    expect(Store).toHaveLength(0)
  })
})
