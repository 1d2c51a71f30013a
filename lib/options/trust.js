'use strict'

// Trust: the options `sha256` and `signature`, and the check of a module's bytes against them.

const { types } = require('node:util')
const { formatValue, toOptions, wrongType } = require('./arguments')
const { CompileError, nameFile, typeError } = require('../errors')

/** Sizes in bytes. */
const [HASH, KEY, SIGNATURE] = [32, 32, 64]

/** The prefix of a DER-encoded Ed25519 key, before its 32 bytes. */
const DER = Buffer.from('302a300506032b6570032100', 'hex')

const crypto = () => require('node:crypto')

/** A copy of `size` bytes, from bytes or from their text in hex or base64; undefined for any other value. */
function bytesOf(value, size) {
  if (types.isUint8Array(value)) return value.byteLength === size ? Buffer.from(value) : undefined
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  if (text.length === size * 2 && /^[0-9a-f]+$/i.test(text)) return Buffer.from(text, 'hex')
  const bytes = /^[\w+/-]+=*$/.test(text) ? Buffer.from(text, 'base64') : undefined
  return bytes?.length === size ? bytes : undefined
}

const wrongValue = (expected, argument, value) =>
  typeError(`expected ${expected} as \`${argument}\`, got ${formatValue(value)}`, 'ERR_INVALID_ARG_VALUE')

/** The option `sha256`, as bytes. */
function toHash(sha256) {
  if (sha256 === undefined) return undefined
  if (typeof sha256 !== 'string' && !types.isUint8Array(sha256)) {
    throw wrongType('a text or a Uint8Array', 'options.sha256', sha256)
  }
  const hash = bytesOf(sha256, HASH)
  if (hash === undefined)
    throw wrongValue('the 32 bytes of a SHA-256 hash, in hex or base64,', 'options.sha256', sha256)
  return hash
}

/** Tells if a value is a private key, which a host must not have. */
function isPrivate(given) {
  if (typeof given === 'string') return given.includes('PRIVATE KEY')
  return types.isKeyObject(given) || types.isCryptoKey(given) ? given.type === 'private' : 'd' in given
}

/** The public key of an Ed25519 signature: a KeyObject of Node's. */
function toPublicKey(given) {
  const { KeyObject, createPublicKey } = crypto()
  const name = 'options.signature.publicKey'
  if (typeof given !== 'string' && (typeof given !== 'object' || given === null)) {
    throw wrongType('a KeyObject, a PEM text or 32 bytes', name, given)
  }
  if (isPrivate(given)) {
    const message = `expected an Ed25519 public key as \`${name}\`, got a private key: give its public half`
    throw typeError(message, 'ERR_INVALID_ARG_VALUE')
  }
  const raw = bytesOf(given, KEY)
  let key
  try {
    if (types.isKeyObject(given)) key = given
    else if (types.isCryptoKey(given)) key = KeyObject.from(given)
    else if (raw !== undefined) key = createPublicKey({ key: Buffer.concat([DER, raw]), format: 'der', type: 'spki' })
    else if (types.isUint8Array(given)) key = createPublicKey({ key: Buffer.from(given), format: 'der', type: 'spki' })
    else if (typeof given === 'string') key = createPublicKey(given)
    else key = createPublicKey({ key: given, format: 'jwk' })
  } catch (cause) {
    throw Object.assign(wrongValue('an Ed25519 public key', name, given), { cause })
  }
  if (key.asymmetricKeyType === 'ed25519' && key.type === 'public') return key
  throw wrongValue(`an Ed25519 public key, not one of type ${key.asymmetricKeyType ?? key.type},`, name, given)
}

/** The option `signature`: the key, and the signature's bytes if they were given. */
function toSignature(signature) {
  if (signature === undefined) return undefined
  if (typeof signature !== 'object' || signature === null) throw wrongType('an object', 'options.signature', signature)
  const { publicKey, value } = toOptions(signature, ['publicKey', 'value'], 'options.signature')
  const key = toPublicKey(publicKey)
  if (value === undefined) return { key }
  if (typeof value !== 'string' && !types.isUint8Array(value)) {
    throw wrongType('a text or a Uint8Array', 'options.signature.value', value)
  }
  const bytes = bytesOf(value, SIGNATURE)
  if (bytes !== undefined) return { key, bytes }
  throw wrongValue('the 64 bytes of an Ed25519 signature, in hex or base64,', 'options.signature.value', value)
}

/** The hash and the signature that the bytes of a module must have. */
class Trust {
  #hash
  #signature

  constructor(hash, signature) {
    this.#hash = hash
    this.#signature = signature
  }

  /** This trust with the signature that is beside a file, unless the options have one. `read` reads a file. */
  async beside(file, read) {
    if (this.#signature === undefined || this.#signature.bytes !== undefined) return this
    const path = `${file}.sig`
    const content = await read(path).catch((cause) => {
      throw untrusted(`the signature ${path} cannot be read: ${cause?.message}`, { check: 'signature' }, file, cause)
    })
    const bytes = bytesOf(content, SIGNATURE) ?? bytesOf(content.toString('latin1'), SIGNATURE)
    if (bytes !== undefined) return new Trust(this.#hash, { ...this.#signature, bytes })
    throw untrusted(`${path} is no Ed25519 signature: 64 bytes, or their hex or base64`, { check: 'signature' }, file)
  }

  /**
   * Throws if the bytes do not have them. The caller must pass the same bytes on in the same turn of the event loop, or a copy
   * that it has made before.
   */
  verify(bytes, file = undefined) {
    const { createHash, verify } = crypto()
    if (this.#hash !== undefined) {
      const actual = createHash('sha256').update(bytes).digest()
      if (!actual.equals(this.#hash)) {
        const [expected, found] = [this.#hash.toString('hex'), actual.toString('hex')]
        const details = { check: 'sha256', expected, actual: found }
        throw untrusted(`the module has the SHA-256 hash ${found}, expected ${expected}`, details, file)
      }
    }
    if (this.#signature === undefined) return
    const { key, bytes: signature } = this.#signature
    if (signature === undefined) {
      throw wrongType('a text or a Uint8Array', 'options.signature.value', undefined, 'only a file has one beside it')
    }
    if (verify(null, bytes, key, signature)) return
    throw untrusted(
      'the signature of the module does not match `options.signature.publicKey`: the bytes were changed, or another key signed them',
      { check: 'signature' },
      file,
    )
  }
}

const untrusted = (message, details, file, cause = undefined) =>
  nameFile(new CompileError(message, { code: 'ERR_RELINK_UNTRUSTED', details, ...(cause && { cause }) }), file)

/** The names of the options. */
const TRUST = ['sha256', 'signature']

/** The options `sha256` and `signature`; undefined if neither is set. */
function toTrust({ sha256, signature }) {
  const [hash, known] = [toHash(sha256), toSignature(signature)]
  return hash === undefined && known === undefined ? undefined : new Trust(hash, known)
}

/** Refuses both options for a Module: its bytes have been compiled. */
function refuseTrust(trust) {
  if (trust === undefined) return
  const message = 'expected bytes with `sha256` or `signature`, got a Module: give these options where it is compiled'
  throw typeError(message, 'ERR_INVALID_ARG_VALUE')
}

module.exports = { TRUST, refuseTrust, toTrust }
