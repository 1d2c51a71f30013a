'use strict'

// Actions of hostile code while an API converts it.

const { Planned } = require('./hostile.cjs')

const ACTIONS = [
  (w) => w.endInvolved(),
  (w) => w.endInvolved(),
  function closeAll(w) {
    for (let count = 0; count < 5; count++) w.endInvolved()
  },
  function closeStore(w) {
    if (w.random.below(6) === 0) w.close(w.store)
  },
  function collect(w) {
    w.store.collect()
  },
  function garbage(w) {
    w.gc()
    w.store.collect()
  },
  function make(w) {
    w.makeInstance()
  },
  function makeMany(w) {
    if (w.random.below(10) > 0) return
    const empty = w.module('plain')
    const make = () => new w.relink.Instance(empty, {}, { store: w.store })
    for (let count = 0; count < 100; count++) make()
  },
  function link(w) {
    const { instance } = w.pick('instance') ?? {}
    if (instance)
      w.add(
        'link',
        w.relink.link((number) => number + 1, instance.slot('step')),
      )
  },
  function undo(w) {
    w.pick('link')?.undo()
  },
  function reset(w) {
    w.pick('instance')?.instance.slot('step').reset()
  },
  function growMemory(w) {
    w.pick('memory')?.grow(1)
  },
  function growTable(w) {
    w.pick('table')?.grow(1)
  },
  function setTable(w) {
    w.pick('table')?.set(0, null)
  },
  function detach(w) {
    for (const [, value] of w.involved)
      if (ArrayBuffer.isView(value)) structuredClone(value.buffer, { transfer: [value.buffer] })
  },
  function fail() {
    throw new Planned()
  },
  function enter(w) {
    const { instance, exports } = w.pick('instance') ?? {}
    if (instance) exports.run(w.hostile.primitive(1))
  },
  function callAnother(w) {
    const made = w.random.pick(Object.values(w.calls))(w)
    if (typeof made === 'function') made()
    // It is not awaited here.
    if (made instanceof Promise) made.catch((error) => w.judgeLater(error))
  },
]

module.exports = { ACTIONS }
