'use strict'

// Every API, by its name, called with arguments that are often hostile. A call may return a function, which checks the state
// afterwards.

const { inspect } = require('node:util')
const {
  bytesOf,
  functionOf,
  wasmFunctionOf,
  selectionOf,
  compileOptions,
  importsOf,
  noted,
  of,
  fileOf,
} = require('./arguments.cjs')
const { classes } = require('./classes.cjs')
const functions = require('./functions.cjs')

const dispose = Symbol.dispose ?? Symbol.for('nodejs.dispose')

/** The APIs that only this package has. */
const own = {
  Store: (w) => void new w.relink.Store(w.hostile.object({ timeout: w.hostile.primitive(1000) })).close(),
  'Store.default': (w) => void w.relink.Store.default.closed,
  'Store#closed': (w) => void w.store.closed,
  'Store#limits': (w) => void w.store.limits,
  'Store#history': (w) => void w.store.history,
  'Store#historyLimit': (w) => void w.store.historyLimit,
  'Store#activeCalls': (w) => void w.store.activeCalls,
  'Store#drained': (w) => void w.store.drained().catch(() => {}),
  'Store#links': (w) => void w.store.links(),
  'Store#rollback': (w) => void (w.random.below(20) === 0 && w.store.rollback(w.hostile.primitive(0))),
  'Store#manifest': (w) => void w.store.manifest(),
  'Store#stats': (w) => void w.store.stats(),
  'Store#collect': (w) => void w.store.collect(),
  'Store#interrupter': (w) => void w.store.interrupter(w.hostile.object({ signal: new AbortController().signal })),
  'Store#close': (w) => void (w.random.below(20) === 0 && w.close(w.store)),
  'Store#[dispose]': (w) => void (w.random.below(40) === 0 && w.store[dispose]()),
  Interrupter: (w) => void new w.relink.Interrupter(w.hostile.junk(), 0),
  'Interrupter.from': (w) => void w.relink.Interrupter.from(w.hostile.object({ ...w.store.interrupter() })),
  'Interrupter#interrupt': (w) => void w.store.interrupter().interrupt(w.hostile.junk()),
  Suspending: (w) => void new w.relink.Suspending(w.hostile.junk()),
  promising(w) {
    const fn = w.random.below(4) === 0 ? w.hostile.junk() : wasmFunctionOf(w)
    // A refusal by the arguments or a trap is the promise's.
    void w.relink
      .promising(fn)(w.hostile.primitive(1))
      .catch(() => {})
  },
  withTimeout: (w) =>
    void w.relink.withTimeout(w.hostile.primitive(1000), w.hostile.callback?.() ?? (() => w.store.closed)),
  Slot: (w) => void new w.relink.Slot(w.hostile.junk()),
  'Slot#name': of('slot', (slot) => void slot.name),
  'Slot#kind': of('slot', (slot) => void slot.kind),
  'Slot#type': of('slot', (slot) => void slot.type),
  'Slot#current': of('slot', (slot) => void slot.current),
  'Slot#original': of('slot', (slot) => void slot.original),
  'Slot#linked': of('slot', (slot) => void slot.linked),
  'Slot#callTypes': of('slot', (slot) => void slot.callTypes),
  'Slot#active': of('slot', (slot) => void slot.active),
  'Slot#history': of('slot', (slot) => void slot.history),
  'Slot#reset': of('slot', (slot, w) => {
    slot.reset()
    w.same(slot.linked, false, 'linked')
  }),
  Link: (w) => void new w.relink.Link(w.hostile.junk(), 0),
  'Link#slot': of('link', (link) => void link.slot),
  'Link#implementation': of('link', (link) => void link.implementation),
  'Link#previous': of('link', (link) => void link.previous),
  'Link#commit': of('link', (link) => void link.commit),
  'Link#drained': of('link', (link) => void link.drained().catch(() => {})),
  'Link#undo': of('link', (link) => link.undo()),
  'Link#[dispose]': of('link', (link) => link[dispose]()),
  Relink: (w) => void new w.relink.Relink(w.hostile.junk()),
  'Relink#links': of('relink', (all, w) => all.links.forEach((link) => w.add('link', link))),
  'Relink#id': of('relink', (all) => void all.id),
  'Relink#label': of('relink', (all) => void all.label),
  'Relink#by': of('relink', (all) => void all.by),
  'Relink#time': of('relink', (all) => void all.time),
  'Relink#slots': of('relink', (all) => void all.slots),
  'Relink#skipped': of('relink', (all) => void all.skipped),
  'Relink#settled': of('relink', (all) => void all.settled),
  'Relink#undone': of('relink', (all) => void all.undone),
  'Relink#drained': of('relink', (all) => void all.drained().catch(() => {})),
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
  wrap(w) {
    const make =
      w.hostile.callback?.() ??
      ((previous) =>
        (...values) =>
          previous(...values))
    w.add('link', w.relink.wrap(w.pick('slot') ?? w.hostile.junk(), make))
  },
  split(w) {
    const weights = w.hostile.object({ a: w.hostile.primitive(1), b: w.hostile.primitive(2) })
    const implementations = { a: functionOf(w), b: functionOf(w) }
    w.add('split', w.relink.split(w.pick('slot') ?? w.hostile.junk(), implementations, w.hostile.object({ weights })))
  },
  Split: (w) => void new w.relink.Split(w.hostile.junk()),
  'Split#slot': of('split', (split) => void split.slot),
  'Split#link': of('split', (split, w) => w.add('link', split.link)),
  'Split#weights': of('split', (split) => void split.weights),
  'Split#calls': of('split', (split) => void split.calls),
  'Split#set': of('split', (split, w) => void split.set(w.hostile.object({ a: w.hostile.primitive(3), b: 1 }))),
  'Split#end': of('split', (split, w) => void split.end(w.hostile.primitive('a'))),
  'Split#undo': of('split', (split) => split.undo()),
  'Split#[dispose]': of('split', (split) => split[dispose]()),
  async apply(w) {
    const sha256 = w.random.pick(['0'.repeat(64), w.hostile.primitive('hash')])
    const modules = { guest: w.hostile.object({ file: fileOf(w), sha256 }) }
    const links = w.hostile.array([{ module: 'guest', slot: 'step', from: 'guest', function: 'id' }])
    const manifest = w.hostile.object({ version: 1, modules, links })
    await w.relink.apply(w.store, manifest, w.hostile.object({ label: w.hostile.primitive('label') }))
  },
  Watcher: (w) => void new w.relink.Watcher(w.hostile.junk(), '', undefined, {}),
  'Watcher#file': of('watcher', (watcher) => void watcher.file),
  'Watcher#instance': of('watcher', (watcher) => void watcher.instance),
  'Watcher#instances': of('watcher', (watcher) => void watcher.instances),
  'Watcher#closed': of('watcher', (watcher) => void watcher.closed),
  'Watcher#reload': of('watcher', (watcher) => void watcher.reload()),
  'Watcher#close': of('watcher', (watcher, w) => {
    watcher.close()
    w.same(watcher.closed, true, 'closed')
  }),
  'Watcher#[dispose]': of('watcher', (watcher) => watcher[dispose]()),
  async watch(w) {
    const instance = w.pick('instance')?.instance
    const signal = new AbortController().signal
    const options = { instance, imports: importsOf(w, 'owner'), signal, onError() {} }
    const watcher = await w.relink.watch(fileOf(w), w.hostile.object(options))
    // The number of watched directories is limited by the system.
    if (w.random.below(8) > 0) watcher.close()
    w.add('watcher', watcher)
  },
  rewrite: (w) => void w.relink.rewrite(bytesOf(w), w.hostile.object({ slots: selectionOf(w) })),
  inspect: (w) => void w.relink.inspect(bytesOf(w), w.hostile.object({ slots: selectionOf(w) })),
  CompileError: (w) => void new w.relink.CompileError(w.hostile.primitive('text'), w.hostile.object({ code: 'CODE' })),
  LinkError: (w) => void new w.relink.LinkError(w.hostile.primitive('text'), w.hostile.object({ details: {} })),
  SuspendError: (w) => void new w.relink.SuspendError(w.hostile.primitive('text'), w.hostile.object({ code: 'CODE' })),
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
