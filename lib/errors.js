'use strict'

// Error classes, and errors made from native errors.

const { publishLater } = require('./internal/events')
const { decodeReason } = require('./internal/reasons')
const { node } = require('./node/node-webassembly')

// Node's own classes, so that `instanceof WebAssembly.LinkError` holds in the realm that loaded the package.
const {
  CompileError: BaseCompileError,
  LinkError: BaseLinkError,
  RuntimeError: BaseRuntimeError,
  SuspendError: BaseSuspendError = errorClass('SuspendError'),
} = node ?? Object.fromEntries(['CompileError', 'LinkError', 'RuntimeError'].map((name) => [name, errorClass(name)]))

/** Replaces a class of Node's WebAssembly where Node runs without it. */
function errorClass(name) {
  const { [name]: Class } = { [name]: class extends Error {} }
  Object.defineProperty(Class.prototype, 'name', { value: name, writable: true, configurable: true })
  return Class
}

/** The `code` of a native error. Its message is JSON, from which `buildError` makes the error for users. */
const NATIVE = 'ERR_RELINK_NATIVE'

/** The bytes are not a module that this package can run. */
class CompileError extends BaseCompileError {
  constructor(message, options) {
    super(message, options)
    annotate(this, options)
  }
}

/** An import, a slot or a link does not fit. */
class LinkError extends BaseLinkError {
  constructor(message, options) {
    super(message, options)
    annotate(this, options)
  }
}

/** A trap, or a use of something closed. */
class RuntimeError extends BaseRuntimeError {
  constructor(message, options) {
    super(message, options)
    annotate(this, options)
  }
}

/** A call cannot be suspended where it is. */
class SuspendError extends BaseSuspendError {
  constructor(message, options) {
    super(message, options)
    annotate(this, options)
  }
}

// So the `constructor` of an error is the class on `WebAssembly`, for code that compares the two.
for (const Class of [CompileError, LinkError, RuntimeError, SuspendError]) delete Class.prototype.constructor

const classes = { CompileError, LinkError, RuntimeError, SuspendError, TypeError, RangeError, Error }

/** Adds the code and the details to an error, as own properties, which `console.log` shows. */
function annotate(error, { code, details } = {}) {
  if (code !== undefined) error.code = code
  return Object.assign(error, details)
}

/** Makes a `TypeError`. */
function typeError(message, code = 'ERR_INVALID_ARG_TYPE', details) {
  return annotate(new TypeError(message), { code, details })
}

/** Makes a `RangeError`. */
function rangeError(message, code = 'ERR_OUT_OF_RANGE', details) {
  return annotate(new RangeError(message), { code, details })
}

const PERMISSIONS = { 'fs.read': 'FileSystemRead', 'fs.write': 'FileSystemWrite' }

/** Makes the error of Node's permission model for a path. */
function accessDenied(scope, resource) {
  const error = new Error(
    `access to ${resource} is restricted by Node's permission model: run Node with --allow-${scope.replace('.', '-')}`,
  )
  return annotate(error, { code: 'ERR_ACCESS_DENIED', details: { permission: PERMISSIONS[scope], resource } })
}

const INTERRUPTED = 'ERR_RELINK_INTERRUPTED'

/** The codes of errors that end WebAssembly and that it cannot catch. */
const TRAPS = new Set(['ERR_RELINK_TRAP', 'ERR_RELINK_TIMEOUT', 'ERR_RELINK_WASI_EXIT', INTERRUPTED])

/** The errors of traps. A `code` is not enough: users may set it too. */
const traps = new WeakSet()

/** Whether a thrown value is the error of a trap. Runs no user code. */
const isTrap = (value) => traps.has(value)

/** Makes the error that the native side describes as JSON. */
function buildError(json) {
  const { class: name, code, message, details, frames = [] } = JSON.parse(json)
  const ErrorClass = classes[name]
  const error = new ErrorClass(message)
  // The stack begins with the caller.
  Error.captureStackTrace?.(error, buildError)
  annotate(error, { code, details })
  if (code === INTERRUPTED) explain(error)
  const isEnd = TRAPS.has(code)
  if (isEnd) traps.add(error)
  if (frames.length > 0) withFrames(error, frames)
  if (isEnd)
    publishLater(code === 'ERR_RELINK_TRAP' ? 'trap' : 'timeout', () => ({
      ...details,
      error,
      code,
      reason: error.reason,
    }))
  return error
}

/** The text of an error's stack; empty if the user's `Error.prepareStackTrace` returns something else or throws. */
function stackOf(error) {
  try {
    const { stack } = error
    return typeof stack === 'string' ? stack : ''
  } catch {
    return ''
  }
}

/** Puts the reason of an interruption in the place of its encoded form, and into the message if it has words. */
function explain(error) {
  error.reason = decodeReason(error.reason)
  const words = typeof error.reason === 'string' ? error.reason : error.reason?.message
  if (typeof words !== 'string' || words === '') return
  const before = String(error)
  const stack = stackOf(error)
  error.message = `${error.message}: ${words}`
  if (stack.startsWith(before)) error.stack = String(error) + stack.slice(before.length)
}

/** Whether an error of a native call must be translated. A user's own error must not. */
const isNative = (error) => error?.code === NATIVE

/** Translates an error of a native call. A user's own error comes back unchanged. */
function translate(error) {
  if (isNative(error)) return buildError(error.message)
  // The code that napi-rs gives a panic.
  return error?.code === 'GenericFailure' ? internalError(error) : error
}

const internalError = (cause) =>
  new RuntimeError(`internal error: ${cause.message}`, { code: 'ERR_RELINK_INTERNAL', cause })

/** `Error.stackTraceLimit`, in frames. Like V8, ignores a getter and any value that is not a number. */
function stackTraceLimit() {
  const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.value
  return typeof limit === 'number' ? Math.max(Math.trunc(limit), 0) || 0 : 0
}

/**
 * Adds the WebAssembly frames, innermost first, above the JavaScript ones, in V8's format. `Error.stackTraceLimit` limits the
 * sum of both.
 */
function withFrames(error, frames) {
  const most = stackTraceLimit()
  const lines = frames.slice(0, most).map(({ name, index, offset, module }) => {
    const location = `${module ? `${module}:` : ''}wasm-function[${index}]:0x${offset.toString(16)}`
    return name ? `\n    at ${name} (${location})` : `\n    at ${location}`
  })
  const header = String(error)
  const stack = stackOf(error)
  // A stack without this header was formatted by a user's `Error.prepareStackTrace`: leave it alone.
  if (stack.startsWith(header)) {
    const below = stack.slice(header.length).split(/(?=\n {4}at )/)
    error.stack = header + [...lines, ...below].slice(0, most).join('')
  }
  return error
}

/** Adds a file, if there is one, to an error's message and as its property `file`. */
function nameFile(error, file) {
  if (file === undefined) return error
  const before = String(error)
  const stack = stackOf(error)
  error.message = `${file}: ${error.message}`
  error.file = file
  if (stack.startsWith(before)) error.stack = String(error) + stack.slice(before.length)
  return error
}

module.exports = {
  BaseCompileError,
  BaseLinkError,
  BaseRuntimeError,
  BaseSuspendError,
  CompileError,
  LinkError,
  RuntimeError,
  SuspendError,
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
