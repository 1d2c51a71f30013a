// Two plugins for the bench of typed functions: a loop that calls a slot with a string, and a function for that slot.
import { assemble } from './wat.mjs'

const WIT = 'interface shout { shout: func(text: string) -> string; }'

/** Memory is allocated in a ring: what is freed is not tracked. */
const ALLOCATING = `(memory (export "memory") 17)
  (global $top (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (i32.gt_u (i32.add (global.get $top) (local.get 3)) (i32.const 1000000))
      (then (global.set $top (i32.const 1024))))
    (global.get $top)
    (global.set $top (i32.and (i32.add (i32.add (global.get $top) (local.get 3)) (i32.const 7)) (i32.const -8))))`

function withRecord(text, record) {
  const types = { parameters: ['&str'], results: ['String'] }
  const line = Buffer.from(
    `${JSON.stringify({ signature: '(text: &str) -> String', types, wit: WIT, version: 2, ...record })}\n`,
  )
  const name = Buffer.from('relink')
  const body = Buffer.concat([Uint8Array.of(name.length), name, line])
  return Buffer.concat([
    new Uint8Array(assemble(text)),
    Uint8Array.of(0, (body.length & 127) | 128, body.length >> 7),
    body,
  ])
}

/** Its export `loop` calls the slot `bench::shout` a number of times. */
export const caller = withRecord(
  `(module
    (import "relink" "bench::shout" (func $shout (param i32 i32 i32)))
    ${ALLOCATING}
    (data (i32.const 16) "hello")
    (func (export "relink:bench::shout") (param i32 i32 i32) unreachable)
    (func (export "relink:lifted:bench::shout") (param i32 i32) (result i32) unreachable)
    (func (export "loop") (param $n i32)
      (loop $again
        (call $shout (i32.const 16) (i32.const 5) (i32.const 64))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))`,
  { kind: 'slot', name: 'bench::shout' },
)

/** Its export `shout` returns the string. */
export const callee = withRecord(
  `(module
    ${ALLOCATING}
    (func (export "shout") (param i32 i32) (result i32)
      (i32.store (i32.const 64) (local.get 0))
      (i32.store (i32.const 68) (local.get 1))
      (i32.const 64))
    (func (export "cabi_post_shout") (param i32)))`,
  { kind: 'export', name: 'shout' },
)
