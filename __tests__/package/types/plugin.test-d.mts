// `npm run types` checks this file; it never runs. Code that must not compile follows @ts-expect-error, which is an error
// itself if that code compiles.
import {
  compile,
  CompileError,
  Global,
  Instance,
  type InstanceOf,
  inspect,
  instantiate,
  link,
  type Link,
  LinkError,
  load,
  Memory,
  Module,
  promising,
  type PromisingExports,
  relink,
  type Imports,
  type Reserve,
  rewrite,
  Slot,
  Store,
  Suspending,
  type SuspendingImports,
  Table,
  validate,
  type WasmFunction,
  WebAssembly as Relinkable,
} from 'wasm-relink'
import { register } from 'wasm-relink/register'

interface Pricing {
  exports: {
    total(cents: bigint): bigint
    half(cents: bigint): bigint
    rate(country: number): number
    between(low: bigint, high: bigint): bigint
    tick(): void
    memory: Memory
    __indirect_function_table: Table
  }
  slots: {
    'pricing::discount': (cents: bigint) => bigint
    'pricing::rate': (country: number) => number
    'pricing::tick': () => void
  }
}

const plugin: InstanceOf<Pricing> = await load<Pricing>('pricing.wasm', {
  env: { log: (pointer: number) => void pointer },
})
const { exports, slots } = plugin

// Calls have the types of the shape.
const total: bigint = exports.total(1000n)
const buffer: ArrayBuffer = exports.memory.buffer
// @ts-expect-error a number where a bigint belongs
exports.total(1000)
// @ts-expect-error there is no such export
exports.totals
// @ts-expect-error exports are frozen
exports.total = exports.half

// A link of the same type.
const change: Link<[cents: bigint], bigint> = link(exports.half, slots['pricing::discount'])
link(exports.half, plugin.slot('pricing::discount'))
declare const tiered: Instance
link(exports.tick, slots['pricing::tick'])
link(slots['pricing::discount'].original, slots['pricing::discount'])
const previous: WasmFunction<[bigint], bigint> | null = change.previous

// @ts-expect-error number against bigint
link(exports.rate, slots['pricing::discount'])
// @ts-expect-error bigint against number
link(exports.half, slots['pricing::rate'])
// @ts-expect-error more parameters than the slot has
link(exports.between, slots['pricing::discount'])
// @ts-expect-error fewer parameters than the slot has
link(exports.tick, slots['pricing::rate'])
// @ts-expect-error a result where there should be none
link(exports.half as unknown as WasmFunction<[], bigint>, slots['pricing::tick'])
// @ts-expect-error no result where there should be one
link(exports.half as unknown as WasmFunction<[bigint], void>, slots['pricing::discount'])
// A JavaScript function, whose parameters get their types from the slot.
link((cents) => cents / 2n, slots['pricing::discount'])
link(() => 0n, slots['pricing::discount'])
// JavaScript may leave out parameters: the first of two.
link((cents) => cents / 2n, tiered.slot<[cents: bigint, quantity: number], bigint>('discount'))
link(
  (cents, quantity) => (quantity > 9 ? cents / 5n : 0n),
  tiered.slot<[cents: bigint, quantity: number], bigint>('discount'),
)
// @ts-expect-error: three parameters for two
link((_a: bigint, _b: number, _c: number) => 0n, tiered.slot<[cents: bigint, quantity: number], bigint>('discount'))
relink([[(cents: bigint) => cents, slots['pricing::discount']]])
// @ts-expect-error a JavaScript function with another parameter type
link((_cents: number) => 0n, slots['pricing::discount'])
// @ts-expect-error a JavaScript function with another result type
link(() => 0, slots['pricing::discount'])
// @ts-expect-error the reverse
link(slots['pricing::discount'], exports.half)
// @ts-expect-error there is no such slot
link(exports.half, slots['pricing::discout'])

// `relink`: each pair is checked by its own types.
relink([
  [exports.half, slots['pricing::discount']],
  [exports.rate, slots['pricing::rate']],
]).undo()
relink(new Map([[exports.half, slots['pricing::discount']]]))
relink([])
relink([
  [exports.half, slots['pricing::discount']],
  // @ts-expect-error the second pair does not fit
  [exports.half, slots['pricing::rate']],
])
// @ts-expect-error not pairs
relink([exports.half])

// Entries of tables have the type that the caller gives.
const entry: Slot<[], number> = exports.__indirect_function_table.slot<[], number>(1)
// @ts-expect-error of another type
link(exports.half, entry)
link(exports.half, exports.__indirect_function_table.slot(1))

