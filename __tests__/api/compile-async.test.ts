import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  CompileError,
  Instance,
  LinkError,
  Memory,
  Module,
  RuntimeError,
  Store,
  compile,
  instantiate,
  load,
} from '../..'
import { compilers, guest, guestPath, rejectionOf, wat } from '../support'

/** A number in LEB128, always in five bytes. */
function padded(value: number): number[] {
  return [0, 1, 2, 3, 4].map((i) => (Math.floor(value / 128 ** i) % 128) + (i < 4 ? 128 : 0))
}

/** A section: its id, its length, its contents. */
const section = (id: number, content: Buffer) => Buffer.concat([Buffer.from([id, ...padded(content.length)]), content])

/** A module of at least this many bytes, in functions of ten kilobytes; exports the first as `f`. */
function large(size: number): Uint8Array<ArrayBuffer> {
  // local.get 0; then repeatedly: i32.const 1; i32.add
  const code = Buffer.concat([
    Buffer.from([0, 0x20, 0]),
    Buffer.alloc(10_000, Buffer.from([0x41, 1, 0x6a, 0x41, 1, 0x73, 0x41, 3, 0x6c])).subarray(0, 9_999),
    Buffer.from([0x0b]),
  ])
  const body = Buffer.concat([Buffer.from(padded(code.length)), code])
  const count = Math.ceil(size / body.length)
  return new Uint8Array(
    Buffer.concat([
      Buffer.from([0, 97, 115, 109, 1, 0, 0, 0]),
      section(1, Buffer.from([1, 0x60, 1, 0x7f, 1, 0x7f])),
      section(3, Buffer.concat([Buffer.from(padded(count)), Buffer.alloc(count)])),
      section(7, Buffer.from([1, 1, 102, 0, 0])),
      section(10, Buffer.concat([Buffer.from(padded(count)), ...Array.from({ length: count }, () => body)])),
    ]),
  )
}

describe.each(compilers)('compile (%s)', (compiler) => {
  test('the event loop turns while a module of 10 MB compiles', async () => {
    const bytes = large(10 * 1024 * 1024)
    let ticks = 0
    let done = false
    const turn = () => {
      ticks++
      if (!done) setImmediate(turn)
    }
    const compiling = compile(bytes, { compiler })
    // The bytes were copied, so changing them now has no effect.
    bytes.fill(0)
    setImmediate(turn)
    const module = await compiling
    done = true
    // A compile on this thread would leave time for one or two turns.
    expect(ticks).toBeGreaterThan(10)
    expect(new Instance(module).exports.f(0)).toEqual(expect.any(Number))
  })

  test('many at once', async () => {
    const bytes = await wat('(module (func (export "f") (result i32) i32.const 42))')
    const modules = await Promise.all(Array.from({ length: 20 }, () => compile(bytes, { compiler })))
    expect(modules.map((module) => new Instance(module).exports.f())).toEqual(Array(20).fill(42))
  })

  test('rejects with the error that the constructor throws', async () => {
    const error = await rejectionOf(compile(new Uint8Array([1, 2, 3]), { compiler }))
    expect(error).toBeInstanceOf(CompileError)
    expect(error).toMatchObject({ code: 'ERR_RELINK_INVALID_WASM' })
  })
})

test('wrong arguments reject, and do not throw', async () => {
  for (const call of [
    () => compile('text' as never),
    () => compile(new Uint8Array(), { compilr: 1 } as never),
    () => instantiate(5 as never),
    () => instantiate(new Uint8Array(), 5 as never),
    () => load(5 as never),
    () => load({} as never),
  ]) {
    expect(await rejectionOf(call())).toBeInstanceOf(TypeError)
  }
})

describe('instantiate', () => {
  const TEXT = '(module (import "env" "f" (func $f (result i32))) (func (export "run") (result i32) call $f))'

  test('of bytes gives both', async () => {
    const { module, instance } = await instantiate(await wat(TEXT), { env: { f: () => 3 } })
    expect(module).toBeInstanceOf(Module)
    expect(instance).toBeInstanceOf(Instance)
    expect(instance.exports.run()).toBe(3)
  })

  test('of a Module gives an Instance', async () => {
    const store = new Store()
    const module = await compile(await wat(TEXT))
    const instance = await instantiate(module, { env: { f: () => 4 } }, { store })
    expect(instance).toBeInstanceOf(Instance)
    expect(instance.exports.run()).toBe(4)
  })

  test('rejects when the imports do not fit', async () => {
    expect(await rejectionOf(instantiate(await wat(TEXT), { env: {} as never }))).toBeInstanceOf(LinkError)
    expect(await rejectionOf(instantiate(await wat(TEXT)))).toBeInstanceOf(TypeError)
  })

  test('its promises are those of this realm', async () => {
    expect(compile(await wat('(module)'))).toBeInstanceOf(Promise)
    expect(instantiate(await wat('(module)'))).toBeInstanceOf(Promise)
  })
})

