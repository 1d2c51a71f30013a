// `WebAssembly` compared with Node's own: its members, and the results and errors of calls.
import { WebAssembly as ours } from '../..'
import { wat } from '../support'

/** Either namespace. Untyped, since many calls are wrong on purpose. */
type Api = any
const engines: Record<'node' | 'ours', Api> = { node: WebAssembly, ours }

/** The members of an object, as text; without those that only this package has. */
function shape(object: object, extra: readonly PropertyKey[] = []): string[] {
  const words = Reflect.ownKeys(object).map((key) => {
    const { value, get, set, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(object, key)!
    const flags = [writable && 'writable', enumerable && 'enumerable', configurable && 'configurable'].filter(Boolean)
    const what = [value, get, set].map((each) => (typeof each === 'function' ? `${each.name}/${each.length}` : each))
    return `${String(key)}: ${flags.join(' ')} ${typeof value === 'object' ? '' : what.join(' ')}`
  })
  const inspect = Symbol.for('nodejs.util.inspect.custom')
  // V8's old built-in functions have these properties.
  const without = ['arguments', 'caller', inspect, Symbol.dispose ?? Symbol.for('nodejs.dispose'), ...extra]
  return words.filter((word) => !without.some((key) => word.startsWith(`${String(key)}: `))).toSorted()
}

/** The result or the error of a function, as text. */
function outcome(run: () => unknown): string {
  try {
    const value = run()
    return typeof value === 'object' && value !== null ? Object.prototype.toString.call(value) : String(value)
  } catch (error) {
    return `throws ${(error as Error)?.constructor?.name}`
  }
}

const names = ['Module', 'Instance', 'Memory', 'Table', 'Global', 'Tag'] as const
const added: Partial<Record<(typeof names)[number], string[]>> = {
  Instance: ['slots', 'slot', 'closed', 'close', 'compiler', 'reserve', 'optimized', 'start'],
  Table: ['slot'],
}

describe('looks like Node’s own', () => {
  test('the namespace', () => {
    // The members in Node 20. jest's realm has no streaming functions.
    const known =
      /^(compile|validate|instantiate|Module|Instance|Memory|Table|Global|Tag|(Compile|Link|Runtime)Error|Symbol.*): /
    const shapes = [engines.ours, engines.node].map((each) => shape(each).filter((word) => known.test(word)))
    expect(shapes[0]).toEqual(shapes[1])
    expect(shapes[0]).toHaveLength(13)
    expect(String(engines.ours)).toBe('[object WebAssembly]')
    expect(Object.getPrototypeOf(engines.ours)).toBe(Object.prototype)
  })

  test.each(names)('%s', (name) => {
    const [node, our] = [engines.node[name], engines.ours[name]]
    // Makes `instanceof` true for objects that another thread has posted.
    expect(shape(our, ['slots', 'of', 'all', Symbol.hasInstance])).toEqual(shape(node))
    expect(shape(our.prototype, [...(added[name] ?? []), Symbol.for('wasm-relink')])).toEqual(shape(node.prototype))
    expect(Object.getPrototypeOf(our)).toBe(Function.prototype)
    expect(Object.getPrototypeOf(our.prototype)).toBe(Object.prototype)
  })

  test('the error classes are Node’s', () => {
    for (const name of ['CompileError', 'LinkError', 'RuntimeError']) {
      expect(engines.ours[name]).toBe(engines.node[name])
    }
  })
})

/** Calls that run on both engines. `W` is the namespace. */
const calls: Record<string, (W: Api, module: any) => unknown> = {
  'a class without new': (W) => (W.Memory as any)({ initial: 1 }),
  'a memory of nothing': (W) => new (W.Memory as any)(),
  'a memory without a size': (W) => new W.Memory({} as never),
  'a memory of less than nothing': (W) => new W.Memory({ initial: -1 }),
  'a memory of text': (W) => new W.Memory({ initial: '2' as never }).buffer.byteLength,
  'a memory that is too large': (W) => new W.Memory({ initial: 65537 }),
  'a maximum that is too large': (W) => new W.Memory({ initial: 1, maximum: 65537 }),
  'a maximum below the size': (W) => new W.Memory({ initial: 2, maximum: 1 }),
  'a shared memory without a maximum': (W) => new W.Memory({ initial: 1, shared: true }),
  'the buffer of a shared memory': (W) => new W.Memory({ initial: 1, maximum: 2, shared: true }).buffer,
  'a shared buffer is frozen': (W) => Object.isFrozen(new W.Memory({ initial: 1, maximum: 2, shared: true }).buffer),
  'growing too far': (W) => new W.Memory({ initial: 1, maximum: 2 }).grow(2),
  'growing by less than nothing': (W) => new W.Memory({ initial: 1 }).grow(-1),
  'growing by nothing at all': (W) => (new W.Memory({ initial: 1 }) as any).grow(),
  'growth detaches': (W) => {
    const memory = new W.Memory({ initial: 1 })
    const { buffer } = memory
    memory.grow(0)
    return [buffer.byteLength, memory.buffer === memory.buffer, memory.buffer === buffer].join()
  },
  'growth of shared memory detaches nothing': (W) => {
    const memory = new W.Memory({ initial: 1, maximum: 2, shared: true })
    const { buffer } = memory
    memory.grow(1)
    return [buffer.byteLength, memory.buffer.byteLength, memory.buffer === buffer].join()
  },
  'a wrong receiver': (W) => Object.getOwnPropertyDescriptor(W.Memory.prototype, 'buffer')!.get!.call({}),
  'a prototype as a receiver': (W) => W.Memory.prototype.buffer,
  'a proxy as a receiver': (W) => new Proxy(new W.Memory({ initial: 1 }), {}).buffer,
  'a memory as a table': (W) => W.Table.prototype.get.call(new W.Memory({ initial: 1 }) as never, 0),
  'a subclass': (W) => Reflect.construct(class Mine extends W.Memory {}, [{ initial: 1 }]).buffer.byteLength,
  'an instance of a subclass': (W) =>
    Object.getPrototypeOf(Reflect.construct(class extends W.Table {}, [{ initial: 0, element: 'anyfunc' }])) ===
    W.Table.prototype,
  'a new target of another prototype': (W) => Reflect.construct(W.Memory, [{ initial: 1 }], Object) instanceof W.Memory,

  'a table of no kind': (W) => new W.Table({ element: 'i32' as never, initial: 1 }),
  'a table that is too large': (W) => new W.Table({ element: 'anyfunc', initial: 10_000_001 }),
  'a table with a function of JavaScript': (W) => new (W.Table as any)({ element: 'anyfunc', initial: 1 }, () => {}),
  'an empty table': (W) => new W.Table({ element: 'anyfunc', initial: 1 }).get(0),
  'a table of anything': (W) => new W.Table({ element: 'externref', initial: 1 } as never, 'x').get(0),
  'a table of nothing in particular': (W) => new W.Table({ element: 'externref', initial: 1 } as never).get(0),
  'a table of null': (W) => new W.Table({ element: 'externref', initial: 1 } as never, null).get(0),
  'an entry beyond the end': (W) => new W.Table({ element: 'anyfunc', initial: 1 }).get(1),
  'an entry before the beginning': (W) => new W.Table({ element: 'anyfunc', initial: 1 }).get(-1),
  'an entry of no number': (W) => new W.Table({ element: 'anyfunc', initial: 1 }).get(NaN),
  'setting an entry beyond the end': (W) => new W.Table({ element: 'anyfunc', initial: 1 }).set(1, null),
  'setting an entry to undefined': (W) => new W.Table({ element: 'anyfunc', initial: 1 }).set(0, undefined as never),
  'setting an entry to nothing': (W) => (new W.Table({ element: 'anyfunc', initial: 1 }) as any).set(0),
  'setting an entry to anything': (W) => {
    const table = new W.Table({ element: 'externref', initial: 1 } as never, 1)
    ;(table as any).set(0)
    return table.get(0)
  },
  'growing a table of anything': (W) => {
    const table = new W.Table({ element: 'externref', initial: 0 } as never)
    return [table.grow(1), (table as any).grow(1, 'x'), table.get(0), table.get(1), table.length].join()
  },
  'growing a table too far': (W) => new W.Table({ element: 'anyfunc', initial: 1, maximum: 1 }).grow(1),

  'a global of no type': (W) => new W.Global({ value: 'i8' as never }),
  'a global of a vector': (W) => new W.Global({ value: 'v128' as never }).value,
  'a global of nothing': (W) =>
    ['i32', 'i64', 'f32', 'f64', 'anyfunc'].map((value) => new W.Global({ value } as never).value).join(),
  'a global of anything': (W) => new W.Global({ value: 'externref' } as never, Symbol.iterator).value.toString(),
  'a global of undefined': (W) => new W.Global({ value: 'externref' } as never, undefined).value,
  'a function of JavaScript in a global': (W) => new W.Global({ value: 'anyfunc' }, (() => {}) as never),
  'a number as a BigInt': (W) => new W.Global({ value: 'i64' }, 1 as never),
  'a BigInt as a number': (W) => new W.Global({ value: 'i32' }, 1n as never),
  'a long number': (W) => new W.Global({ value: 'i64' }, (2n ** 64n + 5n) as never).value,
  'an object as a number': (W) => new W.Global({ value: 'f32' }, { valueOf: () => 1.1 } as never).value,
  'writing an immutable global': (W) => (new W.Global({ value: 'i32' }, 1).value = 2),
  'writing a mutable one': (W) => {
    const global = new W.Global({ value: 'i32', mutable: true }, 1)
    global.value = 2 ** 32 + 3
    return global.value
  },

  'a tag': (W) => new W.Tag({ parameters: ['i32', 'externref', 'anyfunc'] }),
  'a tag without types': (W) => new W.Tag({}),
  'a tag of no type': (W) => new W.Tag({ parameters: ['x'] }),
  'a tag of a number': (W) => new W.Tag({ parameters: 5 }),
  'an exception without a tag': (W) => new W.Exception({}, []),
  'an exception without a payload': (W) => new W.Exception(new W.Tag({ parameters: [] })),
  'an exception with a wrong payload': (W) => new W.Exception(new W.Tag({ parameters: ['i64'] }), [1]),
  'what an exception carries': (W) => {
    const tag = new W.Tag({ parameters: ['i32', 'f32', 'i64', 'externref'] })
    const exception = new W.Exception(tag, [1.9, 3.1, 2n ** 64n, 'x'])
    return [0, 1, 2, 3].map((index) => exception.getArg(tag, index)).join()
  },
  'an argument beyond the end': (W) => {
    const tag = new W.Tag({ parameters: [] })
    return new W.Exception(tag, []).getArg(tag, 0)
  },
  'an argument of another tag': (W) => {
    const make = () => new W.Tag({ parameters: ['i32'] })
    return new W.Exception(make(), [1]).getArg(make(), 0)
  },
  'tags are not told apart by their types': (W) => {
    const [one, other] = [1, 2].map(() => new W.Tag({ parameters: [] }))
    const exception = new W.Exception(one, [])
    return [exception.is(one), exception.is(other)].join()
  },
  'an exception is no error': (W) => new W.Exception(new W.Tag({ parameters: [] }), []) instanceof Error,
  'the stack of an exception': (W) => {
    const tag = new W.Tag({ parameters: [] })
    return [undefined, { traceStack: true }].map((options) => typeof new W.Exception(tag, [], options).stack).join()
  },

  'a module of nothing': (W) => new (W.Module as any)(),
  'a module of text': (W) => new W.Module('x' as never),
  'an empty module': (W) => new W.Module(new Uint8Array()),
  'bytes that are none': (W) => new W.Module(new Uint8Array(8)),
  'a detached buffer': (W) => {
    const buffer = new ArrayBuffer(8)
    structuredClone(buffer, { transfer: [buffer] })
    return new W.Module(buffer)
  },
  'options that are none': (W) => new (W.Module as any)(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0), 5),
  'options of another time': (W) =>
    new (W.Module as any)(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0), { builtins: [] }),
  'sections of no name': (W, module) => (W.Module as any).customSections(module),
  'sections of a name': (W, module) => W.Module.customSections(module, 'name').length,
  'half a surrogate': (W, module) => W.Module.customSections(module, '\udc00').length,
  'exports of no module': (W) => W.Module.exports({} as never),
  'imports of a module': (W, module) => JSON.stringify(W.Module.imports(module)),
  'exports of a module': (W, module) => JSON.stringify(W.Module.exports(module)),

  'an instance of nothing': (W) => new (W.Instance as any)(),
  'an instance without imports': (W, module) => new W.Instance(module),
  'imports that are none': (W, module) => new W.Instance(module, 5 as never),
  'imports of null': (W, module) => new W.Instance(module, null as never),
  'imports without the module': (W, module) => new W.Instance(module, {}),
  'imports without the function': (W, module) => new W.Instance(module, { env: {} }),
  'a getter that throws': (W, module) =>
    new W.Instance(module, {
      get env(): never {
        throw new SyntaxError('mine')
      },
    }),
  'exports are frozen': (W, module) => {
    const { exports } = new W.Instance(module, { env: { f: () => 1 } })
    return [Object.isFrozen(exports), Object.getPrototypeOf(exports), Object.keys(exports)].join()
  },
  'one function, one object': (W, module) => {
    const { exports } = new W.Instance(module, { env: { f: () => 1 } }) as any
    return [
      exports.add === exports.plus,
      exports.table.get(0) === exports.add,
      exports.add.name,
      exports.add.length,
    ].join()
  },
  'an export is no constructor': (W, module) => {
    const { exports } = new W.Instance(module, { env: { f: () => 1 } }) as any
    return new exports.add(1, 2)
  },
  'arguments are converted': (W, module) => {
    const { exports } = new W.Instance(module, { env: { f: () => 1 } }) as any
    return [
      exports.add('3', { valueOf: () => 4 }),
      exports.add(),
      exports.add(2 ** 31, 0),
      exports.add(1.9, -1.9),
    ].join()
  },
  'a symbol as an argument': (W, module) =>
    (new W.Instance(module, { env: { f: () => 1 } }).exports as any).add(Symbol('x')),
  'results are converted': (W, module) => (new W.Instance(module, { env: { f: () => '7' } }).exports as any).call(),
  'a result that is none': (W, module) => (new W.Instance(module, { env: { f: () => 1n } }).exports as any).call(),
  'what an import throws': (W, module) => {
    const f = () => {
      throw new EvalError('mine')
    }
    return (new W.Instance(module, { env: { f } }).exports as any).call()
  },
  'a trap': (W, module) => (new W.Instance(module, { env: { f: () => 1 } }).exports as any).trap(),
}