// Optional members stay optional.
interface Optional {
  exports: { opt?: (a: number) => number; memory?: Memory }
  slots: { 'a::opt'?: (a: number) => number }
}
const partial = await load<Optional>('partial.wasm')
const maybe: WasmFunction<[a: number], number> | undefined = partial.exports.opt
const maybeMemory: Memory | undefined = partial.exports.memory
partial.exports.opt?.(1)
// @ts-expect-error it may be missing
partial.exports.opt(1)
// @ts-expect-error of another type
partial.exports.opt?.('1')
const maybeSlot: Slot<[a: number], number> | undefined = partial.slots['a::opt']
// @ts-expect-error it may be missing
link((a: number) => a, partial.slots['a::opt'])
if (partial.exports.opt && maybeSlot) link(partial.exports.opt, maybeSlot)

// Without a shape, every name is allowed.
const untyped = await load({ href: 'file:///plugin.wasm', protocol: 'file:' })
untyped.exports.anything(1, 'two')
link(untyped.exports.f, untyped.slot('f'))
link(exports.half, untyped.slots['f']!)

// The classes can be typed in both ways.
const typed: Instance<{ add(a: number, b: number): number }, {}> = new Instance(new Module(new Uint8Array()))
const sum: number = typed.exports.add(1, 2)
const both = await instantiate<Pricing>(new Uint8Array(), {}, { compiler: 'singlepass', store: new Store() })
both.instance.exports.total(1n)
const one = await instantiate<Pricing>(both.module)
one.exports.total(1n)
const compiled: Module = await compile(new ArrayBuffer(8), { compiler: 'cranelift' })
const valid: boolean = validate(new SharedArrayBuffer(8))

const wide = new Global({ value: 'i64', mutable: true }, 1n)
wide.value = 2n
// @ts-expect-error an i64 is a bigint
wide.value = 2
const narrow: number = new Global({ value: 'f32' }).value

// The buffer of a memory is of the class that the memory has.
const own: ArrayBuffer = new Memory({ initial: 1 }).buffer
const shared = new Memory({ initial: 1, maximum: 2, shared: true })
const common: SharedArrayBuffer = shared.buffer
// @ts-expect-error that of a shared memory is no ArrayBuffer
const mistaken: ArrayBuffer = shared.buffer
const either = (memory: Memory<boolean>): Uint8Array => new Uint8Array(memory.buffer)
const imported: Imports = { env: { memory: shared } }
const bytesOf = [
  new Uint8Array(own),
  new Uint8Array(common),
  either(shared),
  either(exports.memory),
  mistaken,
  imported,
]

// The option `slots`, and the lists of slots.
const picked = await load<Pricing>('pricing.wasm', {}, { slots: ['discount', 'pricing::*', /tax$/] })
await compile(new Uint8Array(), { slots: 'all' })
link((a: number) => a, picked.slot<[number], number>(12), { merged: true })
relink([[exports.half, slots['pricing::discount']]], { merged: false })
for (const { name, functionIndex = -1, type, whyNot } of Module.slots(compiled, { all: true })) {
  const words: string[] = [name, String(functionIndex), type?.results[0] ?? 'nothing', whyNot?.reason ?? 'a slot']
  void words
}
const rewritten: Uint8Array = rewrite(new Uint8Array(), { slots: 'none' })
const sizes: number[] = [inspect(rewritten).rewrittenSize, ...inspect(rewritten).sections.map(({ size }) => size)]
const reserved: Reserve[] = [both.instance.reserve, inspect(rewritten).reserve]
new Memory({ initial: 1, maximum: 2 }, { reserve: reserved[0], store: new Store() })
// @ts-expect-error no such reservation
await compile(new Uint8Array(), { reserve: 'tiny' })
// @ts-expect-error a name goes into an array
await compile(new Uint8Array(), { slots: 'discount' })
// @ts-expect-error `inspect` compiles nothing, so it has no such option
inspect(new Uint8Array(), { compiler: 'cranelift' })

// @ts-expect-error no such option
await compile(new Uint8Array(), { compilr: 'cranelift' })
// @ts-expect-error no such compiler
validate(new Uint8Array(), { compiler: 'llvm' })
// @ts-expect-error a string is not bytes
new Module('(module)')
// @ts-expect-error slots are found, not made
new Slot()
// @ts-expect-error no entries of that kind
new Table({ element: 'i32', initial: 1 })

// Columns have the types of the function.
const halves: BigInt64Array | BigUint64Array = exports.half.map(BigInt64Array.of(4n))
exports.rate.map(Int32Array.of(4), { into: new Float64Array(1) })
exports.tick.map() satisfies undefined
// @ts-expect-error such an array holds no bigint
exports.half.map(Int32Array.of(4))
// @ts-expect-error one parameter, one column
exports.half.map()

try {
  using _scope = link(exports.half, slots['pricing::discount'])
} catch (error) {
  if (error instanceof LinkError) {
    const lines: string[] = [error.code, error.message, error.slot ?? '', ...(error.candidates ?? [])]
    const first: number | undefined = error.refusals?.[0]?.index
    void [lines, first]
  } else if (error instanceof CompileError) void error.offset
}

