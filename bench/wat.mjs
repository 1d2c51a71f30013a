// Small modules as text: loops that call a function in each possible way, and the functions that they call.
import wabt from 'wabt'

const { parseWat } = await wabt()

/** Assembles a module. */
export const assemble = (text) => parseWat('bench.wat', text).toBinary({}).buffer

const next = (head) => `(func ${head} (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))`
/** An export `loop` that makes `$n` calls, each with the result of the one before. */
const loop = (call) => `
  (func (export "loop") (param $n i32) (result i32) (local $x i32)
    (loop $again
      (local.set $x (${call} (local.get $x)${call.startsWith('call_indirect') ? ' (i32.const 0)' : ''}))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))`

/** Exports a table with these limits, and calls its entry 0. */
const tableOf = (limits) =>
  assemble(
    `(module
      (type $next (func (param i32) (result i32)))
      (table (export "table") ${limits} funcref)
      (elem (i32.const 0) $own)
      ${next('$own')}
      ${loop('call_indirect (type $next)')})`,
  )

/** Exports `add`, and the same for other types. */
export const adding = assemble(
  `(module
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "long") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
    (func (export "double") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
    (func (export "swap") (param i32 i32) (result i32 i32) (local.get 1) (local.get 0)))`,
)
/** Exports this number of functions: `f0`, `f1` and so on. */
export const many = (count) =>
  assemble(`(module ${Array.from({ length: count }, (_, index) => next(`(export "f${index}")`)).join('')})`)
/** Exports `next`, which the others call. */
export const provider = assemble(`(module ${next('(export "next")')})`)
/** Calls a function of its own, which it exports. */
export const within = assemble(`(module ${next('$next (export "next")')} ${loop('call $next')})`)
/** Calls an import. */
export const importing = assemble(
  `(module (import "env" "next" (func $next (param i32) (result i32))) ${loop('call $next')})`,
)
/** Calls a function that it declares as a slot. */
export const declaring = assemble(
  `(module
    (import "relink" "bench::next" (func $next (param i32) (result i32)))
    ${next('(export "relink:bench::next")')}
    ${loop('call $next')})`,
)
/** Calls entry 0 of its table, which can grow. */
export const throughTable = tableOf('1')
/** Calls entry 0 of its table of fixed size, as Rust's are. */
export const throughFixedTable = tableOf('1 1')

/** Exports `answer`, without parameters: every host of plugins can call it. */
export const answering = assemble('(module (func (export "answer") (result i32) (i32.const 42)))')
/** Exports `flip`, which inverts each bit of bytes in its memory, eight bytes at a time. */
export const flipping = assemble(
  `(module
    (memory (export "memory") 1)
    (func (export "flip") (param $at i32) (param $end i32)
      (loop $again
        (i64.store (local.get $at) (i64.xor (i64.load (local.get $at)) (i64.const -1)))
        (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $end))))))`,
)
/** `flip` as a plugin of Extism's: its input and output are in memory of the host. */
export const flippingForExtism = assemble(
  `(module
    (import "extism:host/env" "input_length" (func $length (result i64)))
    (import "extism:host/env" "input_load_u64" (func $load (param i64) (result i64)))
    (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
    (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
    (import "extism:host/env" "output_set" (func $output (param i64 i64)))
    (func (export "flip") (local $to i64) (local $at i64)
      (local.set $to (call $alloc (call $length)))
      (loop $again
        (call $store
          (i64.add (local.get $to) (local.get $at))
          (i64.xor (call $load (local.get $at)) (i64.const -1)))
        (br_if $again (i64.lt_u (local.tee $at (i64.add (local.get $at) (i64.const 8))) (call $length))))
      (call $output (local.get $to) (call $length))))`,
)
