// Random histories of suspended calls: they begin, are settled in any order, trap, throw, and are left, while instances are made,
// linked, closed and collected: `node --expose-gc fuzz/suspensions.mjs [steps] [seed]`. Each result is checked.
import { createRequire } from 'node:module'
import loadWabt from 'wabt'

const require = createRequire(import.meta.url)
const { Instance, Module, Store, Suspending, link, promising } = require('..')
const { random } = require('./random.cjs')

const gc = globalThis.gc ?? fail('run node with --expose-gc')
const [steps = 1_000_000, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)
const { below } = random(seed)

function fail(...words) {
  console.error(`seed ${seed}:`, ...words)
  process.exit(1)
}

const TEXT = `(module
  (import "env" "wait" (func $wait (param i32) (result i32)))
  (import "env" "pass" (func $pass (param externref) (result externref)))
  (import "env" "next" (func $next (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $__stack_pointer (mut i32) (i32.const 65536))
  (export "__stack_pointer" (global $__stack_pointer))
  (table (export "table") 4 funcref)
  (elem (i32.const 0) $through)
  (func $through (param i32) (result i32) (call $wait (local.get 0)))
  ;; keeps a number on the shadow stack while it waits a number of times
  (func (export "keep") (param $value i32) (param $times i32) (result i32) (local $frame i32)
    (global.set $__stack_pointer (local.tee $frame (i32.sub (global.get $__stack_pointer) (i32.const 32))))
    (i32.store (local.get $frame) (local.get $value))
    (block (loop
      (br_if 1 (i32.le_s (local.get $times) (i32.const 0)))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (i32.store offset=4 (local.get $frame)
        (call_indirect (param i32) (result i32) (local.get $times) (i32.const 0)))
      (if (i32.eq (i32.load offset=4 (local.get $frame)) (i32.const -1)) (then unreachable))
      (br 0)))
    (i32.load (local.get $frame))
    (global.set $__stack_pointer (i32.add (local.get $frame) (i32.const 32))))
  ;; as "keep", with a frame of 128 bytes and more, and waits in the function of another instance
  (func (export "chain") (param $value i32) (param $depth i32) (result i32) (local $frame i32) (local $size i32)
    (local.set $size (i32.add (i32.const 128) (i32.and (local.get $value) (i32.const 0xff0))))
    (global.set $__stack_pointer (local.tee $frame (i32.sub (global.get $__stack_pointer) (local.get $size))))
    (memory.fill (local.get $frame) (local.get $value) (local.get $size))
    (if (i32.ne (i32.const 0) (if (result i32) (local.get $depth)
        (then (i32.sub (local.get $value) (call $next (local.get $value) (i32.sub (local.get $depth) (i32.const 1)))))
        (else (i32.eq (call $wait (local.get $value)) (i32.const -1)))))
      (then unreachable))
    (call $scribble (local.get $size))
    (local.set $depth (i32.const 0))
    (loop
      (if (i32.ne (i32.load8_u (i32.add (local.get $frame) (local.get $depth))) (i32.and (local.get $value) (i32.const 255)))
        (then (return (i32.const -7))))
      (br_if 0 (i32.lt_s (local.tee $depth (i32.add (local.get $depth) (i32.const 1))) (local.get $size))))
    (global.set $__stack_pointer (i32.add (local.get $frame) (local.get $size)))
    (local.get $value))
  ;; writes a frame of this size
  (func $scribble (export "scribble") (param $size i32) (local $frame i32)
    (global.set $__stack_pointer (local.tee $frame (i32.sub (global.get $__stack_pointer) (local.get $size))))
    (memory.fill (local.get $frame) (i32.const 0xee) (local.get $size))
    (global.set $__stack_pointer (i32.add (local.get $frame) (local.get $size))))
  (func (export "refer") (param externref) (result externref)
    (drop (call $wait (i32.const 1))) (call $pass (local.get 0)))
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
      (else (call $wait (i32.const 5))))))`

const features = { reference_types: true, mutable_globals: true, bulk_memory: true }
const bytes = (await loadWabt()).parseWat('suspended.wat', TEXT, features).toBinary({ write_debug_names: true }).buffer
const modules = ['cranelift', 'singlepass'].map((compiler) => new Module(bytes, { compiler }))

