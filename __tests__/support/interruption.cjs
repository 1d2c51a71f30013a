'use strict'

// A program of deadlines.test.ts: node interruption.cjs COMPILER [worker]. It prints a line for each scenario, and must exit by
// itself: the test kills it if an endless loop is not interrupted.

const { Worker, isMainThread, workerData } = require('node:worker_threads')
const loadWabt = require('wabt')
const relink = require('../..')

/** Functions that end if their parameter is 0, and never do otherwise. */
const ENDLESS = `(module
  (import "env" "js" (func $js (param i32) (result i32)))
  (memory (export "memory") 1)
  (table (export "table") 1000 funcref)
  (elem declare func $spin)
  (func $spin (export "spin") (param i32) (result i32) (loop $again (br_if $again (local.get 0))) (i32.const 7))
  (func (export "calculate") (param i32) (result i32) (local $sum i64)
    (loop $again
      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 3)) (i64.const 1)))
      (i64.store (i32.const 8) (local.get $sum))
      (br_if $again (local.get 0)))
    (i32.const 7))
  (func $twice (export "recurse") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then
        (drop (call $twice (i32.sub (local.get 0) (i32.const 1))))
        (call $twice (i32.sub (local.get 0) (i32.const 1))))
      (else (i32.const 7))))
  (func (export "callJs") (param i32) (result i32)
    (loop $again (drop (call $js (local.get 0))) (br_if $again (local.get 0)))
    (i32.const 7))
  (func (export "once") (param i32) (result i32) (call $js (local.get 0)))
  (func (export "fill") (param i32) (result i32)
    (loop $again
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 60000))
      (br_if $again (local.get 0)))
    (i32.const 7))
  (func (export "copy") (param i32) (result i32)
    (loop $again
      (memory.copy (i32.const 0) (i32.const 5000) (i32.const 60000))
      (br_if $again (local.get 0)))
    (i32.const 7))
  (func (export "grow") (param i32) (result i32)
    (loop $again
      (drop (memory.grow (i32.const 0)))
      (drop (table.grow (ref.null func) (i32.const 0)))
      (br_if $again (local.get 0)))
    (i32.const 7))
  (func (export "fillTable") (param i32) (result i32)
    (loop $again
      (table.fill (i32.const 0) (ref.func $spin) (i32.const 1000))
      (br_if $again (local.get 0)))
    (i32.const 7))
  (func (export "reference") (param i32 externref) (result i32)
    (loop $again (br_if $again (local.get 0)))
    (i32.const 7)))`

const HUGE = `(module
  (memory 65535)
  (func (export "fill") (memory.fill (i32.const 0) (i32.const 1) (i32.const 0xffff0000)))
  (func (export "copy") (memory.copy (i32.const 65536) (i32.const 0) (i32.const 0xfffe0000)))
  (func (export "outside") (memory.fill (i32.const 1) (i32.const 1) (i32.const 0xffff0000)))
  (func (export "first") (result i32) (i32.load8_u (i32.const 1))))`

const START = `(module (func $spin (loop $again (br $again))) (start $spin))`

