import { CompileError, Instance, Module, Store, validate, WebAssembly } from '../..'
import { compilers, guest, thrownBy, wat, withSection } from '../support'

const TEXT = `(module
  (import "env" "log" (func (param i32)))
  (import "env" "limit" (global i32))
  (import "sys" "memory" (memory 1))
  (table (export "table") 2 funcref)
  (global (export "version") i32 (i32.const 7))
  (func (export "run") (result i32) i32.const 1)
  (func (export "also run") (result i32) i32.const 2)
  (export "memory" (memory 0)))`

describe.each(compilers)('new Module (%s)', (compiler) => {
  test('takes an ArrayBuffer, a SharedArrayBuffer, and any view', async () => {
    const bytes = await wat('(module (func (export "f") (result i32) i32.const 42))')
    const even = new Uint8Array(bytes.length + (bytes.length % 2) + 8)
    const shared = new SharedArrayBuffer(bytes.length)
    new Uint8Array(shared).set(bytes)
    even.set(bytes, 8)
    const sources = [
      bytes,
      bytes.buffer.slice(0),
      Buffer.from(bytes),
      shared,
      new Uint8Array(shared),
      new DataView(even.buffer, 8, bytes.length),
      even.subarray(8, 8 + bytes.length),
    ]
    for (const source of sources) {
      const { exports } = new Instance(new Module(source, { compiler }))
      expect(exports.f()).toBe(42)
    }
  })

  test('does not refer to the bytes', async () => {
    const bytes = await wat('(module (func (export "f") (result i32) i32.const 42))')
    const module = new Module(bytes, { compiler })
    bytes.fill(0)
    expect(new Instance(module).exports.f()).toBe(42)
  })

  test('can be instantiated many times, in many stores', async () => {
    const text = `(module (global $count (mut i32) (i32.const 0))
      (func (export "count") (result i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (global.get $count)))`
    const module = new Module(await wat(text), { compiler })
    const first = new Instance(module)
    const second = new Instance(module)
    const elsewhere = new Instance(module, {}, { store: new Store() })
    expect([first.exports.count(), first.exports.count()]).toEqual([1, 2])
    expect([second.exports.count(), elsewhere.exports.count()]).toEqual([1, 1])
  })

  test.each([
    ['nothing', undefined, /as `bytes`, got undefined/],
    ['text', '(module)', /as `bytes`, got '\(module\)'; `load\(path\)` reads a file/],
    ['a list', [0, 97, 115, 109], /as `bytes`, got \[Array\]/],
    ['a number', 8, /as `bytes`, got 8/],
  ])('refuses %s', (_, value, message) => {
    const error = thrownBy(() => new Module(value as never, { compiler }))
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', message: expect.stringMatching(message) })
  })

  test('refuses bytes that are not a module, with the offset', async () => {
    const error = thrownBy(() => new Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 42]), { compiler }))
    expect(error).toBeInstanceOf(CompileError)
    expect(error).toBeInstanceOf(WebAssembly.CompileError)
    expect(error).toMatchObject({ code: 'ERR_RELINK_INVALID_WASM', offset: expect.any(Number) })
  })
})

describe('options', () => {
  test.each([
    [{ compilr: 'cranelift' }, 'unknown option `compilr`, did you mean `compiler`?'],
    [
      { threads: 4 },
      'unknown option `threads`, expected one of `cache`, `compiler`, `limits`, `reserve`, `slots`, `sha256`, `signature`',
    ],
    [{ compiler: 'llvm' }, "expected 'auto', 'cranelift' or 'singlepass' as `options.compiler`, got 'llvm'"],
  ])('refuses %p', async (options, message) => {
    const bytes = await wat('(module)')
    for (const call of [() => new Module(bytes, options as never), () => validate(bytes, options as never)]) {
      expect(thrownBy(call)).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message })
    }
  })

  test('refuses values that are not objects', async () => {
    const bytes = await wat('(module)')
    const error = thrownBy(() => new Module(bytes, 'cranelift' as never))
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', message: /as `options`, got 'cranelift'/ })
  })
})

describe('the contents of a module', () => {
  test('are those that V8 reports, in the same order', async () => {
    for (const bytes of [await wat(TEXT), guest('plugin')]) {
      const ours = new Module(bytes)
      const theirs = new WebAssembly.Module(bytes)
      const declared = new Set(Module.slots(ours).map(({ name }) => name))
      const imports = WebAssembly.Module.imports(theirs)
      expect(Module.imports(ours)).toEqual(
        imports.filter(({ module, name }) => !(module === 'relink' && declared.has(name))),
      )
      expect(Module.exports(ours)).toEqual(WebAssembly.Module.exports(theirs))
    }
  })

  test('custom sections, each in a buffer of its own', async () => {
    const module = new Module(withSection(withSection(await wat('(module)'), 'notes', 'first'), 'notes', 'second'))
    const texts = Module.customSections(module, 'notes').map((section) => Buffer.from(section).toString())
    expect(texts).toEqual(['first', 'second'])
    expect(Module.customSections(module, 'other')).toEqual([])
    expect(thrownBy(() => Module.customSections(module, undefined as never))).toBeInstanceOf(TypeError)
  })

  test('its declared slots', () => {
    const slots = Module.slots(new Module(guest('seed.O3')))
    expect(slots).toContainEqual({
      name: 'seed::replace_me',
      kind: 'declared',
      functionIndex: 0,
      aliases: ['func[0]'],
      type: { parameters: [], results: ['i32'] },
      rust: expect.stringContaining('->'),
      docs: expect.anything(),
    })
  })

  test('are reported for modules only', () => {
    for (const read of [Module.exports, Module.imports, Module.slots]) {
      const error = thrownBy(() => read({} as never))
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
      expect(error.message).toBe('expected a Module as `module`, got {}')
    }
  })
})

describe('the class', () => {
  test('looks as the specification says', async () => {
    expect(String(new Module(await wat('(module)')))).toBe('[object WebAssembly.Module]')
    expect(() => (Module as unknown as () => void)()).toThrow(TypeError)
    expect(Object.keys(WebAssembly.Module)).toEqual(expect.arrayContaining(['exports', 'imports', 'customSections']))
    expect(Module).toHaveLength(1)
  })
})

describe('validate', () => {
  test('agrees with compile', async () => {
    expect(validate(await wat(TEXT))).toBe(true)
    expect(validate(new Uint8Array())).toBe(false)
    expect(validate(new Uint8Array(await wat(TEXT)).subarray(0, 40))).toBe(false)
    expect(() => validate('text' as never)).toThrow(TypeError)
  })
})