/** The most calls that wait at once. */
const MOST = 60

const waiting = []
const counts = {}
let store = new Store({ stackSize: 1 << 17 })
let instances = []

function wait(value) {
  if (below(8) === 0) within()
  if (below(3) === 0) return value
  const promise = new Promise((resolve, reject) => waiting.push({ resolve, reject }))
  // A call that cannot be suspended does not wait for it.
  promise.catch(() => {})
  return promise
}

/** Calls within a call: others whose frames lie between, and those that are suspended while it runs. */
function within() {
  if (instances.length === 0) return
  if (below(2) === 0) one().exports.scribble(below(4000))
  else if (waiting.length < MOST) begin.chain()
}

const imports = {
  env: { wait: new Suspending(wait), pass: new Suspending(async (value) => value), next: (value) => value },
}

const one = () => instances[below(instances.length)]

/** Counts how a call ends, and checks its result. */
function follow(promise, isRight) {
  const count = (word) => void (counts[word] = (counts[word] ?? 0) + 1)
  promise.then(
    (value) => (isRight(value) ? count('returned') : fail('wrong result', value)),
    (error) => (error instanceof Error && !(error.code in EXPECTED) ? fail(error) : count(error.code ?? error)),
  )
}
const EXPECTED = { ERR_RELINK_CLOSED: 1, ERR_RELINK_TRAP: 1, ERR_RELINK_SUSPEND: 1 }

const begin = {
  keep() {
    const value = below(1_000_000)
    follow(promising(one().exports.keep)(value, below(5)), (result) => result === value)
  },
  refer() {
    const value = {}
    follow(promising(one().exports.refer)(value), (result) => result === value)
  },
  chain() {
    const value = below(1_000_000)
    follow(promising(one().exports.chain)(value, below(4)), (result) => result === value)
  },
  deep: () => follow(promising(one().exports.deep)(below(2000)), Number.isInteger),
}

async function settle() {
  const [{ resolve, reject }] = waiting.splice(below(waiting.length), 1)
  const how = below(20)
  if (how === 0) reject('thrown')
  else resolve(how === 1 ? -1 : below(1000))
  for (let turn = 0; turn < 4; turn++) await undefined
}

function replace() {
  const implementation = below(2) === 0 ? one().exports.deep : (value) => value
  const isChain = below(3) > 0
  try {
    if (isChain) link(one().exports.chain, one().slot('env.next'))
    else link(implementation, one().slot('env.wait'))
  } catch (error) {
    if (!error.code?.startsWith('ERR_RELINK_')) throw error
  }
}

/** In a function of its own: the registers of a frame of V8's interpreter hold objects that are no longer in scope. */
async function run() {
  for (let step = 0; step < steps; step++) {
    const action = below(12)
    const mayBegin = instances.length > 0 && waiting.length < MOST
    if (action === 0 && instances.length < 12) instances.push(new Instance(modules[below(2)], imports, { store }))
    else if (action === 1 && instances.length > 3) {
      const [left] = instances.splice(below(instances.length), 1)
      if (below(2) === 0) left.close()
    } else if (action <= 3 && mayBegin) begin.keep()
    else if (action === 4 && mayBegin) begin.chain()
    else if (action === 5 && mayBegin) begin.refer()
    else if (action === 6 && mayBegin) begin.deep()
    else if (action === 7 && below(60) === 0) {
      gc()
      store.collect()
    } else if (action === 8 && instances.length > 0 && below(10) === 0) replace()
    else if (action === 9 && below(5000) === 0) {
      store.close()
      store = new Store({ stackSize: 1 << 17 })
      instances = []
    } else if (waiting.length > 0) await settle()
    if (step % 64 === 0) await new Promise(setImmediate)
    if (step % 100_000 === 0 && step > 0) console.log(step, counts)
  }
  while (waiting.length > 0) {
    for (const { resolve } of waiting.splice(0)) resolve(3)
    await new Promise(setImmediate)
  }
}

await run()
instances = []
for (let round = 0; round < 8; round++) {
  await new Promise(setImmediate)
  gc()
  store.collect()
}
if (store.stats().instances > 0) fail('instances are left:', store.stats().instances)
console.log(JSON.stringify(counts))
