// WebAssembly exceptions: thrown and caught on both sides, with the instructions of both proposals.
import { Exception, Instance, Module, RuntimeError, Store, Tag, WebAssembly as ours, link } from '../..'
import { instanceOf, thrownBy, wat } from '../support'

/** A module with legacy exceptions, which Node runs too. */
const legacy = `(module
 (import "e" "f" (func $f (param i32) (result i32)))
 (tag $a (param i32)) (tag $b (param i64 f64)) (tag $c)
 (export "a" (tag $a)) (export "b" (tag $b))
 (func $thrower (param i32) (result i32)
   (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $a (i32.const 11))))
   (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $b (i64.const 22) (f64.const 2.5))))
   (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $c)))
   (if (i32.eq (local.get 0) (i32.const 4)) (then (unreachable)))
   (if (i32.ge_s (local.get 0) (i32.const 5)) (then (return (call $f (local.get 0)))))
   (i32.add (local.get 0) (i32.const 100)))
 (func (export "simple") (param i32) (result i32)
   try (result i32) (call $thrower (local.get 0)) catch $a (i32.add (i32.const 1000)) catch $b drop i32.wrap_i64 catch_all (i32.const -1) end)
 (func (export "partial") (param i32) (result i32)
   try (result i32) (call $thrower (local.get 0)) catch $a (i32.add (i32.const 1000)) end)
 (func (export "rethrow") (param i32) (result i32)
   try (result i32)
     try (result i32) (call $thrower (local.get 0)) catch $a drop rethrow 0 catch_all (if (i32.eq (local.get 0) (i32.const 3)) (then (rethrow 1))) (i32.const 77) end
   catch $a (i32.mul (i32.const 3)) catch $c (i32.const 333) end)
 (func (export "delegate") (param i32) (result i32)
   try $outer (result i32)
     try $mid (result i32)
       try $inner (result i32) (call $thrower (local.get 0)) delegate $outer
     catch_all (i32.const -5) end
   catch $a (i32.add (i32.const 5000)) catch_all (i32.const 6000) end)
 (func (export "delegate_out") (param i32) (result i32)
   try (result i32)
     try (result i32) (call $thrower (local.get 0)) delegate 1
   catch_all (i32.const -5) end)
 (func (export "branches") (param i32) (result i32) (local $n i32)
   block $x (result i32)
     loop $l
       try $t
         (local.set $n (i32.add (local.get $n) (i32.const 1)))
         (br_if $t (i32.eq (local.get 0) (i32.const 100)))
         (br $x (call $thrower (local.get 0)))
       catch $a
         (i32.add (local.get $n)) (local.set $n)
         (br_if $l (i32.lt_s (local.get $n) (i32.const 50)))
         (return (local.get $n))
       catch_all
         (br_table $t $l $t (i32.const 0))
       end
     end
     (i32.const 900)
   end)
 (func (export "nested") (param i32) (result i32)
   try (result i32)
     (call $thrower (local.get 0))
   catch_all
     try (result i32)
       try (result i32) (call $thrower (i32.const 2)) catch $a rethrow 2 catch_all rethrow 2 end
     catch $b drop i32.wrap_i64
     catch $a (i32.add (i32.const 7))
     end
   end)
 (func (export "inloop") (param i32) (result i32) (local $s i32)
   loop $l
     try
       (local.set $s (i32.add (local.get $s) (call $thrower (i32.const 1))))
     catch $a
       (i32.add (local.get $s)) local.set $s
     end
     (br_if $l (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0)))
   end
   local.get $s)
)`

