// The modules and the steps of `room.mjs`.
'use strict'

/** The modules, by name. */
const TEXTS = {
  plain: `(module
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func $deep (export "deep") (param i32) (result i32)
      (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
        (else (i32.const 0))))
    (func (export "trap") unreachable))`,
  importer: `(module
    (import "env" "add" (func $add (param i32 i32) (result i32)))
    (func (export "twice") (param i32) (result i32) (call $add (local.get 0) (local.get 0))))`,
  ...Object.fromEntries(
    Object.entries({ small: 1, medium: 64, large: 2048 }).map(([name, pages]) => [
      name,
      `(module (memory (export "memory") ${pages})
        (func (export "touch") (param i32) (i32.store8 (local.get 0) (i32.const 1)))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`,
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({ few: 10, many: 300_000 }).map(([name, entries]) => [
      name,
      `(module (table (export "table") ${entries} funcref)
        (func $size (export "size") (result i32) (table.size))
        (func (export "grow") (param i32) (result i32) (table.grow (ref.func $size) (local.get 0))))`,
    ]),
  ),
  long: `(module ${Array.from(
    { length: 200 },
    (_, index) => `(func (export "f${index}") (param i32) (result i32)
      ${'(local.set 0 (i32.add (local.get 0) (i32.const 1)))'.repeat(1 + (index % 40))} (local.get 0))`,
  ).join('\n')})`,
}

/** The steps of each scenario. */
const SCENARIOS = {
  stores: ['store', 'store', 'map', 'instances'],
  instances: ['instances', 'memories', 'tables', 'drop'],
  objects: ['objects', 'objects', 'growth', 'drop'],
  modules: ['modules', 'modules', 'modulesLater', 'instances'],
  links: ['importers', 'instances', 'links', 'links', 'map', 'traps', 'nested'],
  growth: ['memories', 'tables', 'growth', 'growth', 'growth'],
  all: [
    'store',
    'instances',
    'memories',
    'tables',
    'objects',
    'modules',
    'modulesLater',
    'map',
    'links',
    'importers',
    'growth',
    'nested',
    'traps',
    'drop',
    'javascript',
  ],
}

module.exports = { SCENARIOS, TEXTS }
