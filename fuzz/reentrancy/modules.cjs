'use strict'

// The modules of a world, as text.

/** Has an export of each kind, and returns its own number. */
const OWNER = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (import "env" "pair" (func $pair (param i64) (result i64 f64)))
  (import "env" "start" (func $start))
  (import "env" "plain" (global $plain i64))
  (memory (export "memory") 1 6)
  (table (export "table") 4 8 funcref)
  (table (export "values") 2 6 externref)
  (global $number (export "number") (mut i32) (i32.const 0))
  (global (export "double") (mut f64) (f64.const 0))
  (global (export "any") (mut externref) (ref.null extern))
  (global (export "fn") (mut funcref) (ref.null func))
  (tag $tag (export "tag") (param i32 externref))
  (elem (i32.const 0) $id)
  (start $start)
  (func $id (export "id") (result i32) (i32.load (i32.const 8)))
  (func (export "setId") (param i32) (i32.store (i32.const 8) (local.get 0)))
  (func $add (export "add") (param i32 i64 f64) (result f64)
    (f64.add (local.get 2) (f64.add (f64.convert_i32_s (local.get 0)) (f64.convert_i64_s (local.get 1)))))
  (func (export "run") (param i32) (result i32) (call $f (local.get 0)))
  (func $both (export "both") (param i64) (result i64 f64) (call $pair (local.get 0)))
  (func $step (export "step") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "stepped") (param i32) (result i32) (call $step (local.get 0)))
  (func (export "keep") (param externref funcref i32) (result externref)
    (global.set 3 (local.get 0)) (table.set 1 (i32.const 0) (local.get 0))
    (table.set 0 (i32.const 3) (local.get 1)) (local.get 0))
  (func (export "throw") (param i32 externref) (throw $tag (local.get 0) (local.get 1)))
  (func (export "caught") (param i32) (result i32)
    try (result i32) (call $f (local.get 0)) catch $tag drop catch_all (i32.const -1) end))`

/** Imports the exports of an owner. */
const USER = `(module
  (import "env" "memory" (memory 1))
  (import "env" "table" (table 1 funcref))
  (import "env" "number" (global (mut i32)))
  (import "env" "tag" (tag (param i32 externref)))
  (import "env" "id" (func $id (result i32)))
  (func (export "ask") (result i32) (call $id))
  (func (export "at") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`

/** Imports a shared memory. */
const SHARED = `(module
  (import "env" "memory" (memory 1 4 shared))
  (import "env" "f" (func $f (param i32) (result i32)))
  (func (export "at") (param i32) (result i32) (drop (call $f (local.get 0))) (i32.load (local.get 0))))`

/** A module for both compilers. */
const PLAIN = `(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`

module.exports = { texts: { owner: OWNER, user: USER, shared: SHARED, plain: PLAIN } }