/** The result of each call of such a module, as text. `W` is the namespace. */
function answers(W: any, bytes: Uint8Array, options?: object): string[] {
  const { Tag: AnyTag, Exception: AnyException } = W
  const strange = new AnyTag({ parameters: ['i32'] })
  let exports: any
  const hand: Record<number, () => unknown> = {
    5: () => {
      throw new Error('of JavaScript')
    },
    6: () => {
      throw new AnyException(exports.a, [66])
    },
    7: () => {
      throw new AnyException(strange, [1])
    },
    8: () => {
      // eslint-disable-next-line no-throw-literal
      throw 'text'
    },
    9: () => exports.simple(1),
    10: () => exports.partial(3),
    11() {
      try {
        return exports.partial(2)
      } catch (error: any) {
        return Number(error.getArg(exports.b, 0)) + error.getArg(exports.b, 1) * 2
      }
    },
    12: () => {
      throw undefined
    },
    13: () => exports.simple(4),
  }
  const f = (number: number) => hand[number]?.() ?? number * 2
  exports = new W.Instance(new W.Module(bytes, options), { e: { f } }).exports
  const say = (error: any): string => {
    if (!(error instanceof AnyException))
      return error instanceof W.RuntimeError ? `trap ${error.message}` : String(error)
    const anyError = error as any
    if (anyError.is(exports.a)) return `a ${anyError.getArg(exports.a, 0)}`
    if (anyError.is(exports.b)) return `b ${anyError.getArg(exports.b, 0)} ${anyError.getArg(exports.b, 1)}`
    return anyError.is(strange) ? 'strange' : 'another'
  }
  const names = Object.keys(exports).filter((name) => typeof exports[name] === 'function')
  return names.flatMap((name) =>
    Array.from({ length: 14 }, (_, number) => {
      try {
        return `${name}(${number}): ${exports[name](number)}`
      } catch (error) {
        return `${name}(${number}) throws ${say(error)}`
      }
    }),
  )
}

test.each([[{}], [{ slots: 'all' }], [{ slots: ['thrower'] }]])(
  'what a legacy module catches, it catches here, with %p',
  async (options) => {
    const bytes = await wat(legacy, { exceptions: true })
    const node = answers(WebAssembly, bytes)
    expect(answers(ours, bytes, options)).toEqual(node)
    expect(node.length).toBe(8 * 14)
  },
)

