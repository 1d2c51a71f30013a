'use strict'

// Calls of typed functions that cross from JavaScript to wasm once: their arguments and results go through the transfer memory of
// the store, and a transfer module does the rest.

const { typedTransfer } = require('../native/typed-functions')
const { compileGenerated, instantiateGenerated } = require('./generated-modules')
const { Misfit, fault, kindOf, refusal } = require('./misfit')
const { Transfer, transferOf } = require('./transfer')

/** Number of calls of a function from which it gets a transfer module: compiling that takes as long as thousands of calls save. */
const PATIENCE = 1000

/** Size of the parameters or the result in their place, in bytes, up to which the transfer memory has room for many. */
const MOST_IN_PLACE = 4096

/** The transfer modules of each store, by compiler, type, and whether the callee has a function that frees. */
const modules = new WeakMap()

/** Whether a transfer module saves a function crossings. */
function isWorthwhile(plan) {
  const { isIndirect, hasArea, result, conversions, size } = plan
  if (size > MOST_IN_PLACE || (hasArea && result.size > MOST_IN_PLACE)) return false
  return isIndirect || hasArea || conversions.some(({ allocates }) => allocates)
}

/** The code of the transfer module for a function, compiled once for each store. */
function codeOf({ instance, type, post }) {
  const { store, compiler } = instance
  const key = `${compiler}:${post === undefined}:${type.structure}`
  const compiled = modules.get(store) ?? new Map()
  modules.set(store, compiled)
  if (!compiled.has(key)) {
    const bytes = typedTransfer(JSON.stringify(type.function), post !== undefined, Transfer.SIZE)
    compiled.set(key, compileGenerated(bytes, compiler))
  }
  return compiled.get(key)
}

/** An instance of the transfer module for a function of a guest: its id, and its core function. */
function transferInstance(description, transfer) {
  const { instance, raw, post } = description
  const given = { a: { memory: transfer.memory }, b: { ...instance.exports, call: raw, post } }
  return instantiateGenerated(instance.store, codeOf(description), given, { timeout: instance.timeout })
}

/**
 * The function over a transfer module, `way`, and the id of its instance. `classic` is the function that crosses several times,
 * and `finish` reads the result from the guest's memory. Undefined where Node forbids code from strings, and where there is no
 * room for the module or its memory.
 */
function inOneCrossing(description, { classic, finish, outcome }) {
  const { instance, plan, subject, name } = description
  const { conversions, result } = plan
  try {
    const transfer = transferOf(instance.store)
    const failed = (error, phase) =>
      phase < plan.count ? refusal(error, plan.names[phase]) : fault(error, subject, 'result')
    const scope = { ...TOOLS, transfer, head: transfer.head, instance, conversions, result, classic, finish, failed }
    const over = compile(source(plan), { ...scope, outcome: (value) => outcome(value, name) })
    const { id, exports } = transferInstance(description, transfer)
    return { id, way: over(exports[0].value) }
  } catch (error) {
    if (error instanceof EvalError || isLackOfRoom(error)) return undefined
    throw error
  }
}

/**
 * The function to call at first for a function of a guest: `classic`, the way with several crossings. Once it was called often,
 * it gives `replace` the one over a transfer module.
 */
function hastened(description, ways, replace) {
  const { instance, plan } = description
  const { classic } = ways
  if (!isWorthwhile(plan)) return classic
  let calls = 0
  return (...values) => {
    if (++calls <= PATIENCE || instance.closed || instance.isTieringUp) return classic(...values)
    const { id, way } = inOneCrossing(description, ways) ?? { way: classic }
    replace(way)
    if (id !== undefined) instance.transfers.push({ id, end: () => replace(classic) })
    return way(...values)
  }
}

/** Whether an error says that a limit of the store or of the process stands against more modules, instances or memories. */
const isLackOfRoom = ({ code }) => code === 'ERR_RELINK_LIMIT' || code === 'ERR_RELINK_MEMORY'

