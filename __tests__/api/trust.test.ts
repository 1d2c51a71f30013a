// Trust: a module gets only the imports that are given, and its bytes must fit the options `sha256` and `signature`.
import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CompileError,
  type CompileOptions,
  Instance,
  Module,
  WebAssembly,
  compile,
  compileFile,
  inspect,
  instantiate,
  load,
  rewrite,
  validate,
} from '../..'
import { rejectionOf, thrownBy, wat } from '../support'

const pair = generateKeyPairSync('ed25519')
const stranger = generateKeyPairSync('ed25519')

let [folder, path]: string[] = []
let bytes: Uint8Array<ArrayBuffer>
let other: Uint8Array<ArrayBuffer>
const hash = (of: Uint8Array) => createHash('sha256').update(of).digest()

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-trust-'))
  path = join(folder, 'plugin.wasm')
  bytes = await wat('(module (func (export "f") (result i32) i32.const 7))')
  other = await wat('(module (func (export "f") (result i32) i32.const 8))')
  writeFileSync(path, bytes)
})
afterAll(() => rmSync(folder!, { recursive: true, force: true }))

/** Every function that takes bytes or a path. */
const entries: Record<string, (given: Uint8Array, options: CompileOptions) => unknown> = {
  'new Module': (given, options) => new Module(given, options),
  'new WebAssembly.Module': (given, options) => new (WebAssembly.Module as typeof Module)(given, options),
  compile: (given, options) => compile(given, options),
  'WebAssembly.compile': (given, options) => (WebAssembly.compile as typeof compile)(given, options),
  instantiate: (given, options) => instantiate(given, {}, options),
  'WebAssembly.instantiate': (given, options) => (WebAssembly.instantiate as typeof instantiate)(given, {}, options),
  rewrite: (given, options) => rewrite(given, options),
  inspect: (given, options) => inspect(given, options),
  compileFile(given, options) {
    writeFileSync(path!, given)
    return compileFile(path!, options)
  },
  load(given, options) {
    writeFileSync(path!, given)
    return load(path!, {}, options)
  },
}

const outcome = (run: () => unknown) => rejectionOf((async () => run())())

describe.each(Object.keys(entries))('%s', (entry) => {
  const enter = (given: Uint8Array, options: CompileOptions) => (async () => entries[entry]!(given, options))()

  test('takes bytes with the hash, and refuses all others before they are read', async () => {
    const sha256 = hash(bytes)
    await enter(bytes, { sha256 })
    await enter(bytes, { sha256: sha256.toString('hex').toUpperCase() })
    await enter(bytes, { sha256: sha256.toString('base64') })
    for (const given of [other, Buffer.from('not WebAssembly')]) {
      const error = await outcome(() => entries[entry]!(given, { sha256 }))
      expect(error).toBeInstanceOf(CompileError)
      expect(error).toMatchObject({
        code: 'ERR_RELINK_UNTRUSTED',
        check: 'sha256',
        expected: sha256.toString('hex'),
        actual: hash(given).toString('hex'),
      })
      expect(error.file).toBe(['load', 'compileFile'].includes(entry) ? path : undefined)
    }
  })

  test('takes bytes that the key has signed, and refuses all others', async () => {
    const value = sign(null, bytes, pair.privateKey)
    const { publicKey } = pair
    await enter(bytes, { signature: { publicKey, value } })
    const refused: [Uint8Array, CompileOptions['signature']][] = [
      [other, { publicKey, value }],
      [bytes, { publicKey: stranger.publicKey, value }],
      [bytes, { publicKey, value: sign(null, bytes, stranger.privateKey) }],
    ]
    for (const [given, signature] of refused) {
      const error = await outcome(() => entries[entry]!(given, { signature }))
      expect(error).toMatchObject({ code: 'ERR_RELINK_UNTRUSTED', check: 'signature' })
    }
    const both = { sha256: hash(other), signature: { publicKey, value } }
    expect(await outcome(() => entries[entry]!(bytes, both))).toMatchObject({ check: 'sha256' })
  })
})

test('a key has many forms', () => {
  const value = sign(null, bytes, pair.privateKey)
  const jwk = pair.publicKey.export({ format: 'jwk' })
  const raw = Buffer.from(jwk.x!, 'base64url')
  const der = pair.publicKey.export({ format: 'der', type: 'spki' })
  const forms = [jwk, raw, raw.toString('hex'), raw.toString('base64'), der]
  const pem = pair.publicKey.export({ format: 'pem', type: 'spki' }) as string
  for (const publicKey of [...forms, pem, createPublicKey(pem)]) {
    expect(new Module(bytes, { signature: { publicKey, value: value.toString('base64') } })).toBeInstanceOf(Module)
  }
})

describe('the signature beside a file', () => {
  const { publicKey } = pair
  const signed = (content: string | Uint8Array, of = bytes) => {
    writeFileSync(path!, of)
    writeFileSync(`${path}.sig`, content)
    return load(path!, {}, { signature: { publicKey } })
  }

  test('is 64 bytes, or text', async () => {
    const value = sign(null, bytes, pair.privateKey)
    for (const content of [value, `${value.toString('hex')}\n`, value.toString('base64')]) {
      expect((await signed(content)).exports.f()).toBe(7)
    }
  })

  test('that is not there, or is none, is refused', async () => {
    const value = sign(null, bytes, pair.privateKey)
    expect(await rejectionOf(signed(value, other))).toMatchObject({ code: 'ERR_RELINK_UNTRUSTED', file: path })
    expect(await rejectionOf(signed('no signature'))).toMatchObject({
      code: 'ERR_RELINK_UNTRUSTED',
      check: 'signature',
    })
    rmSync(`${path}.sig`)
    const error = await rejectionOf(load(path!, {}, { signature: { publicKey } }))
    expect(error).toMatchObject({ code: 'ERR_RELINK_UNTRUSTED', file: path, cause: { code: 'ENOENT' } })
  })
})

