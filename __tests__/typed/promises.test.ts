// Typed functions that wait: imports, slots and exports over `Suspending` and `promising`, in a guest built from Rust.
import { Instance, Module, Suspending, link, promising } from '../..'
import { compilers, guest, rejectionOf, thrownBy, wat } from '../support'
import { bump } from '../support/typed'

const later = <T>(value: T) => new Promise<T>((resolve) => setImmediate(resolve, value))

describe.each(compilers)('%s', (compiler) => {
  const module = () => new Module(guest('typed'), { compiler })
  /** The imports of the guest: these, and others that are not called. */
  const importsOf = (given: Record<string, unknown>) => {
    const names = Module.imports(module()).map(({ name }) => name)
    return { env: { ...Object.fromEntries(names.map((name) => [name, () => undefined])), ...given } } as never
  }
  const dictionary = { en: 'hello', de: 'grüß dich' } as Record<string, string>

  test('an import waits with strings, and several calls at once', async () => {
    const translate = new Suspending(async (text: string, language: string) => {
      await later(undefined)
      return language in dictionary ? `${dictionary[language]} (${text})` : undefined
    })
    const { exports } = new Instance(module(), importsOf({ translate }))
    const call = promising(exports.callTranslate as never) as unknown as (...texts: string[]) => Promise<string>
    const calls = ['en', 'none', 'de'].map((language, index) => call(`${'x'.repeat(index * 1000)}${index}`, language))
    await expect(Promise.all(calls)).resolves.toEqual(['hello (0)', undefined, `grüß dich (${'x'.repeat(2000)}2)`])
  })

  test('results of calls that end in the same turn stay apart', async () => {
    const translate = new Suspending(async (text: string, language: string) => text + language)
    const { exports } = new Instance(module(), importsOf({ translate }))
    const call = promising(exports.callTranslate as never) as unknown as (...texts: string[]) => Promise<string>
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(100))
    await expect(Promise.all(texts.map((text) => call(text, 'x')))).resolves.toEqual(texts.map((text) => `${text}x`))
  })

  test('a linked function waits; its errors are those of the slot', async () => {
    const plugin = new Instance(module(), importsOf({}))
    const half = async (number: number | undefined) => {
      await later(undefined)
      if (number === undefined) throw Object.assign(new Error('none'), { payload: 'no number' })
      if (number > 9) throw new TypeError('too large')
      return number * 10
    }
    const change = link(new Suspending(half) as never, plugin.slot('typed::half') as never)
    const call = promising(plugin.exports.callHalf as never) as unknown as (number?: number) => Promise<number>
    const calls = [call(4), call(undefined), call(12), call(7)]
    const settled = await Promise.allSettled(calls)
    expect(settled.map((one) => ('value' in one ? one.value : (one.reason.payload ?? one.reason.message)))).toEqual([
      40,
      'no number',
      'too large',
      70,
    ])
    change.undo()
    await expect(call(8)).resolves.toBe(4)
  })

  test('the option `suspending` takes the name of a typed import in camelCase', async () => {
    const imports = importsOf({ hostString: async (text: string) => later(text) })
    for (const name of ['env.hostString', 'env.host-string']) {
      expect(new Instance(module(), imports, { suspending: [name] }).closed).toBe(false)
    }
    expect(thrownBy(() => new Instance(module(), imports, { suspending: ['env.host_string'] })).message).toContain(
      'env.hostString',
    )
  })

  test('with the option `suspending`, typed exports return promises', async () => {
    const imports = importsOf({ translate: async (text: string) => later(text.toUpperCase()) })
    const { exports } = new Instance(module(), imports, { suspending: ['env.translate'] })
    await expect((exports.callTranslate as any)('abc', 'en')).resolves.toBe('ABC')
    await expect((exports.callGreet as any)('Ada')).resolves.toContain('Ada')
    const error = await rejectionOf((exports.callGreet as any)(5))
    expect(error).toBeInstanceOf(TypeError)
  })

  describe('the result of a call that does not go on is written nowhere', () => {
    /** A guest whose `f` waits for `wait` with a return area at 64; the promise is settled by `settle`. */
    async function waiting(onTrap: 'keep' | 'recycle') {
      const text = `(module (import "$root" "wait" (func $wait (param i32 i32 i32))) (memory (export "memory") 1) ${bump}
        (func (export "f") (param i32 i32) (result i32)
          (call $wait (local.get 0) (local.get 1) (i32.const 64)) (i32.const 64))
        (func (export "fail") unreachable)
        (func (export "allocated") (result i32) (global.get $top))
        (func (export "area") (result i64) (i64.load (i32.const 64))))`
      let settle!: (value: unknown) => void
      const wait = new Suspending(() => new Promise((resolve) => (settle = resolve)))
      const { exports } = new Instance(
        new Module(await wat(text), { compiler }),
        { $root: { wait } },
        { wit: 'world w { import wait: func(x: string) -> string; export f: func(x: string) -> string; }', onTrap },
      )
      return { exports, settle: (value: unknown) => settle(value) }
    }

    test('if its guest was recycled', async () => {
      const { exports, settle } = await waiting('recycle')
      const promise = promising(exports.f)('hello')
      expect(thrownBy(() => exports.fail()).recycled).toBe(true)
      settle('late')
      expect((await rejectionOf(promise)).code).toBe('ERR_RELINK_SUSPEND')
      expect([exports.allocated(), exports.area()]).toEqual([1024, 0n])
    })

    test('if it could not be suspended', async () => {
      const { exports, settle } = await waiting('keep')
      expect(thrownBy(() => exports.f('hello')).code).toBe('ERR_RELINK_SUSPEND')
      const allocated = exports.allocated()
      settle('late')
      await later(undefined)
      expect([exports.allocated(), exports.area()]).toEqual([allocated, 0n])
    })
  })
})