const modern = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (import "env" "tag" (tag $given (param i32)))
  (tag $own (export "own") (param f64 externref))
  (export "given" (tag $given))
  (func (export "throw") (param f64 externref) (throw $own (local.get 0) (local.get 1)))
  (func (export "again") (param i32) (result i32)
    (block $h (result exnref)
      (return (try_table (result i32) (catch_all_ref $h) (call $f (local.get 0)))))
    throw_ref)
  (func (export "catch") (param i32) (result i32)
    (block $all
      (return (block $h (result i32)
        (try_table (result i32) (catch $given $h) (catch_all $all) (call $f (local.get 0))))))
    (i32.const -1)))`

async function thrower(f: (number: number) => unknown = () => 0) {
  const tag = new Tag({ parameters: ['i32'] })
  const bytes = await wat(modern, { exceptions: true })
  const { exports } = new Instance(new Module(bytes), { env: { f, tag } })
  return { exports, tag }
}

test('JavaScript sees an exception of WebAssembly as an Exception', async () => {
  const { exports, tag } = await thrower()
  const value = {}
  const error = thrownBy(() => exports.throw(2.5, value)) as unknown as Exception
  expect(error).toBeInstanceOf(Exception)
  expect(error).not.toBeInstanceOf(Error)
  expect([error.is(exports.own), error.is(tag)]).toEqual([true, false])
  expect([error.getArg(exports.own, 0), error.getArg(exports.own, 1)]).toEqual([2.5, value])
  expect(exports.given).toBe(tag)
})

test('a value that JavaScript throws comes back as the same object, also if WebAssembly catches and rethrows it', async () => {
  const thrown: unknown[] = [new Error('x'), 'text', null, undefined, 5, {}, () => {}]
  const { exports, tag } = await thrower((number) => {
    throw thrown[number]
  })
  thrown.push(new Exception(tag, [7]), new Exception(new Tag({ parameters: [] }), []))
  for (const [number, value] of thrown.entries()) {
    let caught: unknown = 'nothing'
    try {
      exports.again(number)
    } catch (error) {
      caught = error
    }
    expect(caught).toBe(value)
  }
  expect(thrown.map((_, number) => exports.catch(number))).toEqual([-1, -1, -1, -1, -1, -1, -1, 7, -1])
})

test('a trap is not caught, even with JavaScript in between', async () => {
  const { exports: inner } = await instanceOf('(module (func (export "trap") unreachable))')
  const { exports } = await thrower(() => inner.trap())
  expect(() => exports.catch(0)).toThrow(RuntimeError)
})

test('WebAssembly catches an exception of a JavaScript function in a slot', async () => {
  const { exports } = await thrower()
  const bytes = await wat(modern, { exceptions: true })
  const instance = new Instance(new Module(bytes), { env: { f: () => 1, tag: exports.given } })
  const change = link(() => {
    throw new Exception(exports.given, [44])
  }, instance.slot('env.f'))
  expect(instance.exports.catch(0)).toBe(44)
  change.undo()
  expect(instance.exports.catch(0)).toBe(1)
})

test('exceptions pass through code of the other compiler', async () => {
  const tag = new Tag({ parameters: ['i32'] })
  const { exports: inner } = new Instance(new Module(await wat(modern, { exceptions: true })), {
    env: {
      tag,
      f: (number: number) => {
        throw new Exception(tag, [number])
      },
    },
  })
  const through = await instanceOf(
    '(module (import "e" "again" (func $f (param i32) (result i32))) (func (export "f") (param i32) (result i32) (call $f (local.get 0))))',
    { e: { again: inner.again } },
    { compiler: 'singlepass' },
  )
  const { exports: outer } = new Instance(new Module(await wat(modern, { exceptions: true })), {
    env: { tag, f: through.exports.f },
  })
  expect(outer.catch(9)).toBe(9)
  expect((thrownBy(() => through.exports.f(8)) as unknown as Exception).getArg(tag, 0)).toBe(8)
})

test('many exceptions, one after the other', async () => {
  const { exports, tag } = await thrower((number) => {
    throw number % 2 ? new Exception(tag, [number]) : { number }
  })
  for (let number = 0; number < 20_000; number++) expect(exports.catch(number)).toBe(number % 2 ? number : -1)
})

describe('refused', () => {
  const tag = new Tag({ parameters: ['i32'] })

  test('a tag of another type', async () => {
    const bytes = await wat(modern, { exceptions: true })
    const other = new Tag({ parameters: ['i64'] })
    const error = thrownBy(() => new Instance(new Module(bytes), { env: { f() {}, tag: other } }))
    expect(error).toMatchObject({ code: 'ERR_RELINK_IMPORT', expected: 'tag (i32)', actual: 'tag (i64)' })
  })

  test('a tag of another store', async () => {
    const bytes = await wat(modern, { exceptions: true })
    const error = thrownBy(() => new Instance(new Module(bytes), { env: { f() {}, tag } }, { store: new Store() }))
    expect(error.code).toBe('ERR_RELINK_STORE')
    expect(new Exception(tag, [1]).is(new Tag({ parameters: ['i32'] }, { store: new Store() }))).toBe(false)
  })

  test('a tag of Node', async () => {
    const bytes = await wat(modern, { exceptions: true })
    const node = new (WebAssembly as any).Tag({ parameters: ['i32'] })
    const error = thrownBy(() => new Instance(new Module(bytes), { env: { f() {}, tag: node } }))
    expect(error).toMatchObject({ code: 'ERR_RELINK_IMPORT', actual: expect.stringContaining("Node's WebAssembly") })
  })

  test.each([
    ['no tag', () => new Exception({} as never, []), 'ERR_INVALID_ARG_TYPE'],
    ['no payload', () => new Exception(tag, 5 as never), 'ERR_INVALID_ARG_TYPE'],
    ['too few values', () => new Exception(tag, []), 'ERR_INVALID_ARG_VALUE'],
    ['an argument that is not there', () => new Exception(tag, [1]).getArg(tag, 1), 'ERR_OUT_OF_RANGE'],
    ['no types', () => new Tag({} as never), 'ERR_INVALID_ARG_TYPE'],
    ['types that are none', () => new Tag({ parameters: ['v128' as never] }), 'ERR_INVALID_ARG_VALUE'],
  ])('%s', (_, run, code) => {
    expect(thrownBy(run)).toMatchObject({ code })
  })
})

test('a function of JavaScript keeps its name through an adapter', async () => {
  const text = (tag: string) => `(module
    (import "env" "a" (func)) (import "env" "b" (func $b)) ${tag} (export "b" (func $b)))`
  const all = [await wat(text('')), await wat(text('(tag)'), { exceptions: true })]
  const imports = { env: { a() {}, b() {} } }
  for (const each of all) {
    expect(new ours.Instance(new ours.Module(each), imports).exports.b.name).toBe('1')
    expect((new WebAssembly.Instance(new WebAssembly.Module(each), imports).exports['b'] as Function).name).toBe('1')
  }
})