const CALLER = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (func (export "call") (param i32) (result i32) (call $f (local.get 0))))`

const SHARED = `(module
  (memory 1 1 shared)
  (func (export "wait") (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))`

async function main(compiler) {
  const wabt = await loadWabt()
  const features = { bulk_memory: true, reference_types: true, mutable_globals: true, threads: true }
  const other = compiler === 'cranelift' ? 'singlepass' : 'cranelift'
  const compile = (text, name = compiler) => {
    const module = wabt.parseWat('test.wat', text, features)
    module.resolveNames()
    return new relink.Module(module.toBinary({ write_debug_names: true }).buffer, { compiler: name, slots: 'all' })
  }
  const [endless, huge, start, caller, shared] = [ENDLESS, HUGE, START, CALLER, SHARED].map((text) => compile(text))
  const [elsewhere, callerElsewhere] = [ENDLESS, CALLER].map((text) => compile(text, other))

  /** The error of a call as text; its result if it returns. */
  const outcome = (call) => {
    try {
      return String(call())
    } catch (error) {
      const isOurs = error instanceof relink.RuntimeError && error instanceof WebAssembly.RuntimeError
      return [isOurs && error.code, error.timeout].filter(Boolean).join(' ')
    }
  }
  const say = (name, ...outcomes) => console.log([name, ...outcomes].join(': '))
  const instance = (module, store, js = (value) => value, options = {}) =>
    new relink.Instance(module, { env: { js } }, { store, ...options })

  const store = new relink.Store({ timeout: 20 })
  const guarded = instance(endless, store)
  for (const name of ['spin', 'calculate', 'callJs', 'fill', 'copy', 'grow', 'fillTable', 'reference']) {
    say(
      name,
      outcome(() => guarded.exports[name](1)),
      outcome(() => guarded.exports[name](0)),
    )
  }
  say(
    'recurse',
    outcome(() => guarded.exports.recurse(100)),
    outcome(() => guarded.exports.recurse(3)),
  )
  say(
    'map',
    outcome(() => guarded.exports.spin.map(Int32Array.of(0, 0, 1, 0))),
    guarded.exports.spin.map(Int32Array.of(0)),
  )
  say(
    'start',
    outcome(() => new relink.Instance(start, {}, { store })),
  )

  const unguarded = new relink.Store()
  const own = instance(endless, unguarded, undefined, { timeout: 15 })
  say(
    'of an instance',
    outcome(() => own.exports.spin(1)),
    outcome(() => own.exports.spin(0)),
  )
  say(
    'start of an instance',
    outcome(() => new relink.Instance(start, {}, { store: unguarded, timeout: 15 })),
  )
  say(
    'the shorter',
    outcome(() => instance(endless, store, undefined, { timeout: 5 }).exports.spin(1)),
  )
  say(
    'the shorter of the store',
    outcome(() => instance(endless, store, undefined, { timeout: 5000 }).exports.spin(1)),
  )

  // Loops through links, bridges and instances.
  const plain = instance(endless, unguarded)
  const call = (module, f) => new relink.Instance(module, { env: { f } }, { store: unguarded })
  say(
    'withTimeout',
    outcome(() => relink.withTimeout(10, () => plain.exports.spin(1))),
    plain.exports.spin(0),
  )
  say(
    'its result',
    relink.withTimeout(10_000, () => plain.exports.spin(0)),
  )
  say(
    'an instance',
    outcome(() => relink.withTimeout(10, () => call(caller, plain.exports.spin).exports.call(1))),
  )
  const bridged = call(callerElsewhere, plain.exports.spin)
  say(
    'a bridge',
    outcome(() => relink.withTimeout(10, () => bridged.exports.call(1))),
    bridged.exports.call(0),
  )
  const linked = call(caller, (value) => value)
  for (const { exports } of [plain, instance(elsewhere, unguarded)]) {
    relink.link(exports.spin, linked.slots['env.f'])
    say(
      'a link',
      outcome(() => relink.withTimeout(10, () => linked.exports.call(1))),
      linked.exports.call(0),
    )
  }

  // A deadline does not interrupt JavaScript in between; it ends wasm when that goes on.
  const busy = (milliseconds) => {
    const end = performance.now() + milliseconds
    while (performance.now() < end);
  }
  const events = []
  const between = instance(endless, unguarded, (value) => {
    events.push('begin')
    busy(30)
    events.push('end')
    return value
  })
  say(
    'JavaScript in between',
    outcome(() => relink.withTimeout(10, () => between.exports.once(1))),
    events,
  )
  say(
    'JavaScript around it',
    relink.withTimeout(10, () => {
      busy(30)
      return outcome(() => plain.exports.spin(0))
    }),
  )
  const caught = instance(endless, unguarded, () => {
    outcome(() => plain.exports.spin(1))
    return 0
  })
  say(
    'caught in between',
    outcome(() => relink.withTimeout(10, () => caught.exports.once(1))),
    caught.exports.spin(0),
  )

  // Of nested deadlines, the nearest counts.
  const nested = (outer, inner) =>
    outcome(() => relink.withTimeout(outer, () => relink.withTimeout(inner, () => plain.exports.spin(1))))
  say('nested', nested(10, 5000), nested(5000, 10))
  say(
    'after an inner one',
    relink.withTimeout(30_000, () => [
      outcome(() => relink.withTimeout(10, () => plain.exports.spin(1))),
      plain.exports.spin(0),
    ]),
  )
  const thrown = new Error('mine')
  say(
    'an error of the block',
    (() => {
      try {
        relink.withTimeout(1000, () => {
          throw thrown
        })
      } catch (error) {
        return error === thrown
      }
    })(),
  )
  say(
    'the stack',
    (() => {
      try {
        guarded.exports.spin(1)
      } catch ({ stack }) {
        return /at spin \(wasm-function\[\d+\]:0x[0-9a-f]{1,4}\)/.test(stack)
      }
    })(),
  )

  // Bulk instructions over gigabytes.
  const big = new relink.Instance(huge, {}, { store: unguarded })
  say(
    'a long fill',
    outcome(() => relink.withTimeout(10, () => big.exports.fill())),
  )
  say(
    'a long copy',
    outcome(() => relink.withTimeout(10, () => big.exports.copy())),
  )
  big.close()
  const small = new relink.Instance(huge, {}, { store: unguarded })
  say(
    'a long fill out of bounds',
    outcome(() => small.exports.outside()),
    small.exports.first(),
  )
  small.close()
  const waiting = new relink.Instance(shared, {}, { store: unguarded })
  say(
    'a wait',
    outcome(() => relink.withTimeout(10, () => waiting.exports.wait())),
  )

  // A loop while its instance tiers up.
  const tiered = new relink.Module(wabt.parseWat('test.wat', ENDLESS, features).toBinary({}).buffer, {
    compiler: 'auto',
  })
  const moving = new relink.Instance(tiered, { env: { js: (value) => value } }, { store })
  say(
    'before the tier-up',
    outcome(() => moving.exports.spin(1)),
    moving.exports.spin(0),
  )
  await moving.optimized
  say(
    'after the tier-up',
    outcome(() => moving.exports.spin(1)),
    moving.exports.spin(0),
  )
}

if (isMainThread && process.argv[3] === 'worker') new Worker(__filename, { workerData: process.argv[2] })
else void main(workerData ?? process.argv[2])
