'use strict'

// Arguments for calls: objects of a world, often hostile.

const { pathToFileURL } = require('node:url')
const { SKIPPED } = require('./world.cjs')

const COMPILERS = ['cranelift', 'cranelift', 'singlepass', 'auto']

const nameOf = (w) => w.random.pick(['owner', 'owner', 'user', 'plain', 'shared'])
const bytesOf = (w, name = nameOf(w)) =>
  w.hostile.bytes(w.random.below(12) === 0 ? Uint8Array.of(1, 2, 3) : w.texts[name])
const number = (w, most) => w.hostile.primitive(w.random.below(most))
const anything = (w) => w.random.pick([{}, 'text', 5, undefined, null, w.hostile.proxy({})])

/** A WebAssembly function, a JavaScript function, or another value. */
function functionOf(w) {
  const { exports } = w.pick('instance') ?? {}
  const ways = [
    () => exports?.step,
    () => exports?.id,
    () => (value) => value,
    () => w.hostile.proxy(() => 1),
    () => w.hostile.junk(),
  ]
  return w.random.pick(ways)()
}

const wasmFunctionOf = (w) => w.pick('instance')?.exports.step ?? null

/** A value for a table or a global of functions. */
const referenceOf = (w) => w.random.pick([() => wasmFunctionOf(w), () => null, () => w.hostile.junk()])()

function importsOf(w, name) {
  const imports = w.imports()
  const owner = w.pick('instance')
  const { env } = imports
  if (name !== 'owner' && owner !== undefined) Object.assign(env, owner.exports)
  const shared = () => new w.relink.Memory({ initial: 1, maximum: 4, shared: true }, { store: w.store })
  if (name === 'shared') env.memory = w.random.pick([() => w.pick('memory'), shared])()
  return w.hostile.object({ env: w.hostile.object(env) })
}

const selectionOf = (w) => w.random.pick([undefined, 'all', 'none', w.hostile.array(['step', /d/g, 'no*'])])

const compileOptions = (w, more = {}) =>
  w.random.below(4) === 0
    ? undefined
    : w.hostile.object({ compiler: w.random.pick(COMPILERS), slots: selectionOf(w), ...more })

const descriptorOf = (w, known) => (w.random.below(12) === 0 ? w.hostile.junk() : w.hostile.object(known))

const moduleOf = (w, name) => (w.random.below(3) ? w.module(name) : (w.pick('module') ?? w.module(name)))

/** Adds a new instance, unless its store was closed. */
function noted(w, instance) {
  if (instance.closed) return
  if (instance.exports.setId !== undefined) w.addInstance(instance)
  else w.add(instance.exports.ask === undefined ? 'shared' : 'user', { instance, exports: instance.exports })
}

const responseOf = (w) =>
  w.hostile.promise(new Response(w.texts.owner, { headers: { 'content-type': 'application/wasm' } }))

function fileOf(w) {
  const url = pathToFileURL(w.file)
  return w.random.pick([
    w.file,
    w.file,
    url,
    w.hostile.object({ href: url.href, protocol: 'file:' }),
    `${w.file}.none`,
    w.hostile.junk(),
  ])
}

/** A call that uses an object of a kind, if there is one. */
const of = (kind, use) => (w) => {
  const value = w.pick(kind)
  return value === undefined ? SKIPPED : use(value, w)
}

module.exports = {
  COMPILERS,
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
  responseOf,
  fileOf,
}