describe('behaves like Node’s own', () => {
  const text = `(module
    (import "env" "f" (func $f (result i32)))
    (table (export "table") 1 funcref)
    (elem (i32.const 0) $add)
    (memory (export "memory") 1)
    (func $add (export "add") (export "plus") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "call") (result i32) call $f)
    (func (export "trap") unreachable))`

  test.each(Object.keys(calls))('%s', async (name) => {
    const bytes = await wat(text)
    const [node, our] = [engines.node, engines.ours].map((W) => outcome(() => calls[name]!(W, new W.Module(bytes))))
    expect(our).toBe(node)
  })

  test('validate', async () => {
    const given = [await wat(text), new Uint8Array(), Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0), 'text', undefined]
    const says = (W: Api) => given.map((bytes) => outcome(() => W.validate(bytes as never)))
    expect(says(engines.ours)).toEqual(says(engines.node))
  })

  test('results of promises', async () => {
    const bytes = await wat(text)
    const imports = { env: { f: () => 1 } }
    const promises = (W: Api): Promise<unknown>[] => [
      W.compile(bytes),
      W.compile(5 as never),
      W.compile(new Uint8Array(3)),
      W.instantiate(bytes, imports),
      W.instantiate(new W.Module(bytes) as never, imports),
      W.instantiate(bytes),
      W.instantiate(bytes, 5 as never),
      W.instantiate(new Uint8Array(3), 5 as never),
      W.instantiate(5 as never),
    ]
    const says = async (W: Api) =>
      (await Promise.allSettled(promises(W))).map((each) =>
        each.status === 'fulfilled' ? Object.prototype.toString.call(each.value) : each.reason.constructor.name,
      )
    expect(await says(engines.ours)).toEqual(await says(engines.node))
  })
})

