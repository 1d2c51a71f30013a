'use strict'

// The modules of the histories, as text.

/** A plugin: each instance stores its number in its memory, and returns it from there. */
const PLUGIN = `(module
  (import "env" "f" (func $f (result i32)))
  (import "env" "t0" (table $t0 8 funcref))
  (memory (export "memory") 1 3)
  (table $values (export "values") 2 externref)
  (global $g (mut externref) (ref.null extern))
  (func (export "id") (result i32) (i32.load (i32.const 8)))
  (func (export "setId") (param i32) (i32.store (i32.const 8) (local.get 0)))
  (func (export "run") (result i32) (call $f))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "trap") unreachable)
  (func (export "spin") (loop $again (br $again)))
  (func (export "spinInImport") (loop $again (drop (call $f)) (br $again)))
  (func (export "keep") (param externref)
    (table.set $values (i32.const 0) (local.get 0)) (global.set $g (local.get 0)))
  (func (export "kept") (result externref) (global.get $g))
  (func (export "call") (param i32) (result i32) (call_indirect $t0 (result i32) (local.get 0))))`

/** Moves functions between two imported tables. */
const MOVER = `(module
  (import "env" "t0" (table $t0 8 funcref))
  (import "env" "t1" (table $t1 8 funcref))
  (func (export "over") (param i32 i32) (table.set $t1 (local.get 1) (table.get $t0 (local.get 0))))
  (func (export "back") (param i32 i32) (table.copy $t0 $t1 (local.get 1) (local.get 0) (i32.const 1)))
  (func (export "put") (param i32 funcref) (table.set $t1 (local.get 0) (local.get 1)))
  (func (export "clear") (param i32) (table.fill $t1 (local.get 0) (ref.null func) (i32.const 1))))`

/** Puts a function into an imported table, and fails in its start function. */
const FAILING = `(module
  (import "env" "t1" (table 8 funcref))
  (memory 1)
  (func $seven (result i32) i32.const 777)
  (elem (i32.const 7) $seven)
  (func $start unreachable)
  (start $start))`

/** Calls an import in its start function. */
const STARTER = `(module
  (import "env" "f" (func $f (result i32)))
  (memory 1)
  (global $started (export "started") (mut i32) (i32.const 0))
  (func $start (global.set $started (call $f)))
  (start $start))`

/** Throws exceptions with its own tag; catches these, and those with an imported tag. */
const CATCHER = `(module
  (import "env" "f" (func $f (result i32)))
  (import "env" "tag" (tag $tag (param i32)))
  (tag $own (export "own") (param i32 externref))
  (func (export "throw") (param i32 externref) (throw $own (local.get 0) (local.get 1)))
  (func (export "caught") (result i32)
    try (result i32) (call $f) catch $tag catch $own drop catch_all (i32.const -1) end)
  (func (export "passed") (result i32) try (result i32) (call $f) catch_all rethrow 0 end))`

module.exports = { texts: { plugin: PLUGIN, mover: MOVER, failing: FAILING, starter: STARTER, catcher: CATCHER } }
