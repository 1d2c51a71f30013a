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
  const makers = new Map()

  /** Makes functions of a type from the indices that native code has given them; undefined if that is not allowed. */
  function makerOf(parameters, results) {
    const key = `${parameters}:${results}`
    if (makers.has(key)) return makers.get(key)
    try {
      makers.set(key, compile(source(list(parameters), list(results)), scope))
    } catch (error) {
      // Only if Node forbids it: at the end of the stack, another attempt may succeed.
      if (error instanceof EvalError) makers.set(key, undefined)
    }
    return makers.get(key)
  }

  return {
    values: native.values,
    /** A function that calls the wasm function at `index`; undefined where it cannot be made. */
    functionAt: (index, parameters, results) => makerOf(parameters, results)?.(index),
  }
}

const list = (names) => (names === '' ? [] : names.split(','))

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
