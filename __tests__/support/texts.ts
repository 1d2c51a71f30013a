// Handwritten modules, for each feature of modules.

/** The engines on which a module should run; for some, V8 depends on the version of Node. */
export type Where = 'everywhere' | 'cranelift' | 'wasmer' | 'v8'

/** Modules by feature, with the engines that run them, and their other needs. */
export const texts: [about: string, where: Where, text: string, features?: Record<string, boolean>][] = [
  [
    'a start function, which calls an import and itself goes through the table',
    'everywhere',
    `(module
      (import "env" "f" (func $f (param i32)))
      (memory (export "memory") 1)
      (table (export "table") 2 2 funcref)
      (elem (i32.const 1) $start)
      (func $start
        (if (i32.eqz (i32.load (i32.const 0)))
          (then
            (i32.store (i32.const 0) (i32.const 7))
            (call_indirect (i32.const 1))
            (call $f (i32.load (i32.const 0))))))
      (start $start)
      (func (export "load") (result i32) (i32.load (i32.const 0))))`,
  ],
  [
    'a start function that traps once it has written to an imported memory',
    'everywhere',
    `(module
      (import "env" "memory" (memory 1 3))
      (func $start (i32.store (i32.const 8) (i32.const 5)) unreachable)
      (start $start)
      (func (export "f")))`,
  ],
  [
    'a start function that is an import',
    'everywhere',
    `(module (import "env" "f" (func $f)) (start $f) (func (export "g") (result i32) (i32.const 1)))`,
  ],
  [
    'data segments, active and passive',
    'everywhere',
    `(module
      (import "env" "base" (global $base i32))
      (memory (export "memory") 1 2)
      (data (i32.const 4) "active")
      (data (global.get $base) "from a global")
      (data $passive "passive")
      (func (export "init") (param i32) (memory.init $passive (i32.const 100) (local.get 0) (i32.const 3)))
      (func (export "drop") (data.drop $passive)))`,
  ],
  [
    'a data segment out of bounds, after one that is written',
    'everywhere',
    `(module
      (import "env" "memory" (memory 1 3))
      (data (i32.const 0) "written")
      (data (i32.const 65530) "too far out")
      (func (export "f")))`,
  ],
  [
    'element segments: passive, declarative, with nulls, over each other, and dropped',
    'everywhere',
    `(module
      (type $f (func (result i32)))
      (import "env" "imported" (func $imported (result i32)))
      (table $t (export "table") 10 10 funcref)
      (table $other 4 funcref)
      (elem (table $t) (i32.const 0) func $one $two $imported)
      (elem (table $t) (i32.const 1) funcref (ref.func $three) (ref.null func))
      (elem (table $other) (i32.const 2) func $one $three)
      (elem $passive func $two $imported $three)
      (elem declare func $hidden)
      (global $held (export "held") (mut funcref) (ref.func $two))
      (func $one (export "one") (result i32) (i32.const 1))
      (func $two (result i32) (i32.const 2))
      (func $three (result i32) (i32.add (i32.const 2) (call $one)))
      (func $hidden (result i32) (i32.const 4))
      (func (export "call") (param i32) (result i32) (call_indirect $t (type $f) (local.get 0)))
      (func (export "call other") (param i32) (result i32) (call_indirect $other (type $f) (local.get 0)))
      (func (export "init") (param i32) (table.init $t $passive (i32.const 5) (local.get 0) (i32.const 2)))
      (func (export "drop") (elem.drop $passive))
      (func (export "get") (param i32) (result funcref) (table.get $t (local.get 0)))
      (func (export "set") (param i32) (table.set $t (local.get 0) (ref.func $hidden)))
      (func (export "copy") (param i32) (table.copy $t $other (local.get 0) (i32.const 0) (i32.const 4)))
      (func (export "null") (result i32) (ref.is_null (global.get $held))))`,
  ],
  [
    'an element segment out of bounds, after one that is written',
    'everywhere',
    `(module
      (import "env" "table" (table 4 8 funcref))
      (elem (i32.const 1) $f)
      (elem (i32.const 7) $f $f)
      (func $f (result i32) (i32.const 3)))`,
  ],
  [
    'tables that grow, and are filled',
    'everywhere',
    `(module
      (type $f (func (result i32)))
      (table $t (export "table") 1 6 funcref)
      (elem (i32.const 0) $one)
      (func $one (result i32) (i32.const 1))
      (func $two (export "two") (result i32) (i32.const 2))
      (func (export "grow") (param i32) (result i32) (table.grow $t (ref.func $two) (local.get 0)))
      (func (export "fill") (param i32) (table.fill $t (local.get 0) (ref.func $one) (i32.const 1)))
      (func (export "size") (result i32) (table.size $t))
      (func (export "call") (param i32) (result i32) (call_indirect $t (type $f) (local.get 0))))`,
  ],
  [
    'an imported table and an imported memory',
    'everywhere',
    `(module
      (type $f (func (param i32) (result i32)))
      (import "env" "table" (table $t 4 9 funcref))
      (import "env" "memory" (memory 1 4))
      (import "env" "imported" (func $imported (param i32) (result i32)))
      (elem (i32.const 2) $own $imported)
      (func $own (param i32) (result i32) (i32.add (call $imported (local.get 0)) (i32.load (i32.const 0))))
      (func (export "call") (param i32) (result i32)
        (call_indirect (type $f) (local.get 0) (i32.and (local.get 0) (i32.const 3)))))`,
  ],
  [
    'bulk memory',
    'everywhere',
    `(module
      (memory (export "memory") 1 2)
      (data (i32.const 0) "0123456789")
      (func (export "copy") (param i32) (memory.copy (i32.const 4) (local.get 0) (i32.const 6)))
      (func (export "fill") (param i32) (memory.fill (i32.const 20) (local.get 0) (i32.const 5)))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`,
  ],
  [
    'several memories',
    'wasmer',
    `(module
      (memory $a (export "a") 1 1)
      (memory $b (export "b") 1 3)
      (data (i32.const 3) "first")
      (func $store (param i32) (i32.store $b (i32.const 0) (local.get 0)))
      (func (export "copy") (param i32)
        (call $store (local.get 0))
        (i64.store $a (i32.const 8) (i64.load $b (i32.const 0))))
      (func (export "grow") (result i32) (memory.grow $b (i32.const 1))))`,
    { multi_memory: true },
  ],
  [
    'SIMD, with vectors as parameters',
    'cranelift',
    `(module
      (memory (export "memory") 1)
      (func $add (param v128 v128) (result v128) (i32x4.add (local.get 0) (local.get 1)))
      (func (export "sum") (param i32) (result i32)
        (v128.store (i32.const 16)
          (call $add (i32x4.splat (local.get 0)) (v128.const i32x4 1 2 3 4)))
        (i32x4.extract_lane 3 (v128.load (i32.const 16)))))`,
    { simd: true },
  ],
  [
    'exceptions, thrown and caught on both sides of a call',
    'cranelift',
    `(module
      (tag $e (param i32))
      (func $throws (param i32) (throw $e (local.get 0)))
      (table (export "table") 1 1 funcref)
      (elem (i32.const 0) $throws)
      (func (export "caught") (param i32) (result i32)
        (block $caught (result i32)
          (try_table (catch $e $caught) (call $throws (local.get 0)))
          (i32.const -1)))
      (func (export "caught through a pointer") (param i32) (result i32)
        (block $caught (result i32)
          (try_table (catch $e $caught) (call_indirect (param i32) (local.get 0) (i32.const 0)))
          (i32.const -1))))`,
    { exceptions: true },
  ],
  [
    'tail calls, as deep as no stack is',
    'everywhere',
    `(module
      (type $f (func (param i32 i32) (result i32)))
      (import "env" "imported" (func $imported (param i32) (result i32)))
      (table 2 2 funcref)
      (elem (i32.const 0) $direct $indirect)
      (func $direct (param i32 i32) (result i32)
        (if (result i32) (local.get 0)
          (then (return_call $direct (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))
          (else (local.get 1))))
      (func $indirect (param i32 i32) (result i32)
        (if (result i32) (local.get 0)
          (then (return_call_indirect (type $f)
            (i32.sub (local.get 0) (i32.const 1)) (local.get 1) (i32.const 1)))
          (else (local.get 1))))
      (func (export "direct") (param i32) (result i32) (return_call $direct (i32.const 300000) (local.get 0)))
      (func (export "indirect") (param i32) (result i32) (call $indirect (i32.const 300000) (local.get 0)))
      (func (export "import") (param i32) (result i32) (return_call $imported (local.get 0))))`,
  ],
  [
    'several results and blocks with parameters',
    'everywhere',
    `(module
      (func $swap (export "swap") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
      (func (export "twice") (param i32 i64) (result i64 i32)
        (call $swap (local.get 0) (local.get 1))
        (block (param i64 i32) (result i64 i32)
          (i32.wrap_i64 (i64.extend_i32_s))
          (br 0)))
      (func (export "loop") (param i32) (result i32)
        (local.get 0)
        (loop (param i32) (result i32) (i32.const 1) (i32.add))))`,
  ],
  [
    'calls in all directions, with all traps',
    'everywhere',
    `(module
      (type $f (func (param i32) (result i32)))
      (import "env" "imported" (func $imported (param i32) (result i32)))
      (import "env" "floats" (func $floats (param f32 f64) (result f64)))
      (memory 1 1)
      (table 4 funcref)
      (elem (i32.const 0) $self $imported $other)
      (export "imported again" (func $imported))
      (export "self" (func $self))
      (export "self too" (func $self))
      (func $other (param f64) (result f64) (call $floats (f32.const 1) (local.get 0)))
      (func $self (param i32) (result i32)
        (if (result i32) (i32.gt_u (local.get 0) (i32.const 20))
          (then (call $imported (local.get 0)))
          (else (i32.add (i32.const 1) (call $self (i32.mul (i32.add (local.get 0) (i32.const 1)) (i32.const 2)))))))
      (func (export "floats") (param f64) (result f64) (call $other (local.get 0)))
      (func (export "pointer") (param i32) (result i32) (call_indirect (type $f) (local.get 0) (local.get 0)))
      (func (export "null") (param i32) (result i32) (call_indirect (type $f) (local.get 0) (i32.const 3)))
      (func (export "other type") (param i32) (result i32) (call_indirect (type $f) (local.get 0) (i32.const 2)))
      (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 0x80000000) (local.get 0)))
      (func (export "convert") (param f32) (result i32) (i32.trunc_f32_s (local.get 0)))
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "stop") unreachable)
      (func $deep (export "deep") (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1))))`,
  ],
  [
    'functions that give back their parameter',
    'everywhere',
    `(module
      (func $id (param i32) (result i32) (local.get 0))
      (func $id64 (export "id64") (param i64) (result i64) (local.get 0))
      (func (export "f") (param i32) (result i32) (call $id (call $id (local.get 0))))
      (func (export "g") (param i64) (result i64) (drop (call $id64 (i64.const 1))) (call $id64 (local.get 0))))`,
  ],
  [
    'globals of all kinds',
    'everywhere',
    `(module
      (import "env" "constant" (global $constant i64))
      (import "env" "variable" (global $variable (mut f64)))
      (global $own (export "own") (mut i64) (global.get $constant))
      (global (export "constant") i64 (global.get $constant))
      (export "variable" (global $variable))
      (global $f (export "f") (mut funcref) (ref.func $add))
      (func $add (export "add") (param i64 f64)
        (global.set $own (i64.add (global.get $own) (local.get 0)))
        (global.set $variable (f64.add (global.get $variable) (local.get 1))))
      (func (export "forget") (global.set $f (ref.null func))))`,
  ],
  [
    'initialisers that compute',
    'everywhere',
    `(module
      (import "env" "base" (global $base i32))
      (global (export "g") i32 (i32.add (global.get $base) (i32.mul (i32.const 3) (i32.const 4))))
      (table (export "table") 20 funcref)
      (elem (offset (i32.add (global.get $base) (i32.const 5))) $f)
      (func $f (export "f") (result i32) (i32.const 1)))`,
    { extended_const: true },
  ],
  [
    'atomic operations',
    'everywhere',
    `(module
      (memory (export "memory") 1 1)
      (func $add (param i32) (result i32) (i32.atomic.rmw.add (i32.const 8) (local.get 0)))
      (func (export "f") (param i32) (result i32) (call $add (local.get 0)))
      (func (export "unaligned") (result i32) (i32.atomic.load (i32.const 1))))`,
    { threads: true },
  ],
]
