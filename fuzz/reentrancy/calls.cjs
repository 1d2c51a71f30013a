'use strict'

// A call of every API, by its name, with usually hostile arguments. A call may return a function that checks the state
// afterwards.

const { inspect } = require('node:util')
const {
  nameOf,
  bytesOf,
  number,
  anything,
  functionOf,
  wasmFunctionOf,
  referenceOf,
  importsOf,
  selectionOf,
  compileOptions,
  descriptorOf,
  moduleOf,
  noted,
  of,
  fileOf,
} = require('./arguments.cjs')
const { Fault } = require('./faults.cjs')
const functions = require('./functions.cjs')

const dispose = Symbol.dispose ?? Symbol.for('nodejs.dispose')

function makeInstance(w, { Instance }) {
  const name = nameOf(w)
  const instance = new Instance(moduleOf(w, name), importsOf(w, name), w.options)
  noted(w, instance)
}

const classes = {
  Module: (w, { Module }) =>
    void w.add('module', new Module(bytesOf(w), compileOptions(w, { cache: w.random.pick([undefined, true]) }))),
  'Module.exports': (w, { Module }) => void Module.exports(moduleOf(w, nameOf(w))),
  'Module.imports': (w, { Module }) => void Module.imports(moduleOf(w, nameOf(w))),
  'Module.customSections': (w, { Module }) =>
    void Module.customSections(moduleOf(w, 'plain'), w.hostile.primitive('name')),
  'Module.slots': (w, { Module }) =>
    void Module.slots(moduleOf(w, 'owner'), w.hostile.object({ all: w.hostile.primitive(true) })),
  Instance: makeInstance,
  'Instance#exports': of('instance', ({ instance, exports }, w) => w.same(instance.exports, exports, 'exports')),
  'Instance#slots': of('instance', ({ instance }, w) =>
    w.addSlot(instance, w.random.pick(Object.values(instance.slots))),
  ),
  'Instance#slot': of('instance', ({ instance }, w) => {
    const name = w.random.pick(['step', 'add', 'env.f', 'id', 'none', w.random.below(20), w.hostile.primitive('step')])
    w.addSlot(instance, instance.slot(name))
  }),
  'Instance#close': of('instance', ({ instance }, w) => {
    if (w.random.below(3)) return
    w.close(instance)
    if (!instance.closed) throw new Error('an instance is open that was closed', { cause: Fault })
  }),
  'Instance#closed': of('instance', ({ instance }) => void instance.closed),
  'Instance#compiler': of('instance', ({ instance }) => void instance.compiler),
  'Instance#reserve': of('instance', ({ instance }) => void instance.reserve),
  'Instance#optimized': of('instance', ({ instance }) => void instance.optimized),
  'Instance#[dispose]': of('user', ({ instance }) => instance[dispose]()),
  Memory: (w, { Memory }) => {
    const known = {
      initial: number(w, 3),
      maximum: number(w, 6),
      ...(w.random.below(4) === 0 && { shared: w.hostile.primitive(true) }),
    }
    w.add('memory', new Memory(descriptorOf(w, known), w.options))
  },
  'Memory#buffer': of('memory', (memory, w) => {
    const { buffer } = memory
    w.same(memory.buffer, buffer, 'the buffer')
  }),
  'Memory#grow': of('memory', (memory, w) => {
    const delta = w.random.below(3)
    const before = memory.grow(w.hostile.primitive(delta))
    return () => w.same(memory.buffer.byteLength / 65_536, before + delta, 'pages')
  }),
  Table: (w, { Table }) => {
    const element = w.random.pick(['anyfunc', 'externref'])
    const known = { element: w.hostile.primitive(element), initial: number(w, 4), maximum: number(w, 9) }
    w.add('table', new Table(descriptorOf(w, known), element === 'anyfunc' ? referenceOf(w) : anything(w), w.options))
  },
  'Table#length': of('table', (table) => void table.length),
  'Table#get': of('table', (table, w) => void table.get(number(w, 5))),
  'Table#set': of('table', (table, w) => {
    const [index, value] = [w.random.below(4), referenceOf(w)]
    table.set(w.hostile.primitive(index), value)
    return () => w.same(table.get(index), value, 'an entry')
  }),
  'Table#grow': of('table', (table, w) => {
    const delta = w.random.below(3)
    const before = table.grow(w.hostile.primitive(delta), referenceOf(w))
    return () => w.same(table.length, before + delta, 'the length of a table')
  }),
  'Table#slot': of('table', (table, w) => w.addSlot(w.ownerOf(table), table.slot(number(w, 4)))),
  Global: (w, { Global }) => {
    const type = w.random.pick(['i32', 'i64', 'f32', 'f64', 'anyfunc', 'externref', 'v128'])
    const value = type === 'i64' ? 5n : type === 'anyfunc' ? referenceOf(w) : 5
    const known = { value: w.hostile.primitive(type), mutable: w.hostile.primitive(w.random.below(2) === 0) }
    w.add('global', new Global(descriptorOf(w, known), w.hostile.primitive(value), w.options))
  },
  'Global#value': of('global', (global, w) => {
    const value = w.random.pick([3, 4n, null, wasmFunctionOf(w)])
    const given = w.hostile.primitive(value)
    const { value: before } = global
    global.value = given
    const after = global.value
    const kept =
      typeof before === typeof value &&
      typeof before !== 'object' &&
      typeof before !== 'function' &&
      before !== undefined
    if (kept && typeof given !== 'object') w.same(after, value, 'the value of a global')
  }),
  'Global#valueOf': of('global', (global) => void global.valueOf()),
  Tag: (w, { Tag }) => {
    const types = w.hostile.list([w.hostile.primitive('i32'), 'externref'])
    w.add('tag', new Tag(descriptorOf(w, { parameters: types }), w.options))
  },
  Exception: (w, { Exception }) => {
    const payload = w.hostile.list([w.hostile.primitive(w.random.below(9)), anything(w)])
    const tag = w.pick('tag') ?? w.hostile.junk()
    w.add('exception', {
      exception: new Exception(tag, payload, w.hostile.object({ traceStack: w.hostile.primitive(true) })),
      tag,
    })
  },
  'Exception#is': of('exception', ({ exception, tag }, w) =>
    w.same(exception.is(tag), true, 'the tag of an exception'),
  ),
  'Exception#getArg': of('exception', ({ exception, tag }, w) => void exception.getArg(tag, number(w, 3))),
}

