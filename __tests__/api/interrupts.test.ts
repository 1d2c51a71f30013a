// Ending WebAssembly from outside: interrupters, and the ends of workers and of the process. Each runs in a process of its own,
// which is killed if it does not end.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Instance, Interrupter, Module, RuntimeError, Store, link } from '../..'
import { compilers, root, thrownBy, wat } from '../support'

const PROGRAM = join(root, '__tests__', 'support', 'ending.cjs')

const where = process.platform === 'linux' && process.arch === 'x64' ? describe : describe.skip

function run(...parameters: string[]) {
  const how = { encoding: 'utf8', timeout: 50_000 } as const
  const { status, signal, stdout } = spawnSync(process.execPath, [PROGRAM, ...parameters], how)
  return { status, signal, stdout: stdout.trim() }
}

const functions = ['spin', 'fill', 'recurse', 'callJs']

where.each(compilers)('a worker that runs %s code without an end', (compiler) => {
  test.each(functions)('%s ends with `terminate()`', (name) => {
    expect(run('terminate', name, compiler)).toEqual({ status: 0, signal: null, stdout: 'code 1' })
  })

  test.each(functions)('%s ends with `process.exit()`', (name) => {
    expect(run('exit', name, compiler)).toEqual({ status: 7, signal: null, stdout: '' })
  })

  test.each([
    ['uncaught', 1, 'uncaught'],
    ['unref', 0, ''],
    ['sigterm', 9, ''],
    ['sigint', 9, ''],
  ])('ends with the process: %s', (how, status, stdout) => {
    expect(run(how, 'spin', compiler)).toEqual({ status, signal: null, stdout })
  })

  test.each(functions)('%s ends with an interrupt of another thread, and the store works on', (name) => {
    const stdout = 'ERR_RELINK_INTERRUPTED the call was interrupted {"why":["cloned"]} undefined'
    expect(run('interrupt', name, compiler)).toEqual({ status: 0, signal: null, stdout })
  })

  test('ends when a signal aborts', () => {
    const { status, stdout } = run('abort', 'spin', compiler)
    expect(status).toBe(0)
    expect(stdout).toMatch(
      /^ERR_RELINK_INTERRUPTED the call was interrupted: This operation was aborted .* AbortError$/,
    )
  })
})

where.each(compilers)('an interrupter in its own thread, with code of %s', (compiler) => {
  const TEXT = `(module
    (import "env" "js" (func $js))
    (func (export "once") call $js)
    (func (export "spin") call $js (loop br 0))
    (func (export "seven") (result i32) i32.const 7))`

  const make = async (js: () => void, store = new Store()) => {
    const module = new Module(await wat(TEXT), { compiler })
    return new Instance<any>(module, { env: { js } }, { store }).exports
  }

  test('ends the call when WebAssembly goes on, with the reason itself', async () => {
    const store = new Store()
    const reason = new Error('mine')
    const exports = await make(() => expect(store.interrupter().interrupt(reason)).toBe(true), store)
    const error: any = thrownBy(() => exports.once())
    expect(error).toBeInstanceOf(RuntimeError)
    expect(error).toMatchObject({ code: 'ERR_RELINK_INTERRUPTED', message: 'the call was interrupted: mine' })
    expect(error.reason).toBe(reason)
    expect(exports.seven()).toBe(7)
    expect(thrownBy(() => exports.once())).toMatchObject({ code: 'ERR_RELINK_INTERRUPTED' })
  })

  test('does nothing to later calls', async () => {
    const store = new Store()
    const exports = await make(() => {}, store)
    expect(store.interrupter().interrupt('late')).toBe(true)
    expect(exports.seven()).toBe(7)
    exports.once()
    expect(exports.seven()).toBe(7)
  })

  test('ends an outer call of its store together with the inner one of another', async () => {
    const [store, other] = [new Store(), new Store()]
    const inner = await make(() => store.interrupter().interrupt('both'), other)
    const seen: unknown[] = []
    const outer = await make(() => {
      seen.push((thrownBy(() => inner.spin()) as any).code)
      seen.push((thrownBy(() => inner.seven()) as any).code)
    }, store)
    expect(thrownBy(() => outer.once())).toMatchObject({ code: 'ERR_RELINK_INTERRUPTED', reason: 'both' })
    expect(seen).toEqual(['ERR_RELINK_INTERRUPTED', 'ERR_RELINK_INTERRUPTED'])
    expect([inner.seven(), outer.seven()]).toEqual([7, 7])
  })

  test('leaves the calls of another store alone', async () => {
    const other = new Store()
    const exports = await make(() => other.interrupter().interrupt('not me'))
    exports.once()
    expect(exports.seven()).toBe(7)
  })

  test('ends a linked JavaScript function that interrupts', async () => {
    const store = new Store()
    const module = new Module(await wat(TEXT), { compiler, slots: 'all' })
    const instance = new Instance<any, any>(module, { env: { js() {} } }, { store })
    link(() => void store.interrupter().interrupt('linked'), instance.slots['env.js'])
    expect(thrownBy(() => instance.exports.once())).toMatchObject({ reason: 'linked' })
  })

  test('follows a signal', async () => {
    const store = new Store()
    const controller = new AbortController()
    store.interrupter({ signal: controller.signal })
    const exports = await make(() => controller.abort('aborted'), store)
    expect(thrownBy(() => exports.spin())).toMatchObject({ reason: 'aborted' })
    expect(exports.seven()).toBe(7)
  })
})

