'use strict'

// The options of WASI.

const { toOptions, wrongType, formatValue } = require('./arguments')
const { join } = require('node:path')
const { accessDenied, typeError, rangeError } = require('../errors')
const { isAllowed } = require('../node/permission')
const { MODULES, toRandomBytes } = require('../internal/wasi-functions')

const VERSIONS = ['unstable', 'preview1']

/** The options that Node's own `WASI` has, and ours. */
const NAMES = ['args', 'env', 'preopens', 'stdin', 'stdout', 'stderr', 'clock', 'random']

const isObject = (value) => typeof value === 'object' && value !== null

/** The number of the option `version`: its position among the modules. */
function toVersion({ version }) {
  if (typeof version !== 'string') throw wrongType("'preview1' or 'unstable'", 'options.version', version)
  const number = VERSIONS.indexOf(version)
  if (number >= 0) return number
  throw invalid("'preview1' or 'unstable'", 'options.version', version, ': unsupported WASI version')
}

const invalid = (expected, name, value, more = '') =>
  typeError(`expected ${expected} as \`${name}\`, got ${formatValue(value)}${more}`, 'ERR_INVALID_ARG_VALUE')

/** The options of the native system, and the host that answers it. `argument` names the options in messages. */
function toSystem(options, argument = 'options') {
  const { args = [], env = {}, preopens = {}, returnOnExit = true, clock, random } = options
  if (!Array.isArray(args)) throw wrongType('an array', `${argument}.args`, args)
  if (!isObject(env) || Array.isArray(env)) throw wrongType('an object', `${argument}.env`, env)
  if (!isObject(preopens) || Array.isArray(preopens)) throw wrongType('an object', `${argument}.preopens`, preopens)
  if (typeof returnOnExit !== 'boolean') throw wrongType('a boolean', `${argument}.returnOnExit`, returnOnExit)
  for (const [name, value] of Object.entries({ clock, random })) {
    if (value !== undefined && typeof value !== 'function') throw wrongType('a function', `${argument}.${name}`, value)
  }
  const stdin = toInput(options.stdin, `${argument}.stdin`)
  const outputs = ['stdout', 'stderr'].map((name, index) => toOutput(options[name], index + 1, `${argument}.${name}`))
  return {
    args: args.map((value, index) => noNul(String(value), `${argument}.args[${index}]`)),
    env: Object.entries(env).flatMap(([name, value]) => variable(name, value, argument)),
    preopens: Object.entries(preopens).map(([name, value]) => toPreopen(name, value, argument)),
    streams: [stdin.fd, ...outputs.map(({ fd }) => fd)],
    hasClock: clock !== undefined,
    hasRandom: random !== undefined,
    exitsProcess: !returnOnExit,
    stdin: stdin.bytes,
    host: hostOf([undefined, ...outputs.map(({ write }) => write)], clock, random),
  }
}

/** The function that the native side calls: `Request` in `src/napi/wasi/host.rs`. */
function hostOf(outputs, clock, random) {
  const answers = [
    (stream, chunk) => outputs[stream](chunk),
    (id) => BigInt.asIntN(64, BigInt(clock(id))),
    (length) => toRandomBytes(length, random),
    (code) => process.exit(code),
  ]
  return (request, ...args) => answers[request](...args)
}

/** A variable of the environment, as its name and value. As in Node, an undefined one does not exist. */
function variable(name, value, argument) {
  if (value === undefined) return []
  const path = `${argument}.env[${JSON.stringify(name)}]`
  if (typeof value !== 'string') throw wrongType('a string', path, value)
  return [noNul(name, path), noNul(value, path)]
}

function noNul(text, path) {
  if (text.includes('\0')) throw invalid('text without NUL', path, text)
  return text
}

/** A preopen: a path, or an object with a path and a policy. */
function toPreopen(name, value, argument) {
  const path = `${argument}.preopens[${JSON.stringify(name)}]`
  noNul(name, path)
  if (!isObject(value)) return allowed({ name, path: noNul(String(value), path), readOnly: false })
  const policy = toOptions(value, ['path', 'readOnly', 'limits'], path)
  if (typeof policy.path !== 'string') throw wrongType('a string', `${path}.path`, policy.path)
  const { readOnly = false } = policy
  if (typeof readOnly !== 'boolean') throw wrongType('a boolean', `${path}.readOnly`, readOnly)
  const limits = toOptions(policy.limits, ['bytesWritten', 'openFiles'], `${path}.limits`)
  for (const [limit, most] of Object.entries(limits)) {
    if (most === undefined) continue
    if (typeof most !== 'number') throw wrongType('a number', `${path}.limits.${limit}`, most)
    if (!(Number.isSafeInteger(most) && most >= 0)) {
      throw rangeError(`expected an integer of at least 0 as \`${path}.limits.${limit}\`, got ${formatValue(most)}`)
    }
  }
  return allowed({ name, path: noNul(policy.path, `${path}.path`), readOnly, ...limits })
}

/** A preopen that Node's permission model allows, since Node does not check the guest's access. */
function allowed(preopen) {
  const scopes = preopen.readOnly ? ['fs.read'] : ['fs.read', 'fs.write']
  const denied = scopes.find((scope) => !isAllowed(scope, join(preopen.path, '*')))
  if (denied !== undefined) throw accessDenied(denied, preopen.path)
  return preopen
}

/** stdin: a file descriptor, bytes, or null for nothing. */
function toInput(value = 0, name) {
  if (value === null) return { fd: -2 }
  if (ArrayBuffer.isView(value))
    return { fd: -1, bytes: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) }
  return { fd: toDescriptor(value, name, 'a file descriptor, a Buffer or null') }
}

/** stdout or stderr: a file descriptor, a function or a Writable that takes the chunks, or null for nothing. */
function toOutput(value, number, name) {
  if (value === undefined) return { fd: number }
  if (value === null) return { fd: -2 }
  if (typeof value === 'function') return { fd: -1, write: (chunk) => void value(chunk) }
  if (isObject(value) && typeof value.write === 'function') return { fd: -1, write: (chunk) => writeTo(value, chunk) }
  return { fd: toDescriptor(value, name, 'a file descriptor, a function, a Writable or null') }
}

/** The errno of a write to a pipe that nothing reads. */
const PIPE = 64

/** Writes a chunk to a Writable. Returns an errno; undefined for success. */
function writeTo(stream, chunk) {
  // Such a stream would raise an error event, which ends the process if nothing listens.
  if (stream.destroyed === true || stream.writableEnded === true) return PIPE
  stream.write(chunk)
}

function toDescriptor(value, name, expected) {
  if (typeof value !== 'number') throw wrongType(expected, name, value)
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 31) return value
  throw rangeError(`expected ${expected} as \`${name}\`, got ${formatValue(value)}`)
}

/** The option `wasi` of `load`; undefined if it is not set. */
function toWasi({ wasi }) {
  return wasi === undefined ? undefined : toSystem(toOptions(wasi, NAMES, 'options.wasi'), 'options.wasi')
}

module.exports = { MODULES, isObject, toSystem, toVersion, toWasi }