test('the disk cache gives no other code than that of the bytes', async () => {
  writeFileSync(path!, other)
  await compileFile(path!)
  writeFileSync(path!, bytes)
  const plugin = await load(path!, {}, { sha256: hash(bytes) })
  expect(plugin.exports.f()).toBe(7)
  // The entry of the other bytes is there, and the path is the same.
  writeFileSync(path!, other)
  expect(await rejectionOf(load(path!, {}, { sha256: hash(bytes) }))).toMatchObject({ code: 'ERR_RELINK_UNTRUSTED' })
})

test('bytes that are written to after the call are those of the call', async () => {
  const given = bytes.slice()
  const promise = instantiate(given, {}, { sha256: hash(given), slots: ['f'] })
  given.fill(0)
  expect((await promise).instance.exports.f()).toBe(7)
})

test('validate says no', () => {
  expect(validate(bytes, { sha256: hash(bytes) })).toBe(true)
  expect(validate(bytes, { sha256: hash(other) })).toBe(false)
})

const PRIVATE =
  /^expected an Ed25519 public key as `options.signature.publicKey`, got a private key: give its public half$/

test('wrong options say what was expected', async () => {
  const value = sign(null, bytes, pair.privateKey)
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
  const wrong: [CompileOptions, RegExp][] = [
    [{ sha256: 'abc' }, /32 bytes of a SHA-256 hash/],
    [{ sha256: new Uint8Array(31) }, /32 bytes/],
    [{ sha256: 7 as never }, /a text or a Uint8Array/],
    [{ signature: {} as never }, /publicKey/],
    [{ signature: { publicKey: 'abc', value } }, /an Ed25519 public key/],
    [{ signature: { publicKey: rsa, value } }, /not one of type rsa/],
    [{ signature: { publicKey: pair.privateKey, value } }, PRIVATE],
    [{ signature: { publicKey: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string, value } }, PRIVATE],
    [{ signature: { publicKey: pair.privateKey.export({ format: 'jwk' }), value } }, PRIVATE],
    [{ signature: { publicKey: pair.publicKey, value: 'short' } }, /64 bytes/],
    [{ signature: { publicKey: pair.publicKey } }, /signature\.value/],
    [
      { signature: { publicKey: pair.publicKey, valeu: value } as never },
      /unknown option `valeu` in `options.signature`/,
    ],
  ]
  for (const [options, words] of wrong) {
    const error = thrownBy(() => new Module(bytes, options))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(words)
  }
  const module = new Module(bytes)
  const error = await rejectionOf(instantiate(module, {}, { sha256: hash(bytes) } as never))
  expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
})

describe('imports', () => {
  test('are known before anything runs, and none is there unless it was given', async () => {
    const wants = await wat(`(module (import "env" "read" (func (param i32) (result i32)))
      (func $start (drop (call 0 (i32.const 1)))) (start $start))`)
    const module = new Module(wants)
    expect(Module.imports(module)).toEqual([{ module: 'env', name: 'read', kind: 'function' }])
    Object.assign(Object.prototype, { unrelated: 1 })
    try {
      for (const imports of [undefined, {}, { env: {} }, { env: { write: () => 0 } }]) {
        const { code } = thrownBy(() => new Instance(module, imports as never))
        expect(['ERR_INVALID_ARG_TYPE', 'ERR_RELINK_IMPORT']).toContain(code)
      }
    } finally {
      delete (Object.prototype as { unrelated?: number }).unrelated
    }
    let calls = 0
    expect(new Instance(module, { env: { read: () => ++calls } })).toBeInstanceOf(Instance)
    expect(calls).toBe(1)
  })

  const inherited = [
    ['constructor', 'keys'],
    ['toString', 'constructor'],
    ['__proto__', 'toString'],
    ['env', 'constructor'],
    ['env', 'toString'],
    ['made', 'call'],
    ['made', 'constructor'],
    ['class', 'constructor'],
  ] as const
  test.each(inherited)('what every object has is not given: %s.%s', async (from, name) => {
    const module = new Module(
      await wat(`(module (import "${from}" "${name}" (func (param externref) (result externref))))`),
    )
    for (const Class of [Instance, WebAssembly.Instance as typeof Instance]) {
      const imports = { env: {}, made: (() => {}) as never, class: Object.create({ constructor() {} }) as never }
      const { code } = thrownBy(() => new Class(module, imports))
      expect(['ERR_INVALID_ARG_TYPE', 'ERR_RELINK_IMPORT']).toContain(code)
    }
  })

  test('what a class or a prototype of the host has is given', async () => {
    class Env {
      read() {
        return 1
      }
      static read() {
        return 2
      }
    }
    class Derived extends Env {}
    const module = new Module(await wat('(module (import "env" "read" (func (result i32))) (export "f" (func 0)))'))
    const proxy = new Proxy({}, { get: () => () => 3 })
    const namespaces = [new Derived(), Derived, Object.create({ read: () => 4 }), proxy]
    const results = namespaces.map((env) => new Instance(module, Object.create({ env }) as never).exports.f())
    expect(results).toEqual([1, 2, 4, 3])
  })
})