where('an interrupter', () => {
  test('is made of a clone', () => {
    const store = new Store()
    const clone = structuredClone(store.interrupter())
    expect(clone).not.toBeInstanceOf(Interrupter)
    expect(Interrupter.from(clone)).toBeInstanceOf(Interrupter)
    expect(Interrupter.from(clone).interrupt()).toBe(true)
    store.close()
  })

  test.each([undefined, null, 5, {}, { token: 'x', origin: '' }, { token: '0'.repeat(32) }])(
    'is not made of %p',
    (value) => {
      expect(thrownBy(() => Interrupter.from(value))).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    },
  )

  test('of no store interrupts nothing', () => {
    expect(Interrupter.from({ token: '0'.repeat(32), origin: '' }).interrupt()).toBe(false)
  })

  test('refuses what it does not know', () => {
    const store = new Store()
    expect(thrownBy(() => store.interrupter({ signals: 1 } as any))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    expect(thrownBy(() => store.interrupter({ signal: {} as any }))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrownBy(() => new (Interrupter as any)())).toBeInstanceOf(TypeError)
    store.close()
    expect(thrownBy(() => store.interrupter())).toMatchObject({ code: 'ERR_RELINK_CLOSED' })
  })

  test('refuses a reason for another thread that cannot be cloned', () => {
    const posted = { token: '0'.repeat(32), origin: 'another' }
    expect(thrownBy(() => Interrupter.from(posted).interrupt(() => {}))).toMatchObject({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })
})

where('an import that throws after an interrupt', () => {
  const text = `(module
    (import "env" "f" (func $f (param i32) (result i32)))
    (func (export "caught") (param i32) (result i32)
      (try (result i32) (do (call $f (local.get 0))) (catch_all (i32.const 99))))
    (func (export "loop") (param i32) (result i32) (local i32)
      (loop $next
        (local.set 1 (i32.add (local.get 1) (call $f (local.get 0))))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (try (do (drop (call $f (i32.const 0)))) (catch_all))
      (local.get 1)))`

  // With one import, the call does not park.
  test.each(['caught', 'loop'])('is forgotten with its call (%s)', async (name) => {
    const store = new Store()
    let stops = true
    const f = (value: number) => {
      if (!stops || value !== 1) return value
      store.interrupter().interrupt('enough')
      throw new Error('of the call that was interrupted')
    }
    const module = new Module(await wat(text, { exceptions: true }), { compiler: 'cranelift' })
    const exports = new Instance(module, { env: { f } }, { store }).exports as Record<string, (value: number) => number>
    const count = name === 'loop' ? 5 : 1
    expect(thrownBy(() => exports[name]!(count))).toMatchObject({ code: 'ERR_RELINK_INTERRUPTED' })
    stops = false
    expect(exports.caught!(5)).toBe(5)
    expect(exports.loop!(3)).toBe(6)
  })
})

test('interrupt is a method of an Interrupter', () => {
  for (const value of [undefined, null, 5, {}]) {
    const wrong = thrownBy(() => Interrupter.prototype.interrupt.call(value as never))
    expect(wrong).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  }
})
