'use strict'

// Exported functions whose arguments and results go through memory that native code shares (src/napi/env/shared_values.rs).

/** Most parameters or results of such a function. */
const MOST = 32

/** Bytes of a value, and of the index of the called function, which follows the values. */
const [VALUE, INDEX] = [16, 4]

/**
 * The typed array for values of each type, how many of its elements a value takes, and the conversion that WebAssembly
 * makes. An `f32` is rounded when it is written.
 */
const TYPES = {
  i32: { array: 'I32', elements: 4, convert: (name) => `${name} | 0` },
  i64: { array: 'I64', elements: 2, convert: (name) => `asIntN(64, ${name})` },
  f32: { array: 'F32', elements: 4, convert: (name) => `+${name}` },
  f64: { array: 'F64', elements: 2, convert: (name) => `+${name}` },
}

/** The element for the value at a position. */
const element = (type, position) => `${TYPES[type].array}[${position * TYPES[type].elements}]`

/** The memory, with the native half that `make` returns; undefined on platforms without it. */
function sharedValues(make) {
  const buffer = new ArrayBuffer(MOST * VALUE + INDEX * 4)
  const native = make(buffer)
  if (native === null) return undefined
  const scope = {
    I32: new Int32Array(buffer),
    I64: new BigInt64Array(buffer),
    F32: new Float32Array(buffer),
    F64: new Float64Array(buffer),
    asIntN: BigInt.asIntN,
    invoke: native.invoke,
  }
  /** The function types by id. `make` of each makes its functions; undefined before the first use, null if Node forbids it */
  const types = new Map()

  /** Makes functions of a type from the indices that native code has given them; undefined or null if that is not possible. */
  function makerOf(type) {
    if (type.make !== undefined) return type.make
    try {
      type.make = compile(source(type.parameters, type.results), scope)
    } catch (error) {
      // Any other error means the end of the stack: a later attempt may succeed.
      if (error instanceof EvalError) type.make = null
    }
    return type.make
  }

  return {
    values: native.values,
    /** Adds a function type: native code gives it an id, and the lists of the names of its types. */
    addType: (id, parameters, results) => void types.set(id, { parameters, results, make: undefined }),
    /** A function of a type that calls the wasm function at `index`; undefined where it cannot be made. */
    functionAt: (index, type) => makerOf(types.get(type))?.(index),
  }
}

/**
 * The source of a function that makes functions. All conversions come before the first write, since they may call wasm. An
 * arrow function cannot be called with `new`, as the JS API requires.
 */
function source(parameters, results) {
  const names = parameters.map((_, position) => `a${position}`)
  const lines = [
    ...parameters.map((type, position) => `${names[position]} = ${TYPES[type].convert(names[position])}`),
    ...parameters.map((type, position) => `${element(type, position)} = ${names[position]}`),
    `I32[${(MOST * VALUE) / INDEX}] = index`,
    'invoke()',
  ]
  const read = results.map(element).join(', ')
  if (results.length > 0) lines.push(results.length === 1 ? `return ${read}` : `return [${read}]`)
  return `(index) => (${names.join(', ')}) => { ${lines.join('; ')} }`
}

/** The value of an expression. Throws if Node forbids code from strings (`--disallow-code-generation-from-strings`). */
const compile = (expression, scope) =>
  new Function(...Object.keys(scope), `'use strict'; return ${expression}`)(...Object.values(scope))

module.exports = { sharedValues }
