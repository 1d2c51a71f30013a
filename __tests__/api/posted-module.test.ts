// Modules that are posted to other threads.
import { Instance, Module, WebAssembly as ours } from '../..'
import { thrownBy, wat } from '../support'
import { run } from '../support/threads'

describe('a module', () => {
  test('of WebAssembly is posted, and works there', async () => {
    const bytes = await wat('(module (func (export "f") (result i32) i32.const 42))')
    const printed = run(
      {
        main: `
          const module = new relink.WebAssembly.Module(bytes)
          const thread = start({ module, later: await relink.WebAssembly.compile(bytes, { slots: ['f'] }) })
          thread.on('message', (message) => console.log(message))
          await ended(thread)`,
        worker: `
          const { WebAssembly } = relink
          const { module, later } = data
          const arrived = [module, later].map((each) => each instanceof WebAssembly.Module)
          const one = new WebAssembly.Instance(module)
          const other = await WebAssembly.instantiate(later)
          relink.link(() => 1, other.slot('f'))
          post([arrived, one.exports.f(), other.exports.f(), module instanceof WebAssembly.Module, Object.keys(one.slots)].join())`,
      },
      bytes,
    )
    expect(printed).toEqual(['true,true,42,1,true,'])
  })

  test('goes through structuredClone', async () => {
    const module = new ours.Module(await wat('(module (func (export "f") (result i32) i32.const 42))'))
    const { modules } = structuredClone({ modules: [module, module] })
    expect(modules[0]).toBe(modules[1])
    // Before its first use. It is not an instance of the package's own Module, a subclass.
    expect(modules[0]).toBeInstanceOf(ours.Module)
    expect(modules[0]).not.toBeInstanceOf(Module)
    expect(new ours.Instance(modules[0]!).exports.f()).toBe(42)
    expect(ours.Module.exports(modules[0]!)).toEqual([{ name: 'f', kind: 'function' }])
    expect(modules[0]).toBeInstanceOf(ours.Module)
  })

  test('of Node’s own is refused', async () => {
    const node = new WebAssembly.Module(await wat('(module)'))
    expect(node).not.toBeInstanceOf(ours.Module)
    expect(thrownBy(() => new Instance(node as never)).code).toBe('ERR_INVALID_ARG_TYPE')
  })

  test('posted to a thread without the package, says what is missing', async () => {
    const module = structuredClone(new ours.Module(await wat('(module (func (export "f")))')))
    expect(() => new WebAssembly.Instance(module as never, {})).toThrow('wasm-relink/register')
    const [wanted] = WebAssembly.Module.imports(module as never)
    expect(wanted!.name).toBe('this Module was made by wasm-relink: load wasm-relink/register in this thread too')
  })

  test('of the same bytes shares its code only', async () => {
    const functions = Array.from({ length: 300 }, (_, i) => `(func (export "f${i}") (result i32) i32.const ${i})`)
    const bytes = await wat(`(module ${functions.join('\n')})`)
    const one = new Module(bytes)
    const other = new Module(bytes)
    expect(one).not.toBe(other)
    const [{ exports }, { exports: again }] = [new Instance(one), new Instance(other)]
    expect([exports.f7(), again.f299()]).toEqual([7, 299])
    expect(exports.f7).not.toBe(again.f7)
  })
})