void [bytesOf, halves, maybe, maybeMemory, sizes, total, buffer, previous, sum, compiled, valid, narrow]

// A typed plugin's slots have the names of the shape, or ends of their paths.
const byEnd: Slot<[cents: bigint], bigint> = plugin.slot('discount')
const byNumber: Slot = plugin.slot(3)
// @ts-expect-error a misspelled name
plugin.slot('discuont')
const anySlot: Slot = (await load('other.wasm')).slot('anything')

// An export is never a string.
const named = await load<{ exports: { name: string } }>('pricing.wasm')
// @ts-expect-error so it is not assignable to one
const nameOf: string = named.exports.name
// @ts-expect-error and has no properties of one
void named.exports.name.length
void [byEnd, byNumber, anySlot, nameOf]

// The names of the namespace are types too, and a memory fits where the global one is expected.
const ofNamespace: Relinkable.Module = await Relinkable.compile(new Uint8Array())
/** As TypeScript's own library has it. */
interface GlobalMemory {
  readonly buffer: ArrayBuffer
  grow(delta: number): number
  toFixedLengthBuffer(): ArrayBuffer
  toResizableBuffer(): ArrayBuffer
}
const globalMemory: GlobalMemory = new Memory({ initial: 1 })
void [ofNamespace, globalMemory, Instance.of(exports.total)?.exports, Instance.all(new Store()).length]
register({ slots: ['compress'] })
// @ts-expect-error no such word
register({ slots: 'some' })

// Typed functions take and return strings, records and so on.
interface Item {
  sku: string
  price: bigint
}
interface Order {
  items: Item[]
  note: string | undefined
}
type Problem = { tag: 'empty' } | { tag: 'unknown'; val: string }
interface Shop {
  exports: { callDiscount(order: Order): bigint; greet(name: string): string; reverse(bytes: Uint8Array): Uint8Array }
  slots: {
    'shop::discount': (order: Order) => bigint
    'shop::greet': (name: string) => string
    'shop::check': (order: Order) => Problem | undefined
  }
}
const shop = await load<Shop>('shop.wasm', {
  env: { translate: (text: string, language: string): string | undefined => (language === 'en' ? text : undefined) },
})
const order: Order = { items: [{ sku: 'a', price: 1n }], note: undefined }
const price: bigint = shop.exports.callDiscount(order)
const greeting: string = shop.exports.greet('Ada')
const reversed: Uint8Array = shop.exports.reverse(Uint8Array.of(1))
// @ts-expect-error a string where a record belongs
shop.exports.callDiscount('order')
// @ts-expect-error a record without a field
shop.exports.callDiscount({ items: [] })
link((given) => given.items.reduce((sum, item) => sum + item.price, 0n), shop.slots['shop::discount'])
link(shop.exports.callDiscount, shop.slots['shop::discount'])
link(shop.slots['shop::greet'].original, shop.slots['shop::greet'])
link(({ note }) => (note === undefined ? { tag: 'empty' } : { tag: 'unknown', val: note }), shop.slots['shop::check'])
const current: string | undefined = shop.slots['shop::greet'].current?.('Ada')
// @ts-expect-error a number where a bigint belongs
link(() => 1, shop.slots['shop::discount'])
// @ts-expect-error another parameter
link((name: number) => `${name}`, shop.slots['shop::greet'])
// @ts-expect-error a typed function of another type
link(shop.exports.greet, shop.slots['shop::discount'])
void [price, greeting, reversed, current]

// Imports that wait
type PriceImports = { env: { fetchPrice(id: number): bigint; now(): number } }
const waiting: SuspendingImports<PriceImports> = {
  env: { fetchPrice: async (id) => BigInt(id), now: new Suspending(async () => 1) },
}
const awaited = await load<Pricing>('pricing.wasm', waiting, { suspending: ['env.fetchPrice'] })
awaited.exports.total(1n) satisfies Promise<bigint>
awaited.exports.memory satisfies Memory
awaited satisfies Instance<PromisingExports<Pricing['exports']>, Pricing['slots']>
// @ts-expect-error -- a promise
awaited.exports.total(1n) satisfies bigint
const synchronous = await load<Pricing>('pricing.wasm', {}, { suspending: undefined })
synchronous.exports.total(1n) satisfies bigint
promising(synchronous.exports.total)(1n) satisfies Promise<bigint>
const { instance: bytesAwaited } = await instantiate<Pricing>(new Uint8Array(), waiting, { suspending: [] })
bytesAwaited.exports.total(1n) satisfies Promise<bigint>
// @ts-expect-error -- neither a bigint nor a promise of one
waiting.env.fetchPrice = async (id) => id