describe('load', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-relink-'))
  const file = (name: string, content: Uint8Array | string) => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  afterAll(() => rmSync(folder, { recursive: true }))

  test('takes a path, and a URL as object and as text', async () => {
    const path = guestPath('scalars')
    for (const source of [path, pathToFileURL(path), pathToFileURL(path).href]) {
      const { exports } = await load(source)
      expect(exports.call_i32(1)).toBe(2)
    }
    const strange = file('100% of #1.wasm', guest('scalars'))
    expect((await load(pathToFileURL(strange))).exports.call_i32(1)).toBe(2)
  })

  test('a missing file is Node’s own error', async () => {
    const error = await rejectionOf(load(join(folder, 'missing.wasm')))
    expect(error).toMatchObject({ code: 'ENOENT', message: expect.stringContaining('missing.wasm') })
  })

  test('other errors name the file', async () => {
    const broken = file('broken.wasm', 'not wasm')
    const compiling = await rejectionOf(load(broken))
    expect(compiling).toBeInstanceOf(CompileError)
    expect(compiling).toMatchObject({ code: 'ERR_RELINK_INVALID_WASM', file: broken })
    expect(compiling.message.startsWith(`${broken}: `)).toBe(true)
    expect(compiling.stack).toContain(`CompileError: ${broken}: `)
    const needy = file('needy.wasm', await wat('(module (import "env" "f" (func)))'))
    const linking = await rejectionOf(load(needy, { env: { f: 5 } }))
    expect(linking).toBeInstanceOf(LinkError)
    expect(linking).toMatchObject({ code: 'ERR_RELINK_IMPORT', module: 'env', field: 'f', file: needy })
    const trapping = file('trapping.wasm', await wat('(module (func $boom unreachable) (start $boom))'))
    const running = await rejectionOf(load(trapping))
    expect(running).toBeInstanceOf(RuntimeError)
    expect(running).toMatchObject({ code: 'ERR_RELINK_TRAP', file: trapping })
    expect(running.stack).toMatch(/^RuntimeError: .*trapping\.wasm: unreachable\n {4}at boom /)
  })

  test('also argument errors about its imports', async () => {
    const needy = file('needs.wasm', await wat('(module (import "env" "f" (func)))'))
    for (const imports of [undefined, {}, { env: 5 }]) {
      const error = await rejectionOf(load(needy, imports as never))
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', file: needy })
      expect(error.message.startsWith(`${needy}: expected an object as \`imports`)).toBe(true)
      expect(error.stack).toContain(`TypeError: ${needy}: `)
    }
    const memory = file('memory.wasm', await wat('(module (import "env" "m" (memory 1)))'))
    const m = new Memory({ initial: 1 }, { store: new Store() })
    expect(await rejectionOf(load(memory, { env: { m } }))).toMatchObject({ code: 'ERR_RELINK_STORE', file: memory })
    // An error that is not about the file does not name it.
    for (const error of [await rejectionOf(load(needy, 5 as never)), await rejectionOf(load(needy, {}, 5 as never))]) {
      expect(error).toMatchObject({ name: 'TypeError', message: expect.stringMatching(/^expected an object as/) })
      expect(error).not.toHaveProperty('file')
    }
  })

  test('but not an error that a getter of the imports throws', async () => {
    const needy = file('getter.wasm', await wat('(module (import "env" "f" (func)))'))
    const own = new LinkError('mine')
    const imports = {
      get env(): never {
        throw own
      },
    }
    expect(await rejectionOf(load(needy, imports))).toBe(own)
    expect([own.message, own.file]).toEqual(['mine', undefined])
  })

  test('but not an error that an import throws', async () => {
    const path = file('start.wasm', await wat('(module (import "env" "f" (func $f)) (start $f))'))
    const own = new TypeError('mine')
    const fail = () => {
      throw own
    }
    expect(await rejectionOf(load(path, { env: { f: fail } }))).toBe(own)
    expect(own.message).toBe('mine')
  })
})