/** An object that logs when it is read and converted. */
function telling(log: string[], value: Record<string, number>): object {
  const entries = Object.entries(value).map(([name, number]) => [
    name,
    {
      get() {
        log.push(`get ${name}`)
        return {
          valueOf() {
            log.push(`convert ${name}`)
            return number
          },
        }
      },
    },
  ])
  return Object.defineProperties({}, Object.fromEntries(entries) as PropertyDescriptorMap)
}

test.each(['Memory', 'Table'] as const)('the descriptor of a %s is read in Node’s order', (name) => {
  const order = (W: Api) => {
    const log: string[] = []
    const limits = telling(log, { maximum: 3, initial: 1 })
    const descriptor = Object.defineProperty(limits, 'element', {
      get() {
        log.push('get element')
        return 'anyfunc'
      },
    })
    new W[name](descriptor as never)
    return log
  }
  expect(order(engines.ours)).toEqual(order(engines.node).filter((line) => name === 'Table' || line !== 'get element'))
})

test('imports are read in the order of the binary, each module once for each', async () => {
  const bytes = await wat(`(module
    (import "b" "f" (func)) (import "a" "g" (func)) (import "b" "m" (memory 1)))`)
  const order = (W: Api) => {
    const log: string[] = []
    const tell = (path: string, value: Record<string, unknown>): any =>
      new Proxy(value, {
        get(target, key) {
          log.push(`${path}${String(key)}`)
          return target[key as string]
        },
      })
    const b = tell('b.', { f() {}, m: new W.Memory({ initial: 1 }) })
    new W.Instance(new W.Module(bytes), tell('', { a: tell('a.', { g() {} }), b }))
    return log
  }
  expect(order(engines.ours)).toEqual(order(engines.node))
})

test('modules have slots only on request', async () => {
  const bytes = await wat('(module (func (export "f") (result i32) i32.const 1))')
  const slots = (options?: object) => Object.keys(new ours.Instance(new ours.Module(bytes, options)).slots)
  expect(slots()).toEqual([])
  expect(slots({ slots: [] })).toEqual(['f'])
})