const TOOLS = { Misfit, TOO_LARGE: Transfer.TOO_LARGE, isView: ArrayBuffer.isView, kindOf }

/**
 * The source of a function that makes the function over a core function. All conversions of arguments come before the call, so
 * that getters of the user may call the same function, or close the instance. `phase` is the parameter that is being converted,
 * then the result. The end of the transfer memory, `head[0]`, is put back after the result is read.
 */
function source(plan) {
  const { conversions, count, hasArea, isIndirect, names, result } = plan
  const given = names.map((_, index) => `a${index}`).join(', ')
  const isLarge = conversions.flatMap((conversion, index) => largeness(conversion, `a${index}`))
  const { parts, core } = isIndirect ? indirect(plan) : flat(plan)
  if (hasArea) {
    parts.push(`area = transfer.allocate(${result.size}, ${Math.max(result.align, 4)})`)
    core.push('area')
  }
  const runsCode = conversions.some(({ kind }) => kind !== 'string')
  return `(call) => (${given}) => {
    if (${['instance.closed', ...isLarge].join(' || ')}) return classic(${given})
    const end = head[0]
    let phase = 0, area, returned
    try {
      ${parts.join('\n      ')}
      phase = ${count}
      ${runsCode ? `if (instance.closed) throw TOO_LARGE` : ''}
      returned = call(${core.join(', ')})
      if (head[1] === 0 && !instance.closed) {
        const value = ${read(plan)}
        head[0] = end
        return ${plan.throws ? 'outcome(value)' : 'value'}
      }
    } catch (error) {
      head[0] = end
      if (error === TOO_LARGE) return classic(${given})
      throw failed(error, phase)
    }
    head[0] = end
    return head[1] === 1 && !instance.closed ? finish(head[2]) : classic(${given})
  }`
}

/** The tests whether an argument would be copied once too often. */
function largeness({ kind, elementSize }, name) {
  if (kind === 'string') return [`(typeof ${name} === 'string' && ${name}.length > ${Transfer.MOST})`]
  return elementSize === undefined ? [] : [`(isView(${name}) && ${name}.byteLength > ${Transfer.MOST})`]
}

/** The statements that write arguments to an area, and the core value: its address. */
function indirect({ conversions, places, size, align }) {
  const store = (_, index) =>
    `phase = ${index}; conversions[${index}].store(transfer, a${index}, core + ${places[index]})`
  return { parts: [`const core = transfer.allocate(${size}, ${align})`, ...conversions.map(store)], core: ['core'] }
}

/** The statements that convert arguments to core values, and those. */
function flat({ conversions, places, width }) {
  const core = Array(width)
  const parts = conversions.map(({ kind, flat: types }, index) => {
    const [name, own] = [`a${index}`, `conversions[${index}]`]
    if (kind === 'string') {
      core[places[index]] = `p${index}`
      core[places[index] + 1] = `n${index}`
      const refuse = `if (typeof ${name} !== 'string') throw new Misfit('string', kindOf(${name}))`
      return `phase = ${index}; ${refuse}; const p${index} = transfer.putText(${name}), n${index} = transfer.written`
    }
    types.forEach((_, position) => (core[places[index] + position] = `c${index}[${position}]`))
    return `phase = ${index}; const c${index} = []; ${own}.lower(transfer, ${name}, c${index}, 0)`
  })
  return { parts, core }
}

/** The expression that reads the result. */
function read({ result, hasArea }) {
  if (result === undefined) return 'undefined'
  if (result.size === 0) return 'result.load(transfer, 0)'
  if (!hasArea) return 'result.lift(transfer, [returned], 0)'
  if (result.kind === 'string') return 'transfer.getText(head[area >> 2], head[(area >> 2) + 1])'
  return 'result.load(transfer, area)'
}

/** The value of an expression. Throws if Node forbids code from strings (`--disallow-code-generation-from-strings`). */
const compile = (expression, scope) =>
  new Function(...Object.keys(scope), `'use strict'; return ${expression}`)(...Object.values(scope))

module.exports = { hastened }
