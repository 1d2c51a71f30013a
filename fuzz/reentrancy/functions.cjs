'use strict'

// Calls of WebAssembly functions, and of the functions that compile.

const {
  COMPILERS,
  nameOf,
  bytesOf,
  number,
  anything,
  wasmFunctionOf,
  importsOf,
  compileOptions,
  moduleOf,
  noted,
  of,
  responseOf,
} = require('./arguments.cjs')

/** Calls of WebAssembly functions. */
const calls = {
  'WasmFunction()': of('instance', ({ instance, exports }, w) => {
    const [a, b, c] = [w.random.below(9), BigInt(w.random.below(9)), 0.25]
    const sum = exports.add(w.hostile.primitive(a), w.hostile.primitive(b), w.hostile.primitive(c))
    w.same(sum, a + Number(b) + c, 'a sum')
    w.same(instance.closed, false, 'an instance that was called is closed')
  }),
  'WasmFunction() that calls back': of('instance', ({ exports }, w) => {
    const [both, run] = [() => exports.both(w.hostile.primitive(3n)), () => exports.run(w.hostile.primitive(3))]
    w.random.pick([both, run, () => exports.caught(3)])()
  }),
  'WasmFunction() of an importer': of('user', ({ exports }, w) => {
    w.random.pick([() => exports.ask(), () => exports.at(number(w, 4)), () => exports.grow(number(w, 2))])()
  }),
  'WasmFunction() over shared memory': of('shared', ({ exports }, w) => void exports.at?.(number(w, 9))),
  'WasmFunction() with references': of('instance', ({ exports }, w) => {
    const value = anything(w)
    w.same(exports.keep(value, wasmFunctionOf(w), w.hostile.primitive(1)), value, 'a value that went through')
  }),
  'WasmFunction() that throws': of('instance', ({ exports }, w) => {
    try {
      exports.throw(w.hostile.primitive(4), w.hostile.proxy({}))
    } catch (error) {
      if (!(error instanceof w.relink.Exception)) throw error
      w.add('exception', { exception: error, tag: exports.tag })
    }
  }),
  'WasmFunction#map': of('instance', ({ exports }, w) => {
    const columns = [
      w.hostile.column(Int32Array.of(1, 2, 3)),
      w.hostile.column(BigInt64Array.of(1n, 2n, 3n)),
      Float64Array.of(0, 1, 2),
    ]
    const into = [BigInt64Array.of(0n, 0n), Float64Array.of(0, 0)]
    for (const column of [...columns, ...into]) w.involved.push(['column', column])
    const ways = [
      () => exports.add.map(...columns, w.hostile.object({ into: w.hostile.column(new Float64Array(3)) })),
      () => exports.both.map(BigInt64Array.of(1n, 2n), w.hostile.object({ into: w.hostile.array(into) })),
      () => exports.run.map(w.hostile.column(Int32Array.of(1, 2)), undefined),
      () => exports.add.map(w.hostile.junk(), w.hostile.junk(), w.hostile.junk()),
      () => exports.id.map(w.hostile.object({ into: new Int32Array(2) })),
    ]
    w.random.pick(ways)()
  }),
}

/** Functions that `WebAssembly` and this package have. */
const functions = {
  async compile(w, { compile }) {
    w.add('module', await compile(bytesOf(w), compileOptions(w, { cache: false })))
  },
  validate: (w, { validate }) => void validate(bytesOf(w), compileOptions(w)),
  async instantiate(w, { instantiate }) {
    const name = nameOf(w)
    const source = w.random.below(2) ? moduleOf(w, name) : bytesOf(w, name)
    const options = w.hostile.object({ store: w.store, compiler: w.random.pick(COMPILERS) })
    const made = await instantiate(source, importsOf(w, name), options)
    noted(w, made instanceof w.relink.Instance ? made : made.instance)
  },
}

const streaming = {
  async compileStreaming(w, { compileStreaming }) {
    w.add('module', await compileStreaming(responseOf(w), compileOptions(w)))
  },
  async instantiateStreaming(w, { instantiateStreaming }) {
    const options = w.hostile.object({ store: w.store })
    noted(w, (await instantiateStreaming(responseOf(w), importsOf(w, 'owner'), options)).instance)
  },
}

module.exports = { calls, functions, streaming }
