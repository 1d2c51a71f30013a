'use strict'

const { node } = require('./node/node-webassembly')

// Node's own, so that `instanceof WebAssembly.LinkError` holds in the realm that loaded the package.
const {
  CompileError: BaseCompileError,
  LinkError: BaseLinkError,
  RuntimeError: BaseRuntimeError,
} = node ?? Object.fromEntries(['CompileError', 'LinkError', 'RuntimeError'].map((name) => [name, errorClass(name)]))

/** What stands in for a class of Node's WebAssembly where there is none. */
function errorClass(name) {
  const { [name]: Class } = { [name]: class extends Error {} }
  Object.defineProperty(Class.prototype, 'name', { value: name, writable: true, configurable: true })
  return Class
}

/** The `code` of an error whose message is not for people: the JSON from which `buildError` makes the real one. */
const NATIVE = 'ERR_RELINK_NATIVE'

/** The bytes are no module that this package can run. */
class CompileError extends BaseCompileError {
  constructor(message, options) {
    super(message, options)
    annotate(this, options)
  }
}

/** An import, a slot or a link does not fit; nothing has changed. */
class LinkError extends BaseLinkError {
  constructor(message, options) {
    super(message, options)
    annotate(this, options)
  }
}

/** A trap, or a call that cannot be made. */
class RuntimeError extends BaseRuntimeError {
  constructor(message, options) {
    super(message, options)
    annotate(this, options)
  }
}

// For code that compares an error's `constructor` with what stands on `WebAssembly`.
for (const Class of [CompileError, LinkError, RuntimeError]) delete Class.prototype.constructor

const classes = { CompileError, LinkError, RuntimeError, TypeError, RangeError, Error }

/** Puts the code and the details on an error as own properties, where `console.log` shows them. */
function annotate(error, { code, details } = {}) {
  if (code !== undefined) error.code = code
  return Object.assign(error, details)
}

/** The `TypeError` of an argument of the wrong type. `expected` and `actual` are words, not values. */
function typeError(message, code = 'ERR_INVALID_ARG_TYPE', details) {
  return annotate(new TypeError(message), { code, details })
}

/** The `RangeError` of an argument that is out of its range. */
function rangeError(message, code = 'ERR_OUT_OF_RANGE') {
  return annotate(new RangeError(message), { code })
}

const PERMISSIONS = { 'fs.read': 'FileSystemRead', 'fs.write': 'FileSystemWrite' }

/** The error of Node's permission model for a path. */
function accessDenied(scope, resource) {
  const error = new Error(`access to ${resource} has been restricted: run Node with --allow-${scope.replace('.', '-')}`)
  return annotate(error, { code: 'ERR_ACCESS_DENIED', details: { permission: PERMISSIONS[scope], resource } })
}

const TRAP = 'ERR_RELINK_TRAP'

/** The errors of traps. What else says that it is one is none. */
const traps = new WeakSet()

/** Whether a value that was thrown is the error of a trap. Runs no code of the user's, whatever it is. */
const isTrap = (value) => traps.has(value)

/** Makes the error that the native side describes in JSON. Does not throw it. */
function buildError(json) {
  const { class: name, code, message, details, frames = [] } = JSON.parse(json)
  const ErrorClass = classes[name]
  const error = new ErrorClass(message)
  // The stack begins where the user's code called, not here.
  Error.captureStackTrace?.(error, buildError)
  annotate(error, { code, details })
  if (code === TRAP) traps.add(error)
  return frames.length > 0 ? withFrames(error, frames) : error
}

/** Whether an error that came out of a native call is to be translated; a user's own is not. */
const isNative = (error) => error?.code === NATIVE

/** The error to throw for one that came out of a native call: a user's own comes back unchanged. */
function translate(error) {
  if (isNative(error)) return buildError(error.message)
  // What napi-rs makes of a panic.
  return error?.code === 'GenericFailure' ? internalError(error) : error
}

const internalError = (cause) =>
  new RuntimeError(`internal error: ${cause.message}`, { code: 'ERR_RELINK_INTERNAL', cause })

/** How many frames a stack may have. V8 looks at a property with a number too, and at nothing that would run code. */
function stackTraceLimit() {
  const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.value
  return typeof limit === 'number' ? Math.max(Math.trunc(limit), 0) || 0 : 0
}

/**
 * Puts the frames of WebAssembly, innermost first, on top of the JavaScript ones, as V8 shows its own, and no more of both than
 * there may be.
 */
function withFrames(error, frames) {
  const most = stackTraceLimit()
  const lines = frames.slice(0, most).map(({ name, index, offset, module }) => {
    const place = `${module ? `${module}:` : ''}wasm-function[${index}]:0x${offset.toString(16)}`
    return name ? `\n    at ${name} (${place})` : `\n    at ${place}`
  })
  const header = String(error)
  // A stack that does not start with its header was formatted by someone's Error.prepareStackTrace.
  if (typeof error.stack === 'string' && error.stack.startsWith(header)) {
    const below = error.stack.slice(header.length).split(/(?=\n {4}at )/)
    error.stack = header + [...lines, ...below].slice(0, most).join('')
  }
  return error
}

/** Adds the file that an error is about, if it is about one, to its message, and as the property `file`. */
function nameFile(error, file) {
  if (file === undefined) return error
  const before = String(error)
  const stack = error.stack
  error.message = `${file}: ${error.message}`
  error.file = file
  if (typeof stack === 'string' && stack.startsWith(before)) error.stack = String(error) + stack.slice(before.length)
  return error
}

module.exports = {
  BaseCompileError,
  BaseLinkError,
  BaseRuntimeError,
  CompileError,
  LinkError,
  RuntimeError,
  typeError,
  rangeError,
  accessDenied,
  stackTraceLimit,
  buildError,
  isNative,
  isTrap,
  translate,
  nameFile,
}