const own = {
  Store: () => void new (require('../..').Store)().close(),
  'Store.default': (w) => void w.relink.Store.default.closed,
  'Store#closed': (w) => void w.store.closed,
  'Store#stats': (w) => void w.store.stats(),
  'Store#collect': (w) => void w.store.collect(),
  'Store#close': (w) => void (w.random.below(20) === 0 && w.close(w.store)),
  'Store#[dispose]': (w) => void (w.random.below(40) === 0 && w.store[dispose]()),
  Slot: (w) => void new w.relink.Slot(w.hostile.junk()),
  'Slot#name': of('slot', (slot) => void slot.name),
  'Slot#kind': of('slot', (slot) => void slot.kind),
  'Slot#type': of('slot', (slot) => void slot.type),
  'Slot#current': of('slot', (slot) => void slot.current),
  'Slot#original': of('slot', (slot) => void slot.original),
  'Slot#linked': of('slot', (slot) => void slot.linked),
  'Slot#reset': of('slot', (slot, w) => {
    slot.reset()
    w.same(slot.linked, false, 'linked')
  }),
  Link: (w) => void new w.relink.Link(w.hostile.junk(), 0),
  'Link#slot': of('link', (link) => void link.slot),
  'Link#implementation': of('link', (link) => void link.implementation),
  'Link#previous': of('link', (link) => void link.previous),
  'Link#undo': of('link', (link) => link.undo()),
  'Link#[dispose]': of('link', (link) => link[dispose]()),
  Relink: (w) => void new w.relink.Relink(w.hostile.junk()),
  'Relink#links': of('relink', (all, w) => all.links.forEach((link) => w.add('link', link))),
  'Relink#undo': of('relink', (all) => all.undo()),
  'Relink#[dispose]': of('relink', (all) => all[dispose]()),
  link(w) {
    const slot = w.pick('slot') ?? w.hostile.junk()
    const made = w.relink.link(functionOf(w), slot, w.hostile.object({ merged: w.hostile.primitive(true) }))
    w.add('link', made)
    return () => w.same(slot.linked, true, 'linked')
  },
  relink(w) {
    const changes = Array.from({ length: w.random.below(4) }, () => w.hostile.array([functionOf(w), w.pick('slot')]))
    w.add('relink', w.relink.relink(w.hostile.list(changes), w.hostile.object({ merged: w.hostile.primitive(false) })))
  },
  rewrite: (w) => void w.relink.rewrite(bytesOf(w), w.hostile.object({ slots: selectionOf(w) })),
  inspect: (w) => void w.relink.inspect(bytesOf(w), w.hostile.object({ slots: selectionOf(w) })),
  CompileError: (w) => void new w.relink.CompileError(w.hostile.primitive('text'), w.hostile.object({ code: 'CODE' })),
  LinkError: (w) => void new w.relink.LinkError(w.hostile.primitive('text'), w.hostile.object({ details: {} })),
  RuntimeError: (w) => void new w.relink.RuntimeError(w.hostile.primitive('text'), w.hostile.object({ cause: 1 })),
  'cache.directory': (w) => void w.relink.cache.directory,
  'cache.maximum': (w) => void w.relink.cache.maximum,
  'cache.entries': (w) => void w.relink.cache.entries(),
  'cache.clear': (w) => void (w.random.below(10) === 0 && w.relink.cache.clear()),
  async compileFile(w) {
    w.add('module', await w.relink.compileFile(fileOf(w), compileOptions(w, { cache: false })))
  },
  async load(w) {
    const options = w.hostile.object({ store: w.store, cache: w.random.below(2) === 0 })
    noted(w, await w.relink.load(fileOf(w), importsOf(w, 'owner'), options))
  },
  'util.inspect': (w) => {
    const kind = w.random.pick(['memory', 'table', 'global', 'tag', 'slot', 'link', 'relink', 'module'])
    inspect(w.pick(kind))
  },
}

const calls = { ...own, ...functions.calls }
for (const [name, make] of Object.entries({ ...classes, ...functions.functions }))
  calls[name] = (w) => make(w, w.relink)
for (const [name, make] of Object.entries({ ...classes, ...functions.functions, ...functions.streaming })) {
  calls[`WebAssembly.${name}`] = (w) => make(w, w.relink.WebAssembly)
}
for (const name of ['CompileError', 'LinkError', 'RuntimeError']) calls[`WebAssembly.${name}`] = calls[name]

module.exports = { calls }
