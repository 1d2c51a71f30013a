'use strict'

// Exported functions whose arguments and results go through memory that native code shares (src/napi/env/shared_values.rs),
// and the imports that they call.

const { refusePromise } = require('./promised')

/** Most parameters or results of such a function. */
const MOST = 32

/**
 * Bytes of a value. After the values come the index of the called function, the number of the parked call, and whether that
 * call has parked for the same import again, of four bytes each.
 */
const VALUE = 16
const [INDEX, NUMBER, AGAIN] = [0, 1, 2].map((position) => `I32[${(MOST * VALUE) / 4 + position}]`)

/**
 * The typed array for values of each type, how many of its elements a value takes, and the conversion that WebAssembly
 * makes. An `f32` is rounded when it is written. An externref is the number that `refs`, an `Externrefs`, has for the value.
 */
const TYPES = {
  i32: { array: 'I32', elements: 4, convert: (name) => `${name} | 0` },
  i64: { array: 'I64', elements: 2, convert: (name) => `asIntN(64, ${name})` },
  f32: { array: 'F32', elements: 4, convert: (name) => `+${name}` },
  f64: { array: 'F64', elements: 2, convert: (name) => `+${name}` },
  externref: { array: 'I32', elements: 4, convert: (name) => `refs.add(${name})` },
}

const isReference = (type) => type === 'externref'

/** The element for the value at a position. */
const element = (type, position) => `${TYPES[type].array}[${position * TYPES[type].elements}]`

/** Reads the value at a position. */
const read = (type, position) => {
  const number = element(type, position)
  return isReference(type) ? `refs.get(${number})` : number
}

/** Writes a converted value to a position. Wasm reads 8 bytes of an externref. */
const write = (type, position, value) => {
  const statement = `${element(type, position)} = ${value}`
  return isReference(type) ? `${statement}; I32[${position * 4 + 1}] = 0` : statement
}

/** The memory, with the native half that `make` returns; undefined on platforms without it. */
function sharedValues(make) {
  const buffer = new ArrayBuffer((MOST + 1) * VALUE)
  const native = make(buffer)
  if (native === null) return undefined
  const scope = {
    I32: new Int32Array(buffer),
    I64: new BigInt64Array(buffer),
    F32: new Float32Array(buffer),
    F64: new Float64Array(buffer),
    asIntN: BigInt.asIntN,
    refusePromise,
    invoke: native.invoke,
    resume: native.resume,
    fail: native.fail,
  }
  /** The function types by id. `make` of each makes its functions; undefined before the first use, null if Node forbids it */
  const types = new Map()
  /** The makers of thunks, by type. */
  const thunkTypes = new Map()

  /** Compiles what makes functions or thunks of a type; undefined or null if that is not possible. */
  function makerOf(type, source) {
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
    /**
     * A function of a type that calls the wasm function at `index`, in a store with these externrefs; undefined where it
     * cannot be made.
     */
    functionAt: (index, type, refs) => makerOf(types.get(type), exported)?.(index, refs),
    /**
     * A function that calls an imported function for the call that has parked, in a store with these externrefs; undefined
     * where it cannot be made. `thunks` has the thunks of the store by function and type.
     */
    thunkOf(thunks, refs, fn, parameters, results) {
      const key = `${parameters}:${results}`
      const own = thunks.get(fn) ?? new Map()
      thunks.set(fn, own)
      const known = `${key}:${refs.quota ?? ''}`
      if (own.has(known)) return own.get(known)
      const type = thunkTypes.get(key) ?? { parameters: list(parameters), results: list(results), make: undefined }
      thunkTypes.set(key, type)
      const made = makerOf(type, thunk)?.(fn, refs)
      own.set(known, made)
      return made
    },
  }
}

const list = (names) => (names === '' ? [] : names.split(','))

/**
 * The source of a function that makes functions. All conversions come before the first write, since they may call wasm. An
 * arrow function cannot be called with `new`, as the JS API requires. Each import that wasm calls comes out of native code as
 * a thunk, which returns the next one.
 */
function exported(parameters, results) {
  const names = parameters.map((_, position) => `a${position}`)
  const references = names.filter((_, position) => isReference(parameters[position]))
  const conversion = (type, position) => `${names[position]} = ${TYPES[type].convert(names[position])}`
  const lines = [
    ...parameters.map((type, position) => (isReference(type) ? '' : conversion(type, position))),
    // An externref that nothing holds must not be there when a conversion runs: that may call wasm, and so a sweep.
    references.length > 0 ? `if (refs.free[0] < ${references.length}) refs.reserve(${references})` : '',
    ...parameters.map((type, position) => (isReference(type) ? conversion(type, position) : '')),
    ...parameters.map((type, position) => write(type, position, names[position])),
    `${INDEX} = index`,
    'let next = invoke()',
    'while (next !== undefined) next = next()',
  ].filter((line) => line !== '')
  const values = results.map(read).join(', ')
  if (results.length > 0) lines.push(results.length === 1 ? `return ${values}` : `return [${values}]`)
  return `(index, refs) => (${names.join(', ')}) => { ${lines.join('; ')} }`
}

/**
 * The source of a function that makes thunks: they call `fn` and then resume the call that has parked. `fn` may call wasm, so
 * the number of that call is read before, and the result written after it. What `resume` and `fail` throw comes from wasm.
 * Without a parked call, the number is 0: then native code has called the thunk, and gets the result or the exception.
 */
function thunk(parameters, results) {
  const call = `fn(${parameters.map(read).join(', ')})`
  const [type] = results
  return `(fn, refs) => () => {
    let next
    do {
      const number = ${NUMBER}
      try {
        next = ${call}
        ${type === undefined || isReference(type) ? '' : "if (typeof next === 'object') refusePromise(next, fn)"}
        ${type === undefined ? '' : `next = ${TYPES[type].convert('next')}`}
      } catch (error) {
        if (number === 0) throw error
        ${NUMBER} = number
        next = fail(error)
        continue
      }
      ${type === undefined ? '' : write(type, 0, 'next')}
      if (number === 0) return
      ${NUMBER} = number
      next = resume()
    } while (${AGAIN} !== 0)
    return next
  }`
}

/** The value of an expression. Throws if Node forbids code from strings (`--disallow-code-generation-from-strings`). */
const compile = (expression, scope) =>
  new Function(...Object.keys(scope), `'use strict'; return ${expression}`)(...Object.values(scope))

module.exports = { sharedValues }
