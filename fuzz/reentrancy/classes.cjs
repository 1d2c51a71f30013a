'use strict'

// Calls of the classes of the JS API, by their names; `WebAssembly` has the same classes.

const {
  nameOf,
  bytesOf,
  number,
  anything,
  wasmFunctionOf,
  referenceOf,
  importsOf,
  compileOptions,
  descriptorOf,
  moduleOf,
  noted,
  of,
} = require('./arguments.cjs')
const { Fault } = require('./faults.cjs')

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
  'Instance.of': (w, { Instance }) => void Instance.of(wasmFunctionOf(w) ?? w.hostile.junk()),
  'Instance.all': (w, { Instance }) => void Instance.all(w.store),
  'Instance#start': of('instance', ({ instance }) => void instance.start()),
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

module.exports = { classes }
