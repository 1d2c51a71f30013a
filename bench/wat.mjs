// Small modules, written as text: what calls a function in a loop, by each of the ways that there are, and what is
// called.
import wabt from 'wabt'

const { parseWat } = await wabt()

/** The bytes of a module. */
export const assemble = (text) => parseWat('bench.wat', text).toBinary({}).buffer

const next = (head) => `(func ${head} (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))`
/** An export `loop` that calls in each of its `$n` rounds, with what the call before gave. */
const loop = (call) => `
  (func (export "loop") (param $n i32) (result i32) (local $x i32)
    (loop $again
      (local.set $x (${call} (local.get $x)${call.startsWith('call_indirect') ? ' (i32.const 0)' : ''}))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))`

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
/** Calls what stands in entry 0 of its table. */
export const throughTable = assemble(
  `(module
    (type $next (func (param i32) (result i32)))
    (table (export "table") 1 funcref)
    ${loop('call_indirect (type $next)')})`,
)
